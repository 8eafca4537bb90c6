"""The record of a run: inputs, outputs and resource usage.

`recipe` is the hash of all inputs (commands, parameters, code, sources of the stages), `run` the hash of recipe and
outputs: equal work has equal names on any machine. The name of a run is its first 10 hex digits. Records are in
.videopoet/runs/<name>/ and contain everything to inspect and repeat the run: record.json, source.tar.gz, source.diff,
dvc.lock, files.json (hash of each file of each output), params.yaml, constraints.txt, logs/, the outputs with the
report, the data card and the scores, and index.html (record_page.py).
"""

import getpass
import hashlib
import json
import platform
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, TypeVar

from components.common.artifacts import hash_file, write_json
from flows.dvc.listings import copy_out, listing
from flows.graph import fingerprint
from flows.graph.graph import Graph, LockEntry, Stage
from flows.graph.placement import cores
from flows.graph.untrusted import inside
from flows.machine import run_state
from flows.machine.workspace import CONSTRAINTS, PARAMS, Workspace
from flows.runs import source_archive
from flows.runs.tracking import METRICS, measures

if TYPE_CHECKING:
    from flows.dvc.remote import Remote
    from flows.dvc.repository import Repository

SCHEMA_VERSION = 2
NAME_DIGITS = 10
LATEST = re.compile(r"latest(?:~(\d{1,4}))?")
Found = TypeVar("Found")
RECORD, FILES = "record.json", "files.json"
INDEX = "index.html"  # of a report
CARD = "card.html"  # page of a data card
SHOWN = {INDEX, CARD, "scores.json"}  # an output with one of these is copied into the record


@dataclass(frozen=True)
class Identity:
    """The hashes of a run, and the values that are hashed."""

    recipe: str
    run: str
    stages: Mapping[str, Any]
    outputs: Mapping[str, str]

    @property
    def name(self) -> str:
        """Short name of the run."""
        return self.run[:NAME_DIGITS]


def identity(graph: Graph, entries: Mapping[str, LockEntry]) -> Identity:
    """Hash the recipe and the outputs of the stages that have `entries` (name -> entry)."""
    stages = {
        name: {
            "cmd": entry.cmd,
            "params": dict(entry.params),
            "sources": {path: item.md5 for path, item in entry.deps.items() if path not in graph.producer},
        }
        for name, entry in entries.items()
    }
    outputs = {path: item.md5 for entry in entries.values() for path, item in entry.outs.items()}
    recipe = _hash(stages)
    return Identity(recipe, _hash({"outputs": outputs, "recipe": recipe}), stages, outputs)


def write(
    workspace: Workspace, repository: "Repository", graph: Graph, entries: Mapping[str, LockEntry], *, ran: bool = True
) -> Path:
    """Write the record of the present results of the stages with `entries` atomically; returns its folder.

    If nothing `ran`, time and user of an earlier record are kept.
    """
    who = identity(graph, entries)
    folder = workspace.folder("runs") / who.name
    beside = folder.with_name(f".{who.name}.partial")
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir()
    difference = source_archive.difference()
    signed = {"written": run_state.now(), "by": getpass.getuser()}
    if not ran and (folder / RECORD).is_file():
        signed = {key: read(folder)[key] for key in signed}
    files = {path: listing(repository, md5) for path, md5 in sorted(who.outputs.items())}
    record = {
        "schema_version": SCHEMA_VERSION,
        "run": who.run,
        "recipe": who.recipe,
        "stages": who.stages,
        "outputs": who.outputs,
        "made": [{"stage": name, "outs": list(entry.outs)} for name, entry in entries.items()],  # in running order
        "took": {name: _took(workspace, name, entry) for name, entry in entries.items()},
        "metrics": {path: values for path in files if (values := _measures(repository, path, files[path] or {}))},
        **signed,
        "source": {"revision": source_archive.revision(), "uncommitted": bool(difference)},
        "constraints": hash_file(Path(CONSTRAINTS)) if Path(CONSTRAINTS).is_file() else "",
        "numerics": {
            **{key: value for key, value in fingerprint.current(0).items() if key in ("processor", "device", "torch")},
            "threads": {name: graph.by_name[name].threads for name in entries if name in graph.by_name},
            "cores": cores(),
            "python": platform.python_version(),
            "versions": fingerprint.installed(Path(CONSTRAINTS)),
        },
    }
    write_json(beside / RECORD, record)
    write_json(beside / FILES, files)
    source_archive.archive(beside / source_archive.ARCHIVE)
    (beside / source_archive.DIFFERENCE).write_text(difference)
    for file in (PARAMS, CONSTRAINTS, "dvc.lock"):
        if Path(file).is_file():
            shutil.copy2(file, beside)
    logs = workspace.folder("logs")
    (beside / "logs").mkdir()
    for name in entries:
        if (logs / f"{name}.log").is_file():
            shutil.copy2(logs / f"{name}.log", beside / "logs")
    for path in who.outputs:
        if SHOWN & {*(files[path] or {})}:
            copy_out(repository, who.outputs[path], inside(beside, path, f"the record {who.name}"))
    shutil.rmtree(folder, ignore_errors=True)
    beside.rename(folder)
    return folder


def find(workspace: Workspace, name: str) -> Path:
    """Return the folder of the record whose name begins with `name`, fetched from the default remote if it is not here.

    `latest` is the newest local record, `latest~1` the one before it, and so on. Raises ValueError if no record or
    several match, errors.Retryable if the remote is needed but unavailable.
    """
    if age := LATEST.fullmatch(name):
        return _of_age(workspace, int(age[1] or 0))
    name = name[:NAME_DIGITS]
    here = {path.parent.name: path.parent for path in workspace.folder("runs").glob(f"[!.]*/{RECORD}")}
    if found := [folder for known, folder in here.items() if known.startswith(name)]:
        return _only(name, found)
    remote = _remote(workspace)
    known = _only(name, [known for known in remote.record_names() if known.startswith(name)] if remote else [])
    assert remote is not None
    folder = workspace.folder("runs") / known
    beside = folder.with_name(f".{known}.partial")
    shutil.rmtree(beside, ignore_errors=True)
    remote.fetch_record(known, beside)
    beside.rename(folder)
    return folder


def read(folder: Path) -> dict[str, Any]:
    """Read the record in a folder."""
    record: dict[str, Any] = json.loads((folder / RECORD).read_text())
    return record


def listed(workspace: Workspace, *, remote: bool = False) -> list[dict[str, Any]]:
    """Return every local record, with `remote` also those in the default remote, newest first."""
    records = [read(path.parent) for path in workspace.folder("runs").glob(f"[!.]*/{RECORD}")]
    if remote:
        if (there := _remote(workspace)) is None:
            raise ValueError("there is no default remote: add one with `dvc remote add --default NAME URL`")
        records += there.records()
    return sorted({r["run"]: r for r in reversed(records)}.values(), key=lambda r: str(r["written"]), reverse=True)


def is_consistent(record: Mapping[str, Any]) -> bool:
    """Return True if a record's hashes match its content."""
    recipe = _hash(record["stages"])
    return bool(record["recipe"] == recipe and record["run"] == _hash({"outputs": record["outputs"], "recipe": recipe}))


def report_of(graph: Graph) -> Path | None:
    """Return the folder of the report, if it exists: the output of the last stage that writes an index.html."""
    return next((folder for stage in reversed(graph.stages) for folder in _with(stage, INDEX)), None)


def card_of(graph: Graph) -> Path | None:
    """Return the folder of the data card, if it exists."""
    return next((folder for stage in graph.stages for folder in _with(stage, CARD)), None)


def videos_of(graph: Graph, count: int) -> list[Path]:
    """Return some generated videos to show first: different tasks, text-to-video first, at full resolution."""
    folder = next((folder for stage in graph.stages for folder in _with(stage, "samples.parquet")), None)
    if folder is None:
        return []
    import pyarrow.parquet

    rows = pyarrow.parquet.read_table(folder / "samples.parquet", columns=["task", "stage", "path"]).to_pylist()
    rows = [row for row in rows if row["path"].endswith(".mp4")]
    rows.sort(key=lambda row: (not row["task"].startswith("text"), row["stage"] != "super_resolution"))
    of_task = {row["task"]: folder / row["path"] for row in reversed(rows)}
    first = [of_task[task] for task in dict.fromkeys(row["task"] for row in rows)]
    return list(dict.fromkeys([*first, *(folder / row["path"] for row in rows)]))[:count]


def _with(stage: Stage, file: str) -> list[Path]:
    return [Path(out) for out in stage.outs if (Path(out) / file).is_file()]


def _measures(repository: "Repository", path: str, files: Mapping[str, str]) -> dict[str, float]:
    """Return the metrics of an output, wherever it is."""
    if METRICS not in files:
        return {}
    with TemporaryDirectory() as folder:
        repository.copy(files[METRICS], Path(folder) / METRICS)
        return measures(Path(folder))


def _took(workspace: Workspace, name: str, entry: LockEntry) -> dict[str, Any]:
    """Return time and memory of the run that computed these outputs, if it ran here."""
    path = workspace.folder("stages") / f"{name}.json"
    note: dict[str, Any] = json.loads(path.read_text()) if path.is_file() else {}
    made_here = note.pop("outs", None) == {out: item.md5 for out, item in entry.outs.items()}
    return note if made_here else {}


def _remote(workspace: Workspace) -> "Remote | None":
    from flows.dvc.repository import Repository  # late: the import of DVC takes 1 s

    return Repository(workspace.root).remote


def _of_age(workspace: Workspace, age: int) -> Path:
    names: list[str] = [record["run"][:NAME_DIGITS] for record in listed(workspace)]
    if age >= len(names):
        raise ValueError(
            f"there are only {len(names)} records here: `videopoet runs` lists them, `videopoet run` writes one"
        )
    return workspace.folder("runs") / names[age]


def _only(name: str, found: Sequence[Found]) -> Found:
    if len(found) != 1:
        raise ValueError(f"{len(found)} records begin with `{name}`: list them with `videopoet runs --remote`")
    return found[0]


def _hash(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
