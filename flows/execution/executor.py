"""The protocol of executors: this machine (`flows.execution.local`) or a cluster (`flows.kubernetes.executor`)."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from flows.execution.budget import ResourceNeeds
from flows.execution.plan import Decision
from flows.graph.graph import LockEntry, Stage
from flows.machine.monitor import StageMonitor
from flows.machine.processes import ProcessResult

ExecutorName = Literal["here", "kubernetes"]


@dataclass(frozen=True)
class StageResult:
    """Result of a stage that ran: its entry, its resource usage, and its platform (`graph.fingerprint`)."""

    entry: LockEntry
    ended: ProcessResult
    numerics: Mapping[str, Any]


class Executor(Protocol):
    """Runs stages. Any thread may call; `stop` may be called from a signal handler."""

    @property
    def kept(self) -> Literal["checked out", "pushed"]:
        """Outcome that a successful `keep` reports."""

    @property
    def leaves_outputs(self) -> bool:
        """True if the outputs are in this checkout afterwards, from where they are pushed."""

    def stop(self) -> None:
        """Stop running stages gracefully; at a second call, at once."""

    def close(self) -> None:
        """Release open resources."""

    def keep(self, stage: Stage, decision: Decision) -> bool:
        """Make the result of an up-to-date stage available where it is needed; True if it was moved."""

    def restore(self, stage: Stage, decision: Decision) -> LockEntry | None:
        """Restore a result from the run-cache; None if it is gone."""

    def completing(self, name: str) -> AbstractContextManager[None]:
        """Bring stage `name` up to date within the block."""

    def turn(self, stage: Stage) -> AbstractContextManager[None]:
        """Run a stage within the block, once there are resources for it; raises Interrupted if the run was stopped."""

    def needs(self, stage: Stage) -> ResourceNeeds:
        """Return the resources that a stage holds while it runs."""

    def run(self, stage: Stage, tracked: Mapping[str, str], monitor: StageMonitor, *, force: bool) -> StageResult:
        """Run a stage.

        Raises StageFailed if it failed, Interrupted if it was stopped, and Nondeterministic (a ValueError) if its
        outputs differ from those of equal work before.
        """
