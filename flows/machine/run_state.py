"""State of the run in a checkout, in .videopoet/run.json, for observers.

The file is replaced atomically at every change. Only `videopoet status`, `logs` and `cancel` read it.
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

Activity = Literal["waiting", "running", "failed", "stopped", "up to date", "checked out", "pushed", "restored", "ran"]
DONE = ("up to date", "checked out", "pushed", "restored", "ran")
FILE, OUTCOMES = "run.json", "outcomes.json"


@dataclass(frozen=True)
class StageActivity:
    """State of a stage and its start (UTC); `words` is the error message; `last_heartbeat` is in UTC."""

    doing: Activity
    since: str
    words: str = ""
    last_heartbeat: str = ""


@dataclass
class RunProgress:
    """One run. `ended` and `how` are empty while it is running, and stay empty if it is killed."""

    process: int
    created: float  # creation time of the process, because process IDs are reused
    started: str
    stages: dict[str, StageActivity] = field(default_factory=dict)
    ended: str = ""
    how: str = ""

    @property
    def is_there(self) -> bool:
        """True if the run's process exists."""
        try:
            process = psutil.Process(self.process)
            return bool(process.create_time() == self.created and process.status() != psutil.STATUS_ZOMBIE)
        except psutil.NoSuchProcess:
            return False

    @property
    def is_alive(self) -> bool:
        """True if the run is still in progress."""
        return not self.ended and self.is_there

    def names(self, *doing: str) -> list[str]:
        """Return the stages in any of these states."""
        return [name for name, moment in self.stages.items() if moment.doing in doing]


class RunState:
    """Writer of the run's state. Any thread may call."""

    def __init__(self, workspace: Workspace, names: Iterable[str]):
        self._workspace, self._guard = workspace, threading.Lock()
        waiting = {name: StageActivity("waiting", now()) for name in names}
        self._run = RunProgress(os.getpid(), psutil.Process().create_time(), now(), waiting)
        self._write()

    def put(self, name: str, doing: Activity, words: str = "") -> None:
        """Set the state of a stage."""
        with self._guard:
            self._run.stages[name] = StageActivity(doing, now(), words)
            self._write()

    def note_heartbeat(self, name: str, last_heartbeat: str) -> None:
        """Note the time of a running stage's last heartbeat."""
        with self._guard:
            self._run.stages[name] = replace(self._run.stages[name], last_heartbeat=last_heartbeat)
            self._write()

    def doing(self) -> dict[str, str]:
        """Map stage -> its present state."""
        with self._guard:
            return {name: moment.doing for name, moment in self._run.stages.items()}

    @contextmanager
    def watched(self, name: str) -> Iterator[None]:
        """Set the stage's state to stopped or failed if the block raises."""
        try:
            yield
        except Interrupted:
            self.put(name, "stopped")
            raise
        except Exception as error:
            self.put(name, "failed", str(error))
            raise

    def end(self, how: str) -> None:
        """Record the end of the run."""
        with self._guard:
            self._run.ended, self._run.how = now(), how
            self._write()
            counts = outcomes(self._workspace)
            _replace(self._workspace.home / OUTCOMES, counts | {how: counts.get(how, 0) + 1})

    def _write(self) -> None:
        _replace(self._workspace.home / FILE, asdict(self._run))


def outcomes(workspace: Workspace) -> dict[str, int]:
    """Count the runs of this checkout by how they ended; killed runs are not counted."""
    path = workspace.home / OUTCOMES
    counts: dict[str, int] = json.loads(path.read_text()) if path.is_file() else {}
    return counts


def _replace(path: Path, value: Any) -> None:
    beside = path.with_name(f".{path.name}.partial")
    beside.write_text(json.dumps(value, indent=1) + "\n")
    beside.replace(path)


def read(workspace: Workspace) -> RunProgress | None:
    """Return the present or the last run of this checkout; None before the first.

    A file of another version of this software counts as none.
    """
    path = workspace.home / FILE
    if not path.is_file():
        return None
    values = json.loads(path.read_text())
    stages: Mapping[str, Mapping[str, str]] = values.pop("stages")
    try:
        activities = {name: StageActivity(**moment) for name, moment in stages.items()}  # type: ignore[arg-type]  # JSON
        return RunProgress(**values, stages=activities)
    except TypeError:  # written by another version
        return None


def now() -> str:
    """Return the present second in UTC, in the format of records and states."""
    return moment(0.0)


def moment(ago_s: float) -> str:
    """Return the second `ago_s` ago in UTC."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - ago_s))
