"""The commands `run`, `plan` and `finetune`: check, decide, run, report."""

import os
import signal
import sys
from functools import partial
from pathlib import Path
from typing import Any

from components.common import errors, params
from flows.dvc.repository import Place, Repository
from flows.execution import validation
from flows.execution.coordinator import exclusive_run
from flows.execution.executor import ExecutorName
from flows.execution.plan import Decision, plan, table
from flows.finetuning import settings
from flows.graph.graph import Graph, LockEntry
from flows.graph.placement import cores
from flows.machine import orchestrator
from flows.machine.workspace import FINETUNE, PARAMS, Workspace
from flows.runs import estimate, record_page, run_records, source_archive
from flows.runs.uploader import share

VIDEOS = 3  # shown at the end of a run
PLACE_OF: dict[ExecutorName, Place] = {
    "here": "workspace",
    "kubernetes": "remote",
}  # where results must be for nothing to do


def run(
    workspace: Workspace,
    targets: tuple[str, ...],
    *,
    force: bool,
    where: ExecutorName = "here",
    max_gpu_hours: float | None = None,
    metrics_port: int | None = None,
    metrics_host: str = "",
) -> int:
    """Bring stages up to date; returns the exit code.

    Raises ValueError for errors that the user must fix first.
    """
    repository, graph, decisions = _decide(workspace, targets, force=force)
    if stale := list(validation.stale_code(graph)):
        raise ValueError("\n".join(stale))
    if any(decision.verdict != "up to date" or decision.place != PLACE_OF[where] for decision in decisions):
        return _flow(workspace, graph, (targets, force, where, max_gpu_hours, metrics_port, metrics_host))
    print(f"{len(decisions)} stages, all up to date: nothing to run")
    entries = {decision.stage.name: decision.entry for decision in decisions if decision.entry}
    with exclusive_run(workspace, print):
        record = _record(workspace, repository, graph, entries)
        share(repository, entries.keys(), record, partial(print, file=sys.stderr))
        _close(workspace, graph, record)
    return 0


def show_plan(workspace: Workspace, targets: tuple[str, ...], *, with_estimate: bool) -> None:
    """Print what would run and why and, with `with_estimate`, its expected cost."""
    _, graph, decisions = _decide(workspace, targets, force=False)
    for line in table(decisions):
        print(line)
    print(f"\n{sum(decision.verdict == 'run' for decision in decisions)} of {len(decisions)} stages would run")
    if with_estimate:
        to_run = [decision.stage for decision in decisions if decision.verdict == "run"]
        for line in estimate.lines(to_run, run_records.listed(workspace), cores()):
            print(line)
    for fault in validation.stale_code(graph):
        print(f"warning: {fault}", file=sys.stderr)


def _decide(workspace: Workspace, targets: tuple[str, ...], *, force: bool) -> tuple[Repository, Graph, list[Decision]]:
    """Check the parameters of every stage, then read the repository once and decide."""
    repository = Repository(workspace.root)
    validation.check_params(repository.commands(), settings.READ_BY_FLOWS)
    graph = repository.graph()
    forced = set(graph.matching(targets) or graph.by_name) if force else set()
    decisions = plan(graph, graph.upstream_of(targets), repository, workspace.folder("code"), force=forced)
    return repository, graph, decisions


def _flow(workspace: Workspace, graph: Graph, arguments: tuple[Any, ...]) -> int:
    orchestrator.configure(workspace)
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))  # so that the server is stopped, too
    from flows.retrain import RunResult, retrain  # late: the import of prefect reads its settings

    orchestrator.start()
    state = retrain(*arguments, return_state=True)
    result = state.result(raise_on_failure=False)
    if isinstance(result, RunResult) and result.record:
        _close(workspace, graph, result.record)
        return 0
    return _exit_code(result, state.message)


def finetune(workspace: Workspace, *, promote: bool, where: ExecutorName) -> int:
    """Train the champion further on new sources; returns the exit code.

    Raises ValueError for errors that the user must fix first.
    """
    orchestrator.configure(Workspace(workspace.folder(FINETUNE)))
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    from flows.finetune import FinetuneResult
    from flows.finetune import finetune as flow

    orchestrator.start()
    state = flow(promote, where, return_state=True)
    result = state.result(raise_on_failure=False)
    if isinstance(result, FinetuneResult):
        print(f"base      {result.base}")
        for verdict in result.verdicts:
            print(verdict)
        if result.run:
            print(f"record    {workspace.folder('runs').relative_to(workspace.root) / result.run / 'index.html'}")
        print(f"{result.became:<10}{result.text}")
        return int(result.became == "refused")
    return _exit_code(result, state.message)


def show_finetune_plan(workspace: Workspace) -> None:
    """Print the base of a fine-tune and what it would run; lays out its checkout, pulls nothing."""
    from flows.finetuning import layout
    from flows.finetuning.base import Base

    base, chosen = Base.champion(workspace), settings.of(params.read(Path(PARAMS)))
    new = layout.new_sources(base)
    print(f"base {base.name}, {len(new)} new files (at least {chosen.min_new_sources} are needed)")
    if len(new) < chosen.min_new_sources:
        print("would be skipped")
        return
    there = layout.lay_out(workspace, base, new)
    os.chdir(there.root)
    show_plan(there, (), with_estimate=False)
    print(f"in {there.root}; skipped after `filter` if that keeps fewer than {chosen.min_new_clips} clips")


def _exit_code(result: object, message: str | None) -> int:
    """Print the failures of a flow run and return its exit code."""
    from flows.retrain import RunResult

    if not isinstance(result, RunResult):
        raise result if isinstance(result, Exception) else RuntimeError(message)
    print(message, file=sys.stderr)
    if result.stopped_by:
        return 128 + result.stopped_by
    codes = {_code(fault) for fault in result.failures.values()}
    known = len(codes) == 1 and codes < {errors.CONFIGURATION, errors.DATA, errors.RETRY, errors.STOPPED}
    return codes.pop() if known else 1


def _code(fault: Exception) -> int:
    if isinstance(fault, errors.Retryable):
        return errors.RETRY
    return getattr(fault, "code", errors.CONFIGURATION if isinstance(fault, ValueError) else 1)


def _record(workspace: Workspace, repository: Repository, graph: Graph, entries: dict[str, LockEntry]) -> Path:
    folder = workspace.folder("runs") / run_records.identity(graph, entries).name
    if folder.is_dir():
        return folder
    if omission := source_archive.omission():
        print(f"warning: {omission}", file=sys.stderr)
    folder = run_records.write(workspace, repository, graph, entries)
    record_page.write(workspace, folder)
    return folder


def _close(workspace: Workspace, graph: Graph, record: Path) -> None:
    """Print the paths of report, videos and record at the end of a run, those of its own stages only."""
    stages = run_records.read(record)["took"].keys()
    graph = Graph(tuple(stage for stage in graph.stages if stage.name in stages))
    if report := run_records.report_of(graph):
        print(f"report  {report / 'index.html'}")
    elif card := run_records.card_of(graph):
        print(f"card    {card / run_records.CARD}")
    for video in run_records.videos_of(graph, VIDEOS):
        print(f"video   {video}")
    print(f"record  {(record / 'index.html').relative_to(workspace.root)}")
    print(f"run     {record.name}")
