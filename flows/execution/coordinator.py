"""Brings one stage up to date: keeps it, restores it, or lets an executor run it.

An up-to-date stage starts no process. dvc.lock gets the entry only after the outputs are complete and cached, so a kill
at any moment costs at most the work since the stage's last checkpoint.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

from flows.dvc.repository import Repository
from flows.execution.budget import Budget, demands
from flows.execution.executor import Executor, StageResult
from flows.execution.plan import Decision, KnownArtifacts, decide, plan
from flows.graph import modules
from flows.graph.graph import Graph, LockEntry, Stage
from flows.machine import run_state
from flows.machine.monitor import StageMonitor
from flows.machine.processes import StageFailed, exclusive
from flows.machine.workspace import Workspace
from flows.runs import estimate, run_records
from flows.runs.metrics import MetricsView
from flows.runs.tracking import Tracking


@dataclass(frozen=True)
class Outcome:
    """How a stage was brought up to date."""

    name: str
    how: Literal["up to date", "checked out", "pushed", "restored", "ran"]
    entry: LockEntry


class Coordinator:
    """One run of `stages` in one checkout.

    Any thread may call `ensure_up_to_date`, for a stage whose parents are up to date.
    """

    def __init__(
        self,
        workspace: Workspace,
        repository: Repository,
        graph: Graph,
        stages: Sequence[Stage],
        executor: Executor,
    ):
        self.workspace, self.repository, self.graph = workspace, repository, graph
        self.tracking = Tracking(workspace)
        self.executor = executor
        self.state = run_state.RunState(workspace, [stage.name for stage in stages])
        self.stages = stages
        self.monitors: dict[str, StageMonitor] = {}  # of the running stages
        self.budget: Budget | None = None

    @property
    def view(self) -> MetricsView:
        """The data that Prometheus may read of this run."""
        return MetricsView(self.state.doing, self.monitors, self._took, partial(run_state.outcomes, self.workspace))

    def limit(self, hours: float, forced: set[str], line: Callable[[str], None]) -> None:
        """Set a budget of GPU-hours; raises OverBudget if the predictions already exceed it."""
        records = run_records.listed(self.workspace)
        predicted = {stage.name: found.gpu_s for stage in self.stages if (found := estimate.on_gpus(stage, records))}
        self.budget = Budget(
            hours, demands({stage.name: self.executor.needs(stage) for stage in self.stages}, predicted)
        )
        decisions = plan(self.graph, self.stages, self.repository, self.workspace.folder("code"), force=forced)
        self.budget.begin([one.stage.name for one in decisions if one.verdict == "run"], line)

    def ensure_up_to_date(self, stage: Stage, line: Callable[[str], None], *, force: bool = False) -> Outcome:
        """Bring a stage up to date; `line` gets every line that it prints.

        Raises StageFailed if its command failed, Interrupted if the run was asked to stop.
        """
        with self.executor.completing(stage.name), self.state.watched(stage.name):
            outcome = self._carry_out(stage, self.decide(stage, force=force), line, force=force)
        self.state.put(stage.name, outcome.how)
        for path in stage.deps:
            if modules.is_lock(path):
                modules.save_snapshot(self.workspace.folder("code"), Path(path))
        return outcome

    def decide(self, stage: Stage, *, force: bool = False) -> Decision:
        """Decide about a stage whose parents are up to date."""
        made: KnownArtifacts = {}
        for path in stage.deps:
            if path in self.graph.producer and (parent := self.repository.recorded(self.graph.producer[path])):
                made[path] = parent.outs[path]
        return decide(self.graph, stage, made, self.repository, self.workspace.folder("code"), force=force)

    def _carry_out(self, stage: Stage, decision: Decision, line: Callable[[str], None], *, force: bool) -> Outcome:
        if decision.verdict == "up to date" and decision.entry:
            if not self.executor.keep(stage, decision):
                return Outcome(stage.name, "up to date", decision.entry)
            how = self.executor.kept
            line(f"up to date, in the {decision.place}: {how}")
            return Outcome(stage.name, how, decision.entry)
        for reason in decision.reasons:
            line(f"reason: {reason}")
        if decision.verdict == "restore" and (entry := self.executor.restore(stage, decision)):
            line("restored from the run cache: the same inputs, parameters and code ran before")
            return Outcome(stage.name, "restored", entry)
        with self.executor.turn(stage):
            return Outcome(stage.name, "ran", self._run(stage, line, force=force))

    def _run(self, stage: Stage, line: Callable[[str], None], *, force: bool) -> LockEntry:
        self.state.put(stage.name, "running")
        tracked = self.tracking.start(stage)
        entry, status = None, "KILLED"
        try:
            with self._logged(stage.name, line) as keep, self._watched(stage.name, StageMonitor(keep)) as monitor:
                ran = self.executor.run(stage, tracked, monitor, force=force)
            entry, status = ran.entry, "FINISHED"
            self._note(stage.name, ran)
            return entry
        except (StageFailed, ValueError):
            status = "FAILED"
            raise
        finally:
            self.tracking.finish(tracked, status, entry)

    @contextmanager
    def _watched(self, name: str, monitor: StageMonitor) -> Iterator[StageMonitor]:
        """Monitor a stage within the block: heartbeats, and its share of the budget."""

        def on_sample() -> None:
            self.state.note_heartbeat(name, monitor.last_heartbeat)
            if self.budget and self.budget.must_stop():
                self.executor.stop()

        taking = self.budget.taking(name, lambda: monitor.gpu_s) if self.budget else nullcontext()
        with taking, monitor.sampling(on_sample):
            self.monitors[name] = monitor
            try:
                yield monitor
            finally:
                del self.monitors[name]

    @contextmanager
    def _logged(self, name: str, line: Callable[[str], None]) -> Iterator[Callable[[str], None]]:
        """Yield a function that writes a line to the stage's log and passes it on."""
        with (self.workspace.folder("logs") / f"{name}.log").open("w") as log:

            def keep(text: str) -> None:
                print(text, file=log, flush=True)
                line(text)

            yield keep

    def _took(self) -> dict[str, dict[str, Any]]:
        names = [name for name, doing in self.state.doing().items() if doing == "ran"]
        return {name: json.loads((self.workspace.folder("stages") / f"{name}.json").read_text()) for name in names}

    def _note(self, name: str, ran: StageResult) -> None:
        note = {
            "outs": {path: item.md5 for path, item in ran.entry.outs.items()},
            "ended": run_state.now(),
            "bytes": sum(item.size or 0 for item in ran.entry.outs.values()),
            "numerics": ran.numerics,
            **{key: value for key, value in asdict(ran.ended).items() if key != "code"},
        }
        (self.workspace.folder("stages") / f"{name}.json").write_text(json.dumps(note, indent=1) + "\n")


def exclusive_run(workspace: Workspace, line: Callable[[str], None]) -> AbstractContextManager[None]:
    """Hold the checkout exclusively for a block, after ending leftover processes of a killed run.

    Raises Busy if another run is in progress.
    """
    return exclusive(
        workspace.home,
        f"another run is in progress in {workspace.root}: wait for it, or stop it with `videopoet cancel`",
        line,
    )
