"""A Job and its pods, as seen from the API -> the status of the stage."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import Any, Literal

from components.common import errors
from flows.kubernetes.job_spec import CONTAINER, PARTS
from flows.kubernetes.pod import TerminationMessage
from flows.machine.processes import ProcessResult

Phase = Literal["queued", "pulling", "running", "succeeded", "failed"]
KILLED, OUT_OF_MEMORY = 128, "OOMKilled"
RANK = "batch.kubernetes.io/job-completion-index"
_AFTER = {errors.RETRY: 1, errors.STOPPED: 2}  # exit codes that follow another pod's failure, ranked after the cause
BY_PERSON = ("DeadlineExceeded",)  # reasons that a retry would not change


@dataclass(frozen=True)
class JobStatus:
    """Status of a stage in the cluster."""

    phase: Phase
    text: str = ""  # the reason to wait, or the error message
    code: int = 0  # the stage's exit code (common/errors.py); minus the signal's number if a signal ended it
    message: TerminationMessage = field(default_factory=TerminationMessage)

    @property
    def over(self) -> bool:
        """True if the status is final."""
        return self.phase in ("succeeded", "failed")


def result(job: Any) -> Literal["Complete", "Failed", ""]:
    """Return the final state of a Job, "" while it is running."""
    types = {one.type for one in (job.status and job.status.conditions) or [] if one.status == "True"}
    return "Complete" if "Complete" in types else "Failed" if "Failed" in types else ""


def state(job: Any, pods: Sequence[Any]) -> JobStatus:
    """Return the status of an existing Job."""
    match result(job):
        case "Complete":
            return _succeeded(pods, is_in_parts=bool(_parts(job)))
        case "Failed":
            return _failed(next(one for one in job.status.conditions if one.type == "Failed"), pods)
    if job.spec.suspend:
        return JobStatus("queued", "suspended")
    alive = [pod for pod in pods if pod.status.phase in ("Pending", "Running")]
    if done := _parts(job) and ((job.status and job.status.succeeded) or 0):
        return JobStatus("running", f"{100 * done // _parts(job)} % of {_parts(job)} parts done")
    if alive:
        return _alive(alive[-1])
    return JobStatus("running", "its pod has ended") if pods else JobStatus("queued", "no pod yet")


def speaking(pods: Sequence[Any]) -> dict[str, Any]:
    """Map rank -> the newest pod of it whose container has started; rank 0 prints the stage's lines."""
    return {
        (pod.metadata.annotations or {}).get(RANK, "0"): pod
        for pod in sorted(pods, key=lambda pod: str(pod.metadata.creation_timestamp))
        if any(one.name == CONTAINER and (one.state.running or one.state.terminated) for one in _containers(pod))
    }


def on_node(pod: Any) -> bool:
    """Return True if a pod holds its resources on a node."""
    return bool(pod.spec.node_name) and pod.status.phase in ("Pending", "Running")


def _parts(job: Any) -> int:
    return int((job.metadata.labels or {}).get(PARTS, "0"))


def _alive(pod: Any) -> JobStatus:
    if pod.status.phase == "Running":
        return JobStatus("running", f"on {pod.spec.node_name}" if pod.spec.node_name else "")
    waiting = [one.state.waiting for one in _containers(pod) if one.state and one.state.waiting]
    text = next((f"{one.reason}{f': {one.message}' if one.message else ''}" for one in waiting if one.reason), "")
    if pod.spec.node_name:
        return JobStatus("pulling", text)
    unscheduled = [one.message for one in pod.status.conditions or [] if one.type == "PodScheduled" and one.message]
    return JobStatus("queued", unscheduled[0] if unscheduled else text)


def _succeeded(pods: Sequence[Any], *, is_in_parts: bool) -> JobStatus:
    messages = [
        TerminationMessage.read(ended.message or "") for ended in map(_ended, pods) if ended and not ended.exit_code
    ]
    found = TerminationMessage() if is_in_parts else next((message for message in messages if message.entry), None)
    if found is None:  # the next try finds the result in the remote's run-cache
        return JobStatus(
            "failed", "it succeeded, but its pod is gone and with it the hash of its outputs", errors.RETRY
        )
    took = reduce(ProcessResult.beside, (message.took for message in messages), ProcessResult())
    return JobStatus("succeeded", message=replace(found, took=took))


def _failed(condition: Any, pods: Sequence[Any]) -> JobStatus:
    if condition.reason in BY_PERSON:
        return JobStatus(
            "failed", f"{condition.message}: raise `deadline_s` in k8s/placement.yaml", errors.CONFIGURATION
        )
    ends = [ended for ended in map(_ended, pods) if ended and ended.exit_code]
    if not ends:
        text = (
            f"its pod is gone without a termination message ({condition.reason or 'Failed'}: {condition.message or ''})"
        )
        return JobStatus("failed", text, errors.RETRY)
    ended = min(ends, key=lambda one: _AFTER.get(one.exit_code, 0))
    message = TerminationMessage.read(ended.message or "")
    text = message.said or ended.reason or ""
    if ended.reason == OUT_OF_MEMORY:
        return JobStatus("failed", f"{text} (out of memory: raise `memory` in k8s/placement.yaml)", -9, message)
    return JobStatus("failed", text, _code(ended.exit_code), message)


def _ended(pod: Any) -> Any:
    """Return the end of the pod's first failed container, or else of its main one; None if neither has ended."""
    ends = [one.state.terminated for one in _containers(pod) if one.state and one.state.terminated]
    return next((one for one in ends if one.exit_code), ends[-1] if ends else None)


def _containers(pod: Any) -> list[Any]:
    return [*(pod.status.init_container_statuses or []), *(pod.status.container_statuses or [])]


def _code(code: int) -> int:
    return KILLED - code if code > KILLED and code != errors.STOPPED else code
