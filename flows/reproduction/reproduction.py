"""A record -> the run again, in a clean folder, and a verdict per stage.

Everything comes from the record: its source archive is unpacked, its parameters are put in place, and its own code runs
the graph there. The folder has its own DVC cache and no remote, so nothing is restored and every stage runs. Of the
calling checkout only cache and remote are read: for originals to compare with, and for the inputs of a single stage.
The same command resumes a stopped reproduction.
"""

import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.common import errors
from components.ingest import sources
from flows.dvc import pins
from flows.dvc.listings import copy_out
from flows.dvc.repository import Repository
from flows.execution.coordinator import Coordinator, exclusive_run
from flows.execution.local import LocalExecutor
from flows.graph import fingerprint, lockfile
from flows.graph.graph import Stage
from flows.graph.untrusted import relative
from flows.machine import signals
from flows.machine.processes import Interrupted, StageFailed
from flows.machine.workspace import CONSTRAINTS, PARAMS, Workspace
from flows.reproduction.report import FILE, Reproduction, StageVerdict, write_verdict
from flows.runs import record_view, run_records, source_archive
from flows.runs.sources import TABLE, folders, save_folders

OF = ".videopoet/reproduces"  # file in the folder: the reproduced run
OWN = """[core]
    analytics = false
    autostage = false
    remote = ""
[cache]
    dir = cache
"""
NOT_PASSED_ON = ("VIDEOPOET_", "MLFLOW_TRACKING_URI", "PYTHONSAFEPATH")  # set anew for the folder


@dataclass(frozen=True)
class ReproductionResult:
    """Exit code, 0 if no stage is different, and the verdicts as text."""

    code: int
    lines: tuple[str, ...]


def reproduce(
    workspace: Workspace, name: str, stage: str, into: Path | None, media: Mapping[str, Path | str], tolerance: float
) -> ReproductionResult:
    """Run a record again, or one stage of it; raises ValueError for missing inputs."""
    record_folder = run_records.find(workspace, name)
    record = run_records.read(record_folder)
    stages = _stages(record, stage)
    for warning in _warnings(record_folder, record):
        print(f"warning: {warning}", file=sys.stderr)
    originals = Repository(workspace.root)
    folder = into or workspace.folder("reproduce") / f"{record_folder.name}{f'.{stages[0]}' if stage else ''}"
    _prepare(folder, record_folder, record, stages, originals, single=bool(stage))
    _link_media(Workspace(folder), record, stages, {**folders(workspace), **media})
    print(f"reproducing run {record_folder.name} in {folder}", flush=True)
    for variable in [found for found in os.environ if found.startswith(NOT_PASSED_ON)]:
        del os.environ[variable]
    code = _run_stage(folder, stages[0]) if stage else _run(folder, stages)
    verdicts = Reproduction(record_folder, folder, originals, tolerance).verdicts(stages)
    kinds = Counter(verdict.kind for verdict in verdicts)
    lines = [line for verdict in verdicts for line in _shown(verdict)]
    lines += ["", f"verdict {write_verdict(folder, record['run'], verdicts)}"]
    lines += [", ".join(f"{count} {kind}" for kind, count in kinds.items())]
    return ReproductionResult(code or int(kinds["different"] + kinds["not run"] > 0), tuple(lines))


def _stages(record: Mapping[str, Any], stage: str) -> tuple[str, ...]:
    names = [relative(name, "the record") for name in record_view.made(record)]  # they name folders
    found = [name for name in names if name == stage] or [name for name in names if name.startswith(stage)]
    if stage and len(found) != 1:
        raise ValueError(f"{len(found)} stages of the run begin with `{stage}`: choose from {', '.join(names)}")
    return tuple(found)


def _warnings(folder: Path, record: Mapping[str, Any]) -> list[str]:
    found = []
    if not run_records.is_consistent(record):
        found.append("the record does not match its own hash: it was changed after it was written")
    here = fingerprint.installed(folder / CONSTRAINTS)
    changed = fingerprint.changed(record["numerics"]["versions"], here)
    if changed:
        versions = ", ".join(f"{name} {old or 'none'} → {new or 'none'}" for name, old, new in changed)
        found.append(f"library versions have changed since: {versions}")
    return found


def _prepare(
    folder: Path,
    record_folder: Path,
    record: Mapping[str, Any],
    stages: tuple[str, ...],
    originals: Repository,
    *,
    single: bool,
) -> None:
    """Create the folder atomically; keep one that a stopped reproduction of the same run left.

    A `single` stage gets its inputs from the original run.
    """
    stage = stages[0] if single else ""
    if folder.exists():
        if not (folder / OF).is_file() or (folder / OF).read_text() != f"{record['run']} {stage}\n":
            raise ValueError(f"{folder} exists and holds something else: choose another folder with --into")
        return
    if not (record_folder / source_archive.ARCHIVE).is_file():
        raise ValueError(f"the record {record_folder} has no source: an earlier version of this software wrote it")
    beside = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(beside, ignore_errors=True)
    source_archive.unpack(record_folder / source_archive.ARCHIVE, beside)
    shutil.copy2(record_folder / PARAMS, beside / PARAMS)
    source_archive.init_repository(
        beside, f"source of run {record_folder.name}", hidden=("/.videopoet/", f"/{FILE}", "/.dvc/config.local")
    )
    (beside / ".dvc").mkdir(exist_ok=True)
    (beside / ".dvc/config.local").write_text(OWN)
    if single:
        _copy_inputs(beside, record_folder, stage, originals)
    if (beside / pins.FILE).is_file():
        _copy_pins(beside, record_folder, stages, originals)
    (beside / OF).parent.mkdir(exist_ok=True)
    (beside / OF).write_text(f"{record['run']} {stage}\n")
    beside.rename(folder)


def _copy_inputs(folder: Path, record_folder: Path, stage: str, originals: Repository) -> None:
    """Copy the stage's inputs that other stages produced, by hash, and their entries of dvc.lock."""
    entries = lockfile.read(record_folder / "dvc.lock")
    producers = {out: name for name, entry in entries.items() for out in entry.outs}
    needed = {dep: item.md5 for dep, item in entries[stage].deps.items() if dep in producers}
    _copy(needed, folder, originals, "reproduce the whole run")
    lockfile.keep(record_folder / "dvc.lock", folder / "dvc.lock", {producers[path] for path in needed})


def _copy_pins(folder: Path, record_folder: Path, stages: tuple[str, ...], originals: Repository) -> None:
    """Copy the artifacts that the run took from another run, by hash: they are inputs, not results."""
    entries, pinned = lockfile.read(record_folder / "dvc.lock"), Repository(folder).pins
    paths = {path for stage in stages for path in entries[stage].deps} & pinned.keys()
    _copy(
        {path: pinned[path].md5 for path in sorted(paths)},
        folder,
        originals,
        "push it with `dvc push` from a checkout that has it",
    )


def _copy(needed: Mapping[str, str], folder: Path, originals: Repository, remedy: str) -> None:
    for path, md5 in needed.items():
        if not copy_out(originals, md5, folder / path):
            raise ValueError(f"{path} ({md5}) is neither in the cache here nor in a remote: {remedy}")


def _link_media(
    there: Workspace, record: Mapping[str, Any], stages: tuple[str, ...], known: Mapping[str, Path | str]
) -> None:
    """Set the places of the run's own media in the folder, if a stage reads them."""
    table = there.root / TABLE
    if not table.is_file() or not any(str(TABLE) in record["stages"][stage]["sources"] for stage in stages):
        return
    counts = Counter(row.root for row in sources.read(table) if row.state == "present")
    for alias, count in counts.items():
        root = known.get(alias, Path("none"))
        if isinstance(root, Path) and not root.is_dir():
            raise ValueError(
                f"the run also used {count} files of `{alias}`: give their folder by --media {alias}=FOLDER"
            )
    save_folders(there, {alias: _absolute(known[alias]) for alias in counts})


def _absolute(root: Path | str) -> Path | str:
    return root.absolute() if isinstance(root, Path) else root


def _run(folder: Path, stages: tuple[str, ...]) -> int:
    """Run the graph with the code in the folder."""
    command = [sys.executable, "-m", "flows.cli", "run", *stages]
    process = subprocess.Popen(command, cwd=folder, start_new_session=True)
    with signals.caught(process.send_signal):
        return process.wait()


def _run_stage(folder: Path, name: str) -> int:
    """Run one stage in the folder, which has its inputs."""
    here = Path.cwd()
    os.chdir(folder)
    try:
        workspace, repository = Workspace(folder), Repository(folder)
        graph = repository.graph()
        stage = graph.by_name[name]
        executor = LocalExecutor(workspace, repository, [stage])
        coordinator = Coordinator(workspace, repository, graph, [stage], executor)
        with exclusive_run(workspace, print), signals.caught(lambda _: executor.stop()):
            return _bring_up_to_date(coordinator, stage)
    finally:
        os.chdir(here)


def _bring_up_to_date(coordinator: Coordinator, stage: Stage) -> int:
    try:
        coordinator.ensure_up_to_date(stage, print)
    except StageFailed as error:
        print(error, file=sys.stderr)
        coordinator.state.end("failed")
        return error.code
    except Interrupted:
        coordinator.state.end("stopped")
        return errors.STOPPED
    coordinator.state.end("whole")
    return 0


def _shown(verdict: StageVerdict) -> list[str]:
    return [f"{verdict.kind:<16}  {verdict.stage}", *(f"{'':<18}{reason}" for reason in verdict.reasons)]
