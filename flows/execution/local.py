"""The one place to run a stage: a process on this machine, in this checkout."""

import os
import sys
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Literal

from flows.dvc.repository import Repository
from flows.execution.budget import Needs
from flows.execution.executor import StageResult
from flows.execution.plan import Decision
from flows.graph import fingerprint
from flows.graph.graph import Entry, Stage
from flows.graph.placement import Threads, cores
from flows.machine import gpus
from flows.machine.monitor import StageMonitor
from flows.machine.processes import GRACE_S, Interrupted, Processes, ProcessResult, StageFailed, mark
from flows.machine.workspace import Workspace


class LocalExecutor:
    """Runs stages on this machine. Any thread may call; `stop` may be called from a signal handler."""

    kept: Literal["checked out"] = "checked out"  # what `keep` does where it does anything
    leaves_outputs = True  # in this checkout, from where they are pushed

    def __init__(self, workspace: Workspace, repository: Repository, stages: Sequence[Stage]):
        self.workspace, self.repository = workspace, repository
        self.processes = Processes()
        self._threads = Threads(cores(), stages)

    def stop(self) -> None:
        """End what runs in good order; at a second call at once."""
        self.processes.stop()

    def close(self) -> None:
        """Nothing is held open here."""

    def keep(self, stage: Stage, decision: Decision) -> bool:
        """See to it that the result of a stage that is up to date lies in the workspace; True if it was checked out."""
        if decision.place == "workspace":
            return False
        self.repository.checkout(stage.name)
        return True

    def restore(self, stage: Stage, decision: Decision) -> Entry | None:
        """Bring a result that was found in the run-cache into the workspace; None if it is not there any more."""
        assert decision.place is not None
        return self.repository.restore(stage.name, decision.place)

    def brought(self, name: str) -> AbstractContextManager[None]:
        """Bring stage `name` up to date within the block."""
        return self._threads.brought(name)

    @contextmanager
    def turn(self, stage: Stage) -> Iterator[None]:
        """Run a stage within the block, for which there are threads then; raises Interrupted if the run was stopped."""
        with self._threads.taken(stage):
            if self.processes.stopping.is_set():
                raise Interrupted
            yield

    def needs(self, stage: Stage) -> Needs:
        """What a stage holds while it runs: every GPU that it can see."""
        return Needs(gpus.count(), GRACE_S)

    def run(self, stage: Stage, tracked: Mapping[str, str], pulse: StageMonitor, *, force: bool) -> StageResult:
        """Run a stage; raises StageFailed if it ended badly, Interrupted if it was stopped, Nondeterministic (a
        ValueError) if the same work gave something else before."""
        prepared = self.repository.prepare(stage.name)
        last = deque[str](maxlen=1)

        def keep(text: str) -> None:
            last.append(text)
            pulse(text)

        ended, told = ProcessResult(), {**environment(self.workspace, stage), **tracked}
        pulse.hold(gpus.count())
        try:
            for command in stage.cmd.splitlines():
                ended = ended.then(self.processes.run(command, told, keep, pulse.started))
                if ended.code:
                    raise StageFailed(stage.name, ended.code, last[0] if last else "")
        finally:
            pulse.hold(0)
        machine = fingerprint.here(stage.threads)
        took = replace(ended, gpu_s=pulse.gpu_s, gpu_used_s=pulse.gpu_used_s)
        return StageResult(self.repository.record(prepared, machine), took, machine)


def environment(workspace: Workspace, stage: Stage) -> dict[str, str | None]:
    """What a stage's command is told on this machine."""
    return {
        **withheld(),
        **mark(workspace.home),
        "VIDEOPOET_SCRATCH": str(workspace.folder("scratch")),
        "VIDEOPOET_CACHE": str(workspace.folder("cache")),
        "VIDEOPOET_ROOTS": str(workspace.roots),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",  # `python` is this one
        "OMP_NUM_THREADS": str(stage.threads),
        "PYTHONUNBUFFERED": "1",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }


def withheld() -> dict[str, None]:
    """What is kept from every stage's environment, since a stage reads what strangers made: all that is Prefect's, such
    as the string or the key that opens its server."""
    return dict.fromkeys(name for name in os.environ if name.upper().startswith("PREFECT_"))
