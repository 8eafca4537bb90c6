"""Bring one stage up to date: leave it, restore it, or run it here.

A stage that is up to date starts no process. dvc.lock gets the entry only when the outputs are whole and cached, so a
kill at any moment costs no more than the stage's own checkpoints allow.
"""

import json
import os
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from fcntl import LOCK_EX, LOCK_NB, flock
from pathlib import Path
from typing import Literal

from components.common import errors
from flows import modules, numerics, state
from flows.graph import Entry, Graph, Stage
from flows.placement import Threads, cores
from flows.plan import Decision, Made, decide
from flows.processes import Ended, Interrupted, Processes, end_leftovers, mark
from flows.stages import Repository
from flows.tracking import Tracking
from flows.workspace import Workspace

MEANING = {
    errors.CONFIGURATION: "a parameter must be mended; it will not be tried again",
    errors.DATA: "the data broke a gate",
    errors.RETRY: "a passing fault",
    errors.STOPPED: "stopped from outside; the same command goes on from its checkpoint",
    -9: "killed, perhaps for want of memory",
}


class StageFailed(Exception):
    """A stage's command ended badly; `code` is its exit code."""

    def __init__(self, name: str, code: int, last_line: str):
        meaning = f" ({MEANING[code]})" if code in MEANING else ""
        super().__init__(f"{name} ended with exit code {code}{meaning}: {last_line or 'it printed nothing'}")
        self.name, self.code = name, code


@dataclass(frozen=True)
class Outcome:
    """How a stage was brought up to date."""

    name: str
    how: Literal["up to date", "checked out", "restored", "ran"]
    entry: Entry


class Coordinator:
    """One run of `stages` in one checkout. Any thread may call `bring`, for a stage whose parents are up to date."""

    def __init__(self, workspace: Workspace, repository: Repository, graph: Graph, stages: Sequence[Stage]):
        self.workspace, self.repository, self.graph = workspace, repository, graph
        self.processes = Processes()
        self.tracking = Tracking(workspace)
        self.state = state.State(workspace, [stage.name for stage in stages])
        self._threads = Threads(cores(), stages)

    def bring(self, stage: Stage, line: Callable[[str], None], *, force: bool = False) -> Outcome:
        """Bring a stage up to date; `line` gets every line it prints.

        Raises StageFailed if its command ended badly, Interrupted if the run was asked to stop.
        """
        with self._threads.brought(stage.name), self.state.watched(stage.name):
            outcome = self._bring(stage, self.decide(stage, force=force), line)
        self.state.put(stage.name, outcome.how)
        for path in stage.deps:
            if modules.is_lock(path):
                modules.remember(self.workspace.folder("code"), Path(path))
        return outcome

    def decide(self, stage: Stage, *, force: bool = False) -> Decision:
        """What to do about a stage whose parents are up to date."""
        made: Made = {}
        for path in stage.deps:
            if path in self.graph.maker and (parent := self.repository.recorded(self.graph.maker[path])):
                made[path] = parent.outs[path]
        return decide(self.graph, stage, made, self.repository, self.workspace.folder("code"), force=force)

    def _bring(self, stage: Stage, decision: Decision, line: Callable[[str], None]) -> Outcome:
        if decision.verdict == "up to date" and decision.entry:
            if decision.place != "workspace":
                self.repository.checkout(stage.name)
                line(f"up to date: checked out of the {decision.place}")
                return Outcome(stage.name, "checked out", decision.entry)
            return Outcome(stage.name, "up to date", decision.entry)
        for reason in decision.reasons:
            line(f"why: {reason}")
        if (
            decision.verdict == "restore"
            and decision.place
            and (entry := self.repository.restore(stage.name, decision.place))
        ):
            line("restored: the same inputs, parameters and code have been run before")
            return Outcome(stage.name, "restored", entry)
        with self._threads.taken(stage):
            return Outcome(stage.name, "ran", self._run(stage, line))

    def _run(self, stage: Stage, line: Callable[[str], None]) -> Entry:
        if self.processes.stopping.is_set():
            raise Interrupted
        self.state.put(stage.name, "running")
        prepared = self.repository.prepare(stage.name)
        tracked = self.tracking.start(stage)
        entry, status = None, "KILLED"
        try:
            ended = self._execute(stage, self._environment(stage) | tracked, line)
            entry, status = self.repository.record(prepared), "FINISHED"
            self._note(stage, entry, ended)
            return entry
        except (StageFailed, ValueError):
            status = "FAILED"
            raise
        finally:
            self.tracking.finish(tracked, status, entry)

    def _execute(self, stage: Stage, environment: dict[str, str], line: Callable[[str], None]) -> Ended:
        last = deque[str](maxlen=1)
        total = Ended(0, 0.0, 0.0, 0)
        with (self.workspace.folder("logs") / f"{stage.name}.log").open("w") as log:

            def keep(text: str) -> None:
                last.append(text)
                print(text, file=log, flush=True)
                line(text)

            for command in stage.cmd.splitlines():
                ended = self.processes.run(command, environment, keep)
                if ended.code:
                    raise StageFailed(stage.name, ended.code, last[0] if last else "")
                total = Ended(
                    0,
                    total.seconds + ended.seconds,
                    total.cpu_s + ended.cpu_s,
                    max(total.peak_bytes, ended.peak_bytes),
                )
        return total

    def _environment(self, stage: Stage) -> dict[str, str]:
        return {
            **mark(self.workspace.home),
            "VIDEOPOET_SCRATCH": str(self.workspace.folder("scratch")),
            "VIDEOPOET_CACHE": str(self.workspace.folder("cache")),
            "VIDEOPOET_ROOTS": str(self.workspace.roots),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",  # `python` is this one
            "OMP_NUM_THREADS": str(stage.threads),
            "PYTHONUNBUFFERED": "1",
            "MLFLOW_DISABLE_TELEMETRY": "true",
        }

    def _note(self, stage: Stage, entry: Entry, ended: Ended) -> None:
        note = {
            "outs": {path: item.md5 for path, item in entry.outs.items()},
            "ended": state.now(),
            "bytes": sum(item.size or 0 for item in entry.outs.values()),
            "numerics": numerics.here(stage.threads),
            **{key: value for key, value in asdict(ended).items() if key != "code"},
        }
        (self.workspace.folder("stages") / f"{stage.name}.json").write_text(json.dumps(note, indent=1) + "\n")


@contextmanager
def alone(workspace: Workspace, line: Callable[[str], None]) -> Iterator[None]:
    """Have the checkout to oneself for a block, what a killed run left behind ended first.

    Raises errors.Retryable if another run works here.
    """
    path = workspace.home / "coordinator.lock"
    with path.open("a") as file:
        try:
            flock(file, LOCK_EX | LOCK_NB)
        except BlockingIOError:
            raise errors.Retryable(f"another run works in {workspace.root}: wait for it, or stop it") from None
        for command in end_leftovers(workspace.home):
            line(f"ended what a killed run had left running: {command}")
        yield
