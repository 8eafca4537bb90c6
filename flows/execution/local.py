"""The local executor: a stage is a process on this machine, in this checkout."""

import os
import sys
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Literal

from flows.dvc.repository import Repository
from flows.execution.budget import ResourceNeeds
from flows.execution.executor import StageResult
from flows.execution.plan import Decision
from flows.graph import fingerprint
from flows.graph.graph import LockEntry, Stage
from flows.graph.placement import ThreadScheduler, cores
from flows.machine import gpus
from flows.machine.monitor import StageMonitor
from flows.machine.processes import GRACE_S, Interrupted, Processes, ProcessResult, StageFailed, mark
from flows.machine.workspace import Workspace


class LocalExecutor:
    """Runs stages on this machine. Any thread may call; `stop` may be called from a signal handler."""

    kept: Literal["checked out"] = "checked out"  # outcome of a successful `keep`
    leaves_outputs = True

    def __init__(self, workspace: Workspace, repository: Repository, stages: Sequence[Stage]):
        self.workspace, self.repository = workspace, repository
        self.processes = Processes()
        self._threads = ThreadScheduler(cores(), stages)

    def stop(self) -> None:
        """Stop running stages gracefully; at a second call, at once."""
        self.processes.stop()

    def close(self) -> None:
        """Do nothing: this executor holds no open resources."""

    def keep(self, stage: Stage, decision: Decision) -> bool:
        """Check out the result of an up-to-date stage into the workspace; False if it was there."""
        if decision.place == "workspace":
            return False
        self.repository.checkout(stage.name)
        return True

    def restore(self, stage: Stage, decision: Decision) -> LockEntry | None:
        """Restore a result from the run-cache into the workspace; None if it is gone."""
        assert decision.place is not None
        return self.repository.restore(stage.name, decision.place)

    def completing(self, name: str) -> AbstractContextManager[None]:
        """Bring stage `name` up to date within the block."""
        return self._threads.completing(name)

    @contextmanager
    def turn(self, stage: Stage) -> Iterator[None]:
        """Run a stage within the block, once its threads are free; raises Interrupted if the run was stopped."""
        with self._threads.taken(stage):
            if self.processes.stopping.is_set():
                raise Interrupted
            yield

    def needs(self, stage: Stage) -> ResourceNeeds:
        """Return the resources that a stage holds while it runs: every visible GPU."""
        return ResourceNeeds(gpus.count(), GRACE_S)

    def run(self, stage: Stage, tracked: Mapping[str, str], monitor: StageMonitor, *, force: bool) -> StageResult:
        """Run a stage.

        Raises StageFailed if it failed, Interrupted if it was stopped, and Nondeterministic (a ValueError) if its
        outputs differ from those of equal work before.
        """
        prepared = self.repository.prepare(stage.name)
        last = deque[str](maxlen=1)

        def keep(text: str) -> None:
            last.append(text)
            monitor(text)

        ended, variables = ProcessResult(), {**environment(self.workspace, stage), **tracked}
        monitor.hold(gpus.count())
        try:
            for command in stage.cmd.splitlines():
                ended = ended.then(self.processes.run(command, variables, keep, monitor.started))
                if ended.code:
                    raise StageFailed(stage.name, ended.code, last[0] if last else "")
        finally:
            monitor.hold(0)
        machine = fingerprint.current(stage.threads)
        took = replace(ended, gpu_s=monitor.gpu_s, gpu_used_s=monitor.gpu_used_s)
        return StageResult(self.repository.record(prepared, machine), took, machine)


def environment(workspace: Workspace, stage: Stage) -> dict[str, str | None]:
    """Return the environment of a stage's command on this machine."""
    return {
        **withheld(),
        **mark(workspace.home),
        "VIDEOPOET_SCRATCH": str(workspace.folder("scratch")),
        "VIDEOPOET_CACHE": str(workspace.folder("cache")),
        "VIDEOPOET_ROOTS": str(workspace.roots),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",  # for `python`
        "OMP_NUM_THREADS": str(stage.threads),
        "PYTHONUNBUFFERED": "1",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }


def withheld() -> dict[str, None]:
    """Return the variables withheld from stages: all Prefect settings, such as its authentication string.

    Stages read untrusted media and must not be able to call the Prefect server.
    """
    return dict.fromkeys(name for name in os.environ if name.upper().startswith("PREFECT_"))
