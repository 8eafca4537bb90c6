"""What a coordinator asks of the place where stages run: this machine (`flows.execution.local`) or a cluster."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from flows.execution.budget import Needs
from flows.execution.plan import Decision
from flows.graph.graph import Entry, Stage
from flows.machine.monitor import StageMonitor
from flows.machine.processes import ProcessResult

Where = Literal["here", "kubernetes"]


@dataclass(frozen=True)
class StageResult:
    """What came of a stage that ran: its entry, what that took, and in which class of machine (`graph.fingerprint`)."""

    entry: Entry
    ended: ProcessResult
    numerics: Mapping[str, Any]


class Executor(Protocol):
    """Runs stages. Any thread may call; `stop` may be called from a signal handler."""

    @property
    def kept(self) -> Literal["checked out", "pushed"]:
        """What `keep` does where it does anything."""

    @property
    def leaves_outputs(self) -> bool:
        """Whether outputs lie in this checkout afterwards, to be pushed from there."""

    def stop(self) -> None:
        """End what runs in good order; at a second call at once."""

    def close(self) -> None:
        """Let go of what is held open."""

    def keep(self, stage: Stage, decision: Decision) -> bool:
        """See to it that the result of a stage that is up to date is where it is needed; True if it moved."""

    def restore(self, stage: Stage, decision: Decision) -> Entry | None:
        """Bring a result that was found in the run-cache; None if it is not there any more."""

    def brought(self, name: str) -> AbstractContextManager[None]:
        """Bring stage `name` up to date within the block."""

    def turn(self, stage: Stage) -> AbstractContextManager[None]:
        """Run a stage within the block, when there is room for it; raises Interrupted if the run was stopped."""

    def needs(self, stage: Stage) -> Needs:
        """What a stage holds while it runs."""

    def run(self, stage: Stage, tracked: Mapping[str, str], pulse: StageMonitor, *, force: bool) -> StageResult:
        """Run a stage; raises StageFailed if it ended badly, Interrupted if it was stopped, Nondeterministic (a
        ValueError) if the same work gave something else before."""
