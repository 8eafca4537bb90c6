"""Folder of a record -> its index.html, and the run's facts in the copies of the report and the data card.

The page opens without a server and is complete without a report. It is written again when the gate has decided about
the run. Everything in it is escaped.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from os.path import relpath
from pathlib import Path
from typing import Any, Final

from components.common.artifacts import replace_file
from components.common.pages import environment, formatting, with_run_facts
from components.common.pages.measure_names import measure_name, readable
from flows.machine.workspace import PARAMS, Workspace
from flows.runs import record_view, run_records

TEMPLATES = Path(__file__).parent / "templates"
SIZES = ("peak_bytes", "read_bytes", "written_bytes", "bytes")
PROFILE = re.compile(r"# Profile `([\w-]+)`")
FILES: Final = {  # file of an output -> its title in the page
    "index.html": "Report",
    "card.html": "Data card",
    "scores.json": "scores.json",
    "measures.csv": "measures.csv",
    "answers.csv": "answers.csv",
}
MOST_CHANGES = 400  # lines of the difference to the previous run


@dataclass(frozen=True)
class Contents:
    """Files and decisions that the page shows beside the record."""

    links: Mapping[str, str]  # title -> path in the folder
    logs: frozenset[str]  # stages with a file logs/<stage>.log
    profile: str = ""  # "" if params.yaml does not say
    decision: Mapping[str, Any] | None = None  # of the gate, None before there is one
    previous: str = ""  # name of the run before, "" if there is none
    changes: Sequence[str] = ()  # since the run before


@dataclass(frozen=True)
class Cost:
    """Sums over the stages; a GPU second is a second of one GPU held."""

    seconds: float
    cpu_s: float
    gpu_s: float


@dataclass(frozen=True)
class MetricRow:
    """A metric in words, its value and its number of samples, None if not known."""

    key: str
    title: str
    value: float
    n: int | None


def write(workspace: Workspace, folder: Path) -> None:
    """Write index.html of the record in `folder`, and put the run's facts into its report and its data card."""
    record = run_records.read(folder)
    contents = read_contents(workspace, folder, record)
    name = folder.name
    replace_file(folder / run_records.INDEX, render(record, name=name, contents=contents).encode())
    for title in ("Report", "Data card"):
        if title in contents.links:
            path = folder / contents.links[title]
            home = relpath(folder / run_records.INDEX, path.parent)
            facts = _template("facts.html.jinja", record, name, contents, home=home)
            replace_file(path, with_run_facts(path.read_text(), facts).encode())


def read_contents(workspace: Workspace, folder: Path, record: Mapping[str, Any]) -> Contents:
    """Find what the page shows: files of outputs in the folder, logs, the gate's decision, the run before."""
    links = {
        title: f"{path}/{file}"
        for path in record["outputs"]
        for file, title in FILES.items()
        if (folder / path / file).is_file()
    }
    params = folder / PARAMS
    profile = PROFILE.match(params.read_text()) if params.is_file() else None
    previous = _previous(workspace, record)
    return Contents(
        links={title: links[title] for title in FILES.values() if title in links},
        logs=frozenset(path.stem for path in (folder / "logs").glob("*.log")),
        profile=profile.group(1) if profile else "",
        decision=_decision(workspace, folder.name),
        previous=previous.name if previous else "",
        changes=list(record_view.difference(previous, folder))[:MOST_CHANGES] if previous else (),
    )


def render(record: Mapping[str, Any], *, name: str, contents: Contents) -> str:
    """Return the HTML of the record called `name`."""
    return _template("record.html.jinja", record, name, contents, home="")


def _template(template: str, record: Mapping[str, Any], name: str, contents: Contents, *, home: str) -> str:
    took = record["took"]
    cost = Cost(*(sum(note.get(key, 0) for note in took.values()) for key in ("seconds", "cpu_s", "gpu_s")))
    with_gpu = cost.gpu_s > 0
    rows = [
        {"name": stage, "cells": _cells(note, with_gpu), "has_log": stage in contents.logs}
        for stage, note in took.items()
    ]
    columns = ["time", "CPU-seconds", *(["GPU-seconds"] if with_gpu else [])]
    return (
        environment(TEMPLATES)
        .get_template(template)
        .render(
            name=name,
            home=home,
            record=record,
            contents=contents,
            cost=cost,
            finished=_date(str(record["written"])),
            columns=[*columns, "peak memory", "read", "written", "output"],
            rows=rows,
            metrics={path: _metrics(values) for path, values in record["metrics"].items()},
            verdicts=[_verdict(verdict) for verdict in (contents.decision or {}).get("verdicts", ())],
        )
    )


def _cells(note: Mapping[str, Any], with_gpu: bool) -> list[str]:
    """Time and size of a stage in words, empty where not known."""
    return [
        formatting.duration(note["seconds"]) if note else "made elsewhere",
        f"{note['cpu_s']:,.1f}" if note else "",
        *([f"{note['gpu_s']:,.1f}" if "gpu_s" in note else ""] if with_gpu else []),
        *(formatting.size(note[key]) if key in note else "" for key in SIZES),
    ]


def _metrics(values: Mapping[str, float]) -> list[MetricRow]:
    """Return one row a metric; `NAME/n`, the number of samples, belongs to the row of NAME."""
    counts = {key.removesuffix("/n").rstrip("."): int(value) for key, value in values.items() if key.endswith("/n")}
    return [
        MetricRow(key, _metric_title(key), value, counts.get(key))
        for key, value in values.items()
        if not key.endswith("/n")
    ]


def _metric_title(key: str) -> str:
    task, slash, measure = key.partition("/")
    if not slash:
        return readable(key)
    stem, _, instrument = measure.partition(".")
    name = measure_name(stem, task)
    title = ", ".join([f"{formatting.title(task)}: {name.title}", *name.variants])
    return f"{title} (by {instrument})" if instrument else title


def _verdict(verdict: Mapping[str, Any]) -> dict[str, str | bool]:
    """Return one rule of the gate in words."""
    keys = ("candidate", "champion", "gain", "low", "high", "bound")
    number = {key: formatting.number(verdict[key]) for key in keys if verdict.get(key) is not None}
    task, _, measure = str(verdict["measure"]).partition("/")
    name = measure_name(measure, task)
    return {
        "passed": bool(verdict["passed"]),
        "measure": ", ".join([f"{formatting.title(task)}: {name.title}", *name.variants]),
        "rule": f"at or beyond {number['bound']}" if "bound" in number else f"{verdict['rule']} than the champion",
        "candidate": number.get("candidate", ""),
        "champion": number.get("champion", ""),
        "gain": f"{number['gain']} [{number['low']}, {number['high']}]" if "gain" in number else "",
    }


def _decision(workspace: Workspace, name: str) -> Mapping[str, Any] | None:
    """Return the last decision of the gate about the run, if there is one."""
    found = [json.loads(path.read_text()) for path in workspace.folder("decisions").glob(f"{name}-*.json")]
    last: Mapping[str, Any] | None = max(found, key=lambda decision: str(decision["decided"]), default=None)
    return last


def _previous(workspace: Workspace, record: Mapping[str, Any]) -> Path | None:
    """Return the folder of the newest record that is older than this one."""
    older = [
        (str(other["written"]), other["run"][: run_records.NAME_DIGITS])
        for other in run_records.listed(workspace)
        if other["run"] != record["run"] and str(other["written"]) <= str(record["written"])
    ]
    return workspace.folder("runs") / max(older)[1] if older else None


def _date(written: str) -> str:
    try:
        return f"{datetime.fromisoformat(written):%Y-%m-%d %H:%M} UTC"
    except ValueError:
        return written
