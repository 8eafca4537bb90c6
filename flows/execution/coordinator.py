"""Bring one stage up to date: leave it, restore it, or let an executor run it.

A stage that is up to date starts no process. dvc.lock gets the entry only when the outputs are whole and kept, so a
kill at any moment costs no more than the stage's own checkpoints allow.
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
from flows.execution.plan import Decision, Made, decide, plan
from flows.graph import modules
from flows.graph.graph import Entry, Graph, Stage
from flows.machine import run_state
from flows.machine.monitor import StageMonitor
from flows.machine.processes import StageFailed, alone_in
from flows.machine.workspace import Workspace
from flows.runs import estimate, run_records
from flows.runs.metrics import View
from flows.runs.tracking import Tracking


@dataclass(frozen=True)
class Outcome:
    """How a stage was brought up to date."""

    name: str
    how: Literal["up to date", "checked out", "pushed", "restored", "ran"]
    entry: Entry


class Coordinator:
    """One run of `stages` in one checkout. Any thread may call `bring`, for a stage whose parents are up to date."""

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
        self.pulses: dict[str, StageMonitor] = {}  # of the stages that run
        self.budget: Budget | None = None

    @property
    def view(self) -> View:
        """What Prometheus may see of this run."""
        return View(self.state.doing, self.pulses, self._took, partial(run_state.outcomes, self.workspace))

    def limit(self, hours: float, forced: set[str], line: Callable[[str], None]) -> None:
        """Keep to so many GPU-hours; raises OverBudget if that can be seen not to do."""
        records = run_records.listed(self.workspace)
        predicted = {stage.name: found.gpu_s for stage in self.stages if (found := estimate.on_gpus(stage, records))}
        self.budget = Budget(
            hours, demands({stage.name: self.executor.needs(stage) for stage in self.stages}, predicted)
        )
        decisions = plan(self.graph, self.stages, self.repository, self.workspace.folder("code"), force=forced)
        self.budget.begin([one.stage.name for one in decisions if one.verdict == "run"], line)

    def bring(self, stage: Stage, line: Callable[[str], None], *, force: bool = False) -> Outcome:
        """Bring a stage up to date; `line` gets every line it prints.

        Raises StageFailed if its command ended badly, Interrupted if the run was asked to stop.
        """
        with self.executor.brought(stage.name), self.state.watched(stage.name):
            outcome = self._bring(stage, self.decide(stage, force=force), line, force=force)
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

    def _bring(self, stage: Stage, decision: Decision, line: Callable[[str], None], *, force: bool) -> Outcome:
        if decision.verdict == "up to date" and decision.entry:
            if not self.executor.keep(stage, decision):
                return Outcome(stage.name, "up to date", decision.entry)
            how = self.executor.kept
            line(f"up to date, in the {decision.place}: {how}")
            return Outcome(stage.name, how, decision.entry)
        for reason in decision.reasons:
            line(f"why: {reason}")
        if decision.verdict == "restore" and (entry := self.executor.restore(stage, decision)):
            line("restored: the same inputs, parameters and code have been run before")
            return Outcome(stage.name, "restored", entry)
        with self.executor.turn(stage):
            return Outcome(stage.name, "ran", self._run(stage, line, force=force))

    def _run(self, stage: Stage, line: Callable[[str], None], *, force: bool) -> Entry:
        self.state.put(stage.name, "running")
        tracked = self.tracking.start(stage)
        entry, status = None, "KILLED"
        try:
            with self._logged(stage.name, line) as keep, self._watched(stage.name, StageMonitor(keep)) as pulse:
                ran = self.executor.run(stage, tracked, pulse, force=force)
            entry, status = ran.entry, "FINISHED"
            self._note(stage.name, ran)
            return entry
        except (StageFailed, ValueError):
            status = "FAILED"
            raise
        finally:
            self.tracking.finish(tracked, status, entry)

    @contextmanager
    def _watched(self, name: str, pulse: StageMonitor) -> Iterator[StageMonitor]:
        """Follow the signs of life of a stage within the block, and what it takes of the budget."""

        def look() -> None:
            self.state.hear(name, pulse.heard)
            if self.budget and self.budget.look():
                self.executor.stop()

        taking = self.budget.taking(name, lambda: pulse.gpu_s) if self.budget else nullcontext()
        with taking, pulse.beating(look):
            self.pulses[name] = pulse
            try:
                yield pulse
            finally:
                del self.pulses[name]

    @contextmanager
    def _logged(self, name: str, line: Callable[[str], None]) -> Iterator[Callable[[str], None]]:
        """What writes a line into the stage's log and passes it on."""
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


def alone(workspace: Workspace, line: Callable[[str], None]) -> AbstractContextManager[None]:
    """Have the checkout to oneself for a block, what a killed run left behind ended first.

    Raises Busy if another run works here.
    """
    return alone_in(workspace.home, f"another run works in {workspace.root}: wait for it, or stop it", line)
