"""The record of a run: what it was made of, what it made, and what that took.

`recipe` is the hash of everything that goes in (commands, parameters, code, sources of the stages), `run` the hash of
recipe and outputs: equal work has equal names, wherever it was done. A run is called by the first 10 hex digits.
Records lie in .videopoet/runs/<name>/ and hold all that a person needs to look at the run again: record.json, dvc.lock,
params.yaml, constraints.txt, source.diff, logs/, report/ and an index.html around it.
"""

import getpass
import hashlib
import json
import os
import platform
import shutil
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from components.common.artifacts import hash_file, write_json
from flows import page
from flows.graph import Entry, Graph, Stage
from flows.placement import cores
from flows.tracking import measures
from flows.workspace import CONSTRAINTS, PARAMS, Workspace

SCHEMA_VERSION = 1
NAME_DIGITS = 10


@dataclass(frozen=True)
class Identity:
    """The hashes of a run, and the values that they are hashes of."""

    recipe: str
    run: str
    stages: Mapping[str, Any]
    outputs: Mapping[str, str]

    @property
    def name(self) -> str:
        """What people call the run."""
        return self.run[:NAME_DIGITS]


def identity(graph: Graph, entries: Mapping[str, Entry]) -> Identity:
    """Hash the recipe and the outputs of the stages that have `entries` (name -> entry)."""
    stages = {
        name: {
            "cmd": entry.cmd,
            "params": dict(entry.params),
            "sources": {path: item.md5 for path, item in entry.deps.items() if path not in graph.maker},
        }
        for name, entry in entries.items()
    }
    outputs = {path: item.md5 for entry in entries.values() for path, item in entry.outs.items()}
    recipe = _hash(stages)
    return Identity(recipe, _hash({"outputs": outputs, "recipe": recipe}), stages, outputs)


def write(workspace: Workspace, graph: Graph, entries: Mapping[str, Entry]) -> Path:
    """Write the record of the present results of the stages with `entries`; returns its folder, whole."""
    who = identity(graph, entries)
    folder = workspace.folder("runs") / who.name
    beside = folder.with_name(f".{who.name}.partial")
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir()
    revision = _git("rev-parse", "HEAD").strip()
    difference = _difference()
    record = {
        "schema_version": SCHEMA_VERSION,
        "run": who.run,
        "recipe": who.recipe,
        "stages": who.stages,
        "outputs": who.outputs,
        "took": {name: _took(workspace, name, entry) for name, entry in entries.items()},
        "metrics": {path: values for path in sorted(who.outputs) if (values := measures(Path(path)))},
        "written": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "by": getpass.getuser(),
        "source": {"revision": revision, "uncommitted": bool(difference)},
        "constraints": hash_file(Path(CONSTRAINTS)) if Path(CONSTRAINTS).is_file() else "",
        "numerics": numerics(graph, entries),
    }
    write_json(beside / "record.json", record)
    (beside / "source.diff").write_text(difference)
    for file in (PARAMS, CONSTRAINTS, "dvc.lock"):
        if Path(file).is_file():
            shutil.copy2(file, beside)
    logs = workspace.folder("logs")
    (beside / "logs").mkdir()
    for name in entries:
        if (logs / f"{name}.log").is_file():
            shutil.copy2(logs / f"{name}.log", beside / "logs")
    if report := report_of(graph):
        shutil.copytree(report, beside / "report")
    (beside / "index.html").write_text(page.render(record))
    shutil.rmtree(folder, ignore_errors=True)
    beside.rename(folder)
    return folder


def read(workspace: Workspace, name: str) -> dict[str, Any]:
    """Read the record whose name begins with `name`; raises ValueError if none or several do."""
    found = [path for path in sorted(workspace.folder("runs").glob(f"{name}*/record.json"))]
    if len(found) != 1:
        raise ValueError(f"{len(found)} records begin with `{name}`: `videopoet runs` lists them all")
    record: dict[str, Any] = json.loads(found[0].read_text())
    return record


def listed(workspace: Workspace) -> list[dict[str, Any]]:
    """Every record, the newest first."""
    records = [json.loads(path.read_text()) for path in workspace.folder("runs").glob("[!.]*/record.json")]
    return sorted(records, key=lambda record: str(record["written"]), reverse=True)


def numerics(graph: Graph, entries: Mapping[str, Entry]) -> dict[str, Any]:
    """The class within which equal work gives equal bytes: processor, threads of each stage, torch."""
    return {
        "processor": _processor(),
        "cores": cores(),
        "threads": {name: graph.by_name[name].threads for name in entries if name in graph.by_name},
        "torch": _version("torch"),
        "python": platform.python_version(),
    }


def report_of(graph: Graph) -> Path | None:
    """The folder of the report, if it is there: the output of the last stage that makes an index.html."""
    return next((folder for stage in reversed(graph.stages) for folder in _with(stage, "index.html")), None)


def videos_of(graph: Graph, count: int) -> list[Path]:
    """Some generated videos worth looking at first: different tasks, from text where there are such, at full size."""
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


def _took(workspace: Workspace, name: str, entry: Entry) -> dict[str, Any]:
    """Time and memory of the run that made these outputs, if it was made here."""
    path = workspace.folder("stages") / f"{name}.json"
    note: dict[str, Any] = json.loads(path.read_text()) if path.is_file() else {}
    made_here = note.pop("outs", None) == {out: item.md5 for out, item in entry.outs.items()}
    return note if made_here else {}


def _difference() -> str:
    """What `git apply` needs to get from the revision to the present source, new files included."""
    parts = [_git("diff", "--binary", "HEAD")]
    for path in _git("ls-files", "--others", "--exclude-standard").splitlines():
        if path != "dvc.lock":
            parts.append(_git("diff", "--binary", "--no-index", "--", os.devnull, path))
    return "".join(parts)


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], capture_output=True, text=True, errors="replace", check=False)
    return done.stdout if done.returncode in (0, 1) else ""


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    names = [line for line in info.read_text().splitlines() if line.startswith("model name")] if info.exists() else []
    return names[0].partition(":")[2].strip() if names else platform.processor() or platform.machine()


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


def _hash(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
