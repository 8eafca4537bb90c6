"""The checkout for fine-tuning: this checkout's code and settings, the base's parameters and pins, the new sources.

It is in .videopoet/finetune, with its own dvc.yaml derived from this one's, so that plan, run, `dvc repro`,
records, reproduction and promotion work there as here. It shares this checkout's cache, remotes, records, registry and
caches. A new layout keeps the outputs of its stages: DVC decides which of them are up to date.
"""

import shutil
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import yaml

from components.common import codelock, params
from components.common.artifacts import replace_file
from components.ingest import sources
from components.ingest.sources import Source
from flows.dvc import pins
from flows.dvc.repository import Repository
from flows.execution.coordinator import exclusive_run
from flows.finetuning import graph, settings
from flows.finetuning.base import KNOWN, Base
from flows.machine.processes import locked
from flows.machine.workspace import FINETUNE, GRAPH, PARAMS, Workspace
from flows.promotion import gate
from flows.runs import source_archive
from flows.runs.sources import TABLE

SHARED = ("cache", "code", "decisions", "mlflow", "runs")  # folders of .videopoet
SHARED_FILES = ("mlflow.db", "roots.json")


def new_sources(base: Base) -> list[Source]:
    """Return the user's sources that the base does not know, each file once."""
    known = {one.sha256 for one in base.known_sources()}
    listed = [one for one in sources.read(TABLE) if one.state == "present"] if TABLE.is_file() else []
    return list({one.sha256: one for one in listed if one.sha256 not in known}.values())


def lay_out(workspace: Workspace, base: Base, new: Sequence[Source]) -> Workspace:
    """Create or update the checkout; the current folder must be the root of `workspace`.

    Raises errors.Retryable if a run is in progress there, ValueError for what the user must fix first.
    """
    there = Workspace(workspace.folder(FINETUNE))
    with exclusive_run(there, print):
        laid = _lay_code(there.root)
        text = graph.text(yaml.safe_load(Path(GRAPH).read_text()))
        (there.root / GRAPH).write_text(text)
        if (there.root / codelock.FOLDER).is_dir():
            (there.root / codelock.FOLDER / codelock.GRAPH).write_text(text)
            laid.append(f"{codelock.FOLDER}/{codelock.GRAPH}")
        _write_params(there.root / PARAMS, base, yaml.safe_load(text)["stages"])
        (there.root / TABLE.parent).mkdir(exist_ok=True)
        sources.write(there.root / TABLE, new)
        sources.write(there.root / KNOWN, base.known_sources())
        config = there.root / ".dvc/config.local"
        config.touch(mode=0o600)
        config.write_text(pins.settings(Repository(workspace.root).dvc))
        source_archive.track_head(there.root, [*laid, GRAPH, PARAMS, str(TABLE), str(KNOWN)])
        _share(workspace, there)
        pins.write(there.root / pins.FILE, base.pins(Repository(there.root).graph()))
    return there


def _lay_code(folder: Path) -> list[str]:
    """Replace the source in `folder` by this checkout's; returns its paths."""
    if (folder / ".git").is_dir():
        for name in [*source_archive.names(folder), *source_archive.omitted(folder)]:
            (folder / name).unlink()
    laid = source_archive.names()
    for name in laid:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(name, folder / name, follow_symlinks=False)
        shutil.copymode(name, folder / name, follow_symlinks=False)
    if not (folder / ".dvc").is_dir():
        raise ValueError("git does not track .dvc here: use a git clone, after `dvc init`")
    return laid


def _write_params(path: Path, base: Base, stages: Mapping[str, Any]) -> None:
    """Write the base's parameters that the graph reads; sections `finetune` and `gate` come from this checkout."""
    here, theirs = params.read(Path(PARAMS)), base.params
    read = {key.split(".")[0] for stage in stages.values() for key in stage.get("params", [])} - {settings.SECTION}
    settings.of(here)
    chosen: dict[str, Any] = {name: theirs[name] for name in theirs if name in read}
    if "pretokenize" in chosen:  # only super-resolution trains on pairs
        pairs = chosen["pretokenize"]["pairs"] | {"stage1_clips": 0, "stage2_clips": 0}
        chosen["pretokenize"] = chosen["pretokenize"] | {"pairs": pairs}
    chosen[settings.SECTION] = here[settings.SECTION] | {"base": base.run}
    chosen[gate.SECTION] = params.section_of(here, gate.SECTION)
    text = yaml.safe_dump(chosen, sort_keys=False, allow_unicode=True)
    replace_file(path, f"# Written by `videopoet finetune`, from the parameters of run {base.name}.\n{text}".encode())


def _share(workspace: Workspace, there: Workspace) -> None:
    """Link the shared folders and files of .videopoet."""
    for name in SHARED:
        workspace.folder(name)
    for name in (*SHARED, *SHARED_FILES):
        link = there.home / name
        link.unlink(missing_ok=True)
        link.symlink_to(workspace.home / name)


def turn(workspace: Workspace) -> AbstractContextManager[None]:
    """Hold the only fine-tune of a checkout for a block; raises Busy if there is another."""
    refusal = f"another fine-tune of {workspace.root} is in progress: wait for it, or stop it"
    return locked(workspace.home / "finetune.lock", refusal)
