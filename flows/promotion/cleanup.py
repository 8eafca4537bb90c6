"""Kept runs -> the objects and records that may be deleted from the cache, the remote and this machine.

Objects needed by the present dvc.lock or by a kept run are never deleted. If a run to be kept has no record, so that
its objects are unknown, the cleanup stops.
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
class RetentionPolicy:
    """Rules for the runs to keep."""

    champion: bool
    last: int
    pinned: bool

    @classmethod
    def read(cls, text: str) -> "RetentionPolicy":
        """Parse `champion,last=5,pinned`; raises ValueError for anything else."""
        parts = [part.strip() for part in text.split(",")]
        counts = [part.removeprefix("last=") for part in parts if part.startswith("last=")]
        unknown = [part for part in parts if part not in ("champion", "pinned") and not part.startswith("last=")]
        if unknown or len(counts) > 1 or not all(count.isdigit() for count in counts):
            raise ValueError(f"--keep {text}: use `champion`, `last=NUMBER` and `pinned`, separated by commas")
        return cls("champion" in parts, int(counts[0]) if counts else 0, "pinned" in parts)


@dataclass(frozen=True)
class CleanupPlan:
    """Records and objects to delete."""

    kept: Mapping[str, str]  # run -> reason
    records: tuple[Path, ...]
    surplus: tuple[tuple[ObjectStore, Mapping[str, int]], ...]

    def lines(self) -> Iterator[str]:
        """Yield a line per kept run and per deletion."""
        for name, why in self.kept.items():
            yield f"keep    {name}  {why}"
        for folder in self.records:
            yield f"delete  {folder.name}  its local record, and its objects that no kept run needs"
        for store, surplus in self.surplus:
            yield f"delete  {len(surplus):,} objects, {sum(surplus.values()) / 1e6:,.1f} MB, of the {store.name}"

    def carry_out(self) -> None:
        """Delete the records and objects."""
        for store, surplus in self.surplus:
            store.remove(surplus)
        for folder in self.records:
            shutil.rmtree(folder)


def cleaning(workspace: Workspace, repository: Repository, keep: RetentionPolicy, *, remote: bool) -> CleanupPlan:
    """Plan the cleanup.

    Raises ValueError if the objects of a run to be kept, or of the present lock, are unknown.
    """
    places, records = _stores(repository, remote=remote), run_records.listed(workspace, remote=remote)
    kept = dict(_kept(workspace, keep, records))
    needed = _needed(repository, workspace.root, {}) | _needed(repository, workspace.home / FINETUNE, {})
    for name in kept:
        folder = run_records.find(workspace, name)
        needed |= _needed(repository, folder, json.loads((folder / run_records.FILES).read_text()))
    here = [path.parent for path in sorted(workspace.folder("runs").glob(f"[!.]*/{run_records.RECORD}"))]
    return CleanupPlan(
        kept,
        tuple(folder for folder in here if folder.name not in kept),
        tuple((store, store.surplus(needed)) for store in places),
    )


def pin(workspace: Workspace, name: str, *, pinned: bool) -> str:
    """Pin or unpin a run; returns its full name."""
    found = run_records.find(workspace, name).name
    names = {*pins(workspace)} - {found} | ({found} if pinned else set())
    (workspace.home / PINS).write_text("".join(f"{one}\n" for one in sorted(names)))
    return found


def pins(workspace: Workspace) -> list[str]:
    """Return the pinned runs."""
    path = workspace.home / PINS
    return path.read_text().split() if path.is_file() else []


def _kept(workspace: Workspace, keep: RetentionPolicy, records: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    for record in reversed(records[: keep.last]):
        yield record["run"][: run_records.NAME_DIGITS], "one of the last"
    for name in pins(workspace) if keep.pinned else ():
        yield name, "pinned"
    for registered in Registry(workspace.tracking_uri).all() if keep.champion else ():
        for alias in registered.aliases:
            if alias != "candidate":
                yield registered.run, alias


def _needed(repository: Repository, folder: Path, files: Mapping[str, Mapping[str, str] | None]) -> set[str]:
    """Return the hashes of all artifacts in the dvc.lock of a folder and of their files, by `files` if listed there.

    Inputs count like outputs: a fine-tune uses models of another run.
    """
    needed = set[str]()
    for path, item in lockfile.items(lockfile.read(folder / "dvc.lock")).items():
        listed = files.get(path) or listing(repository, item.md5)
        if listed is None:
            raise ValueError(
                f"the files in {path} ({item.md5}) are unknown: recreate it with `videopoet run`, then try again"
            )
        needed |= {item.md5, *listed.values()}
    return needed


def _stores(repository: Repository, *, remote: bool) -> list[ObjectStore]:
    """Return the cache of a checkout and, if requested, the default remote.

    Raises ValueError if the cache is outside the checkout, where others may use it, or if there is no remote.
    """
    cache = repository.dvc.cache.local
    if not Path(cache.path).resolve().is_relative_to(Path(repository.dvc.root_dir).resolve()):
        raise ValueError(f"the cache {cache.path} may be shared: clean it with `dvc gc --projects`")
    found = [ObjectStore("cache", cache, repository.dvc.stage_cache.cache_dir)]
    if remote:
        if repository.remote is None:
            raise ValueError("there is no default remote: add one with `dvc remote add -d NAME URL`")
        found.append(repository.remote.store())
    return found
