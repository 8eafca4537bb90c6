"""What the run of a checkout is doing, in .videopoet/run.json, for those who look on from outside.

Written whole at every change, so that a reader sees one moment or the next. Nothing depends on it: it is what
`videopoet status`, `logs` and `cancel` read.
"""

import json
import os
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import psutil

from flows.machine.processes import Interrupted
from flows.machine.workspace import Workspace

Doing = Literal["waiting", "running", "failed", "stopped", "up to date", "checked out", "pushed", "restored", "ran"]
DONE = ("up to date", "checked out", "pushed", "restored", "ran")
FILE, OUTCOMES = "run.json", "outcomes.json"


@dataclass(frozen=True)
class Moment:
    """What a stage is doing since when (UTC); `words` say why it failed; `heard` is its last sign of life."""

    doing: Doing
    since: str
    words: str = ""
    heard: str = ""


@dataclass
class RunProgress:
    """One run. `ended` and `how` are empty as long as it goes on, and for ever if it is killed."""

    process: int
    created: float  # the process's, since its number may be used again
    started: str
    stages: dict[str, Moment] = field(default_factory=dict)
    ended: str = ""
    how: str = ""

    @property
    def is_there(self) -> bool:
        """Whether the process that works at it is still there."""
        try:
            process = psutil.Process(self.process)
            return bool(process.create_time() == self.created and process.status() != psutil.STATUS_ZOMBIE)
        except psutil.NoSuchProcess:
            return False

    @property
    def is_alive(self) -> bool:
        """Whether the run goes on."""
        return not self.ended and self.is_there

    def names(self, *doing: str) -> list[str]:
        """The stages that are doing any of this."""
        return [name for name, moment in self.stages.items() if moment.doing in doing]


class RunState:
    """Writes down what a run does. Any thread may call."""

    def __init__(self, workspace: Workspace, names: Iterable[str]):
        self._workspace, self._guard = workspace, threading.Lock()
        waiting = {name: Moment("waiting", now()) for name in names}
        self._run = RunProgress(os.getpid(), psutil.Process().create_time(), now(), waiting)
        self._write()

    def put(self, name: str, doing: Doing, words: str = "") -> None:
        """A stage does something else from now on."""
        with self._guard:
            self._run.stages[name] = Moment(doing, now(), words)
            self._write()

    def hear(self, name: str, heard: str) -> None:
        """A running stage was last heard of at this moment."""
        with self._guard:
            self._run.stages[name] = replace(self._run.stages[name], heard=heard)
            self._write()

    def doing(self) -> dict[str, str]:
        """What each stage is doing now."""
        with self._guard:
            return {name: moment.doing for name, moment in self._run.stages.items()}

    @contextmanager
    def watched(self, name: str) -> Iterator[None]:
        """Note how a stage ends that does not end well within the block."""
        try:
            yield
        except Interrupted:
            self.put(name, "stopped")
            raise
        except Exception as error:
            self.put(name, "failed", str(error))
            raise

    def end(self, how: str) -> None:
        """The run is over."""
        with self._guard:
            self._run.ended, self._run.how = now(), how
            self._write()
            counts = outcomes(self._workspace)
            _replace(self._workspace.home / OUTCOMES, counts | {how: counts.get(how, 0) + 1})

    def _write(self) -> None:
        _replace(self._workspace.home / FILE, asdict(self._run))


def outcomes(workspace: Workspace) -> dict[str, int]:
    """How many runs of this checkout ended how; one that was killed did not end."""
    path = workspace.home / OUTCOMES
    counts: dict[str, int] = json.loads(path.read_text()) if path.is_file() else {}
    return counts


def _replace(path: Path, value: Any) -> None:
    beside = path.with_name(f".{path.name}.partial")
    beside.write_text(json.dumps(value, indent=1) + "\n")
    beside.replace(path)


def read(workspace: Workspace) -> RunProgress | None:
    """The run that goes on here, or the last one; None before the first."""
    path = workspace.home / FILE
    if not path.is_file():
        return None
    values = json.loads(path.read_text())
    stages: Mapping[str, Mapping[str, str]] = values.pop("stages")
    return RunProgress(**values, stages={name: Moment(**moment) for name, moment in stages.items()})  # type: ignore[arg-type]  # JSON


def now() -> str:
    """This second, UTC, as records and states write it."""
    return moment(0.0)


def moment(ago_s: float) -> str:
    """The second so long ago, UTC."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - ago_s))
