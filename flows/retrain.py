"""The flow `retrain`: runs the graph of dvc.yaml.

One Prefect task per stage, named after it, submitted once its parents are submitted and started when they are done. A
failed stage stops only its descendants. Prefect's cache is off: DVC alone decides what is up to date.
"""

import signal
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from prefect import Task, flow, get_run_logger
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.futures import PrefectFuture
from prefect.states import Failed
from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner

from components.common import errors
from components.common.artifacts import MANIFEST
from flows.deployments import flow_states
from flows.dvc.repository import Repository
from flows.execution.budget import OverBudget
from flows.execution.coordinator import Coordinator, Outcome, exclusive_run
from flows.execution.executor import Executor, ExecutorName
from flows.execution.local import LocalExecutor
from flows.graph.graph import Graph, Stage
from flows.machine import signals
from flows.machine.processes import Busy, Interrupted, StageFailed
from flows.machine.workspace import Workspace
from flows.runs import metrics, record_page, run_records, source_archive
from flows.runs.uploader import Uploader

MOST_STAGES = 200  # waiting threads: far more than there are stages
RETRY_LATER, RETRY_DELAYS_S = "RetryLater", [10.0, 60.0]


@dataclass
class RunResult:
    """How a run ended.

    `record` is None unless every stage is up to date and a record was requested.
    """

    outcomes: dict[str, Outcome] = field(default_factory=dict)
    failures: dict[str, Exception] = field(default_factory=dict)
    is_whole: bool = False
    record: Path | None = None
    stopped_by: int = 0  # number of the signal

    @property
    def may_go_on(self) -> bool:
        """True if the flow may continue after the run."""
        return self.is_whole and not self.stopped_by


THREADS = cast(TaskRunner[PrefectFuture[Any]], ThreadPoolTaskRunner(max_workers=MOST_STAGES))


@flow(name="retrain", persist_result=False, task_runner=THREADS)
def retrain(
    targets: tuple[str, ...] = (),
    force: bool = False,
    where: ExecutorName = "here",
    max_gpu_hours: float | None = None,
    metrics_port: int | None = None,
    metrics_host: str = "",
    promote: bool = False,
) -> RunResult | State[Any]:
    """Bring stages up to date, in the order of dvc.yaml.

    Raises OverBudget (a ValueError) if the predictions exceed `max_gpu_hours`.

    Args:
        targets: Stages, or families such as `adapt`, with all their ancestors; every stage if empty.
        force: Run these stages again even if they are up to date.
        where: Executor of the stages; with `kubernetes` each is a Job.
        max_gpu_hours: Stop before the run exceeds this, by past runs and by measurement.
        metrics_port: Port of the Prometheus metrics during the run.
        metrics_host: Address of the metrics; if empty, localhost (in a pod, all addresses).
        promote: Let the gate decide about the result, and promote it to champion if it is better.
    """
    workspace, log = Workspace.find(), get_run_logger()
    try:
        with exclusive_run(workspace, log.warning):
            result = walk(
                workspace,
                targets,
                force=force,
                where=where,
                max_gpu_hours=max_gpu_hours,
                metrics_port=metrics_port,
                metrics_host=metrics_host,
            )
            if result.record is None:
                return failed(result)
            if not promote:
                return result
            if where != "here":  # the gate scores on the coordinator's machine
                result = walk(workspace, targets)
            if result.record is None or not result.may_go_on:
                return failed(result)
            return flow_states.gated(workspace, result.record.name, log.info, result)
    except Busy as busy:
        return flow_states.skipped(str(busy), busy)


def walk(
    workspace: Workspace,
    targets: tuple[str, ...] = (),
    *,
    force: bool = False,
    where: ExecutorName = "here",
    max_gpu_hours: float | None = None,
    metrics_port: int | None = None,
    metrics_host: str = "",
    keep_record: bool = True,
) -> RunResult:
    """Submit every stage, wait, and close the run: record, uploads, state, tracking.

    The calling flow must hold the workspace exclusively; the current folder must be its root.
    """
    result, log = RunResult(), get_run_logger()
    repository = Repository(workspace.root)
    graph = repository.graph()
    forced = set(graph.matching(targets) or graph.by_name) if force else set()
    stages = graph.upstream_of(targets)
    coordinator = Coordinator(
        workspace, repository, graph, stages, executor(where, workspace, repository, graph, stages)
    )
    uploader = Uploader(repository, log.warning)

    def stop(number: int) -> None:
        result.stopped_by = number
        coordinator.executor.stop()

    try:
        if max_gpu_hours is not None:
            coordinator.limit(max_gpu_hours, forced, log.info)
        with signals.caught(stop), metrics.served(metrics_port, coordinator.view, metrics_host):
            done: dict[str, PrefectFuture[Outcome | State[Outcome]]] = {}
            for stage in stages:
                task = _task(coordinator, uploader, stage, result, force=stage.name in forced)
                done[stage.name] = task.submit(return_state=False, wait_for=[done[parent] for parent in stage.parents])
            for future in done.values():
                future.wait()
    except BaseException:
        coordinator.state.end("failed")
        coordinator.tracking.close("FAILED", {})
        raise
    finally:
        coordinator.executor.close()
    if coordinator.budget and coordinator.budget.used_up:
        result.failures["the budget"] = OverBudget(coordinator.budget.used_up)
    result.is_whole = len(result.outcomes) == len(stages)
    if result.is_whole and keep_record:
        _record(coordinator, result, [stage.name for stage in stages])
    if not result.stopped_by:
        uploader.close([stage.name for stage in stages], result.record)
    coordinator.state.end("whole" if result.is_whole else "stopped" if result.stopped_by else "failed")
    facts = {"run": result.record.name} if result.record else {}
    ending = "FINISHED" if result.is_whole else "KILLED" if result.stopped_by else "FAILED"
    coordinator.tracking.close(ending, facts)
    return result


def executor(
    where: ExecutorName, workspace: Workspace, repository: Repository, graph: Graph, stages: Sequence[Stage]
) -> Executor:
    """Return the executor of the run's stages."""
    match where:
        case "here":
            return LocalExecutor(workspace, repository, stages)
        case "kubernetes":
            from flows.kubernetes.executor import KubernetesExecutor  # late: importing the client takes a second

            return KubernetesExecutor(repository, graph, stages)


def failed(result: RunResult) -> State[RunResult]:
    """Return the state of a flow run with failed stages: the message of every failure, and the next step."""
    messages = [str(fault) for fault in result.failures.values() if str(fault)]
    end = f"failed: {', '.join(result.failures) or 'nothing ran'}"
    if named := [name for name, fault in result.failures.items() if isinstance(fault, StageFailed)]:
        end += f"; `videopoet logs {named[0]}` shows more, the same command resumes"
    if result.stopped_by:
        end = f"stopped by {signal.Signals(result.stopped_by).name}; the same command resumes from here"
    state: State[RunResult] = Failed(message="\n".join([*messages, end]), data=result)
    return state


def _task(
    coordinator: Coordinator, uploader: Uploader, stage: Stage, result: RunResult, *, force: bool
) -> Task[[], Outcome | State[Outcome]]:
    def bring() -> Outcome | State[Outcome]:
        try:
            outcome = coordinator.ensure_up_to_date(stage, get_run_logger().info, force=force)
        except (StageFailed, ValueError, Interrupted, errors.Retryable) as error:
            result.failures[stage.name] = error
            again = isinstance(error, errors.Retryable) or getattr(error, "code", 0) == errors.RETRY
            return Failed(message=str(error) or "stopped; it can be resumed", name=RETRY_LATER if again else None)
        except Exception as error:  # a bug of ours fails the task, and the run's final message must name it
            result.failures[stage.name] = error
            raise
        result.failures.pop(stage.name, None)
        result.outcomes[stage.name] = outcome
        if outcome.how in ("ran", "restored") and coordinator.executor.leaves_outputs:
            uploader.enqueue(stage.name)
        _publish(outcome)
        return outcome

    return Task(
        bring,
        name=stage.name,
        task_run_name=stage.name,
        cache_policy=NO_CACHE,
        persist_result=False,
        retries=len(RETRY_DELAYS_S),
        retry_delay_seconds=RETRY_DELAYS_S,
        retry_condition_fn=_may_retry,
    )


def _record(coordinator: Coordinator, result: RunResult, names: list[str]) -> None:
    """Write the record of a run whose stages are all up to date."""
    entries = {name: result.outcomes[name].entry for name in names}
    ran = any(result.outcomes[name].how == "ran" for name in names)
    try:
        result.record = run_records.write(
            coordinator.workspace, coordinator.repository, coordinator.graph, entries, ran=ran
        )
        record_page.write(coordinator.workspace, result.record)
    except errors.Retryable as error:  # outputs only in an unreachable remote; the next run writes the record
        result.failures["the record"], result.is_whole = error, False
        return
    if omission := source_archive.omission():
        get_run_logger().warning(omission)


def _may_retry(_task: object, _run: TaskRun, state: State[Outcome]) -> bool:
    return state.name == RETRY_LATER


def _publish(outcome: Outcome) -> None:
    """Publish the lock entry and the manifests as Prefect artifacts."""
    key = outcome.name.lower().replace("_", "-").replace("@", "-")
    rows = [f"| `{path}` | `{item.md5}` | {item.size or 0:,} |" for path, item in outcome.entry.outs.items()]
    lines = [f"**{outcome.name}**: {outcome.how}", "", "| output | md5 | bytes |", "| --- | --- | --- |", *rows]
    create_markdown_artifact("\n".join(lines), key=f"{key}-lock", description=f"lock entry of {outcome.name}")
    for path in outcome.entry.outs:
        manifest = Path(path) / MANIFEST
        if manifest.is_file():
            text = f"```json\n{manifest.read_text()}\n```"
            create_markdown_artifact(text, key=f"{key}-manifest", description=f"manifest of {path}")
