"""Which runs are kept -> what may go from the cache, the remote and the records.

Kept is what the present dvc.lock names and what any kept run made: nothing that these need is touched. A run that is
to be kept and has no record, so that nobody knows what it needs, stops everything.
"""

import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flows.dvc.listings import listing
from flows.dvc.object_store import ObjectStore
from flows.dvc.repository import Repository
from flows.graph import lockfile
from flows.machine.workspace import FINETUNE, Workspace
from flows.runs import run_records
from flows.runs.registry import Registry

PINS = "pins.txt"


@dataclass(frozen=True)
class Keep:
    """Which runs to keep."""

    champion: bool
    last: int
    pinned: bool

    @classmethod
    def read(cls, text: str) -> "Keep":
        """Read `champion,last=5,pinned`; raises ValueError for anything else."""
        parts = [part.strip() for part in text.split(",")]
        counts = [part.removeprefix("last=") for part in parts if part.startswith("last=")]
        unknown = [part for part in parts if part not in ("champion", "pinned") and not part.startswith("last=")]
        if unknown or len(counts) > 1 or not all(count.isdigit() for count in counts):
            raise ValueError(
                f"--keep {text}: write some of `champion`, `last=NUMBER` and `pinned`, with commas between"
            )
        return cls("champion" in parts, int(counts[0]) if counts else 0, "pinned" in parts)


@dataclass(frozen=True)
class Cleaning:
    """What would go."""

    kept: Mapping[str, str]  # run -> why
    records: tuple[Path, ...]
    surplus: tuple[tuple[ObjectStore, Mapping[str, int]], ...]

    def lines(self) -> Iterator[str]:
        """What is kept and what would go, in words."""
        for name, why in self.kept.items():
            yield f"keep    {name}  {why}"
        for folder in self.records:
            yield f"delete  {folder.name}  its record here, and what no kept run needs of it"
        for store, surplus in self.surplus:
            yield f"delete  {len(surplus):,} objects, {sum(surplus.values()) / 1e6:,.1f} MB, of the {store.name}"

    def carry_out(self) -> None:
        """Delete it."""
        for store, surplus in self.surplus:
            store.remove(surplus)
        for folder in self.records:
            shutil.rmtree(folder)


def cleaning(workspace: Workspace, repository: Repository, keep: Keep, *, remote: bool) -> Cleaning:
    """Look at all that is there and say what would go.

    Raises ValueError if nobody knows what a run to be kept, or the present lock, needs.
    """
    places, records = _stores(repository, remote=remote), run_records.listed(workspace, remote=remote)
    kept = dict(_kept(workspace, keep, records))
    needed = _needed(repository, workspace.root, {}) | _needed(repository, workspace.home / FINETUNE, {})
    for name in kept:
        folder = run_records.find(workspace, name)
        needed |= _needed(repository, folder, json.loads((folder / run_records.FILES).read_text()))
    here = [path.parent for path in sorted(workspace.folder("runs").glob(f"[!.]*/{run_records.RECORD}"))]
    return Cleaning(
        kept,
        tuple(folder for folder in here if folder.name not in kept),
        tuple((store, store.surplus(needed)) for store in places),
    )


def pin(workspace: Workspace, name: str, *, pinned: bool) -> str:
    """Pin a run, so that it is kept, or let it go again; returns its whole name."""
    found = run_records.find(workspace, name).name
    names = {*pins(workspace)} - {found} | ({found} if pinned else set())
    (workspace.home / PINS).write_text("".join(f"{one}\n" for one in sorted(names)))
    return found


def pins(workspace: Workspace) -> list[str]:
    """The pinned runs."""
    path = workspace.home / PINS
    return path.read_text().split() if path.is_file() else []


def _kept(workspace: Workspace, keep: Keep, records: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    for record in reversed(records[: keep.last]):
        yield record["run"][: run_records.NAME_DIGITS], "one of the last"
    for name in pins(workspace) if keep.pinned else ():
        yield name, "pinned"
    for registered in Registry(workspace.tracking_uri).all() if keep.champion else ():
        for alias in registered.aliases:
            if alias != "candidate":
                yield registered.run, alias


def _needed(repository: Repository, folder: Path, files: Mapping[str, Mapping[str, str] | None]) -> set[str]:
    """Hashes of all in the dvc.lock of a folder and of the files in it, by `files` where that tells.

    What a run was given counts as what it made: a fine-tune is given models that another run made.
    """
    needed = set[str]()
    for path, item in lockfile.items(lockfile.read(folder / "dvc.lock")).items():
        listed = files.get(path) or listing(repository, item.md5)
        if listed is None:
            raise ValueError(
                f"nobody knows which files are in {path} ({item.md5}): `videopoet run` makes it again, then clean"
            )
        needed |= {item.md5, *listed.values()}
    return needed


def _stores(repository: Repository, *, remote: bool) -> list[ObjectStore]:
    """The cache of a checkout and, if it is asked for, the default remote.

    Raises ValueError if the cache lies outside of the checkout, where others may need what is in it, or if a remote
    is asked for and there is none.
    """
    cache = repository.dvc.cache.local
    if not Path(cache.path).resolve().is_relative_to(Path(repository.dvc.root_dir).resolve()):
        raise ValueError(f"the cache {cache.path} may serve others too: clean it with `dvc gc --projects`")
    found = [ObjectStore("cache", cache, repository.dvc.stage_cache.cache_dir)]
    if remote:
        if repository.remote is None:
            raise ValueError("there is no default remote: `dvc remote add -d NAME URL` makes one")
        found.append(repository.remote.store())
    return found
