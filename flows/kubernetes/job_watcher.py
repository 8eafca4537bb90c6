"""Follows one Job: its status, its log, and the GPUs that it holds."""

import time
from collections.abc import Sequence
from functools import partial
from typing import Any

from components.common import errors
from flows.kubernetes.client import Cluster
from flows.kubernetes.informer import PodLog
from flows.kubernetes.job_spec import CONTAINER
from flows.kubernetes.job_status import JobStatus, on_node, result, speaking, state
from flows.machine.monitor import StageMonitor

POLL_S = 30.0  # for a Job without a change in the informer
LOST_S = 120.0  # for a Job without pods to start another
LAST_LINES_S = 10.0
MOST_FOLLOWED = 16  # ranks of one stage with an open log stream
GONE = JobStatus("failed", "its Job was deleted from outside", errors.RETRY)


class JobWatcher:
    """Last known state of one Job."""

    def __init__(self, cluster: Cluster, monitor: StageMonitor, gpus: int):
        self._cluster, self._monitor, self._gpus = cluster, monitor, gpus
        self._reported: JobStatus | None = None
        self._seen = self._had_pods = False
        self._lost_s = 0.0
        self._lines: dict[str, tuple[str, PodLog | None]] = {}  # rank -> pod, log; None when read to the end

    def see(self, job: Any, pods: Sequence[Any], uid: str) -> JobStatus:
        """Return the status of the Job `uid`, given the informer's `job` and `pods`."""
        if job is None or job.metadata.uid != uid:  # not seen yet, or deleted
            return GONE if self._seen else JobStatus("queued")
        self._seen = True
        if result(job):  # the informer may see the end of a Job before that of its pods
            pods = self._cluster.pods(job.metadata.name)
        pods = [pod for pod in pods if any(one.uid == uid for one in pod.metadata.owner_references or [])]
        now = state(job, pods)
        self._monitor.hold(0 if now.over else self._gpus * sum(map(on_node, pods)))
        self._pass_on_lines(pods)
        if (now.phase, now.text) != (self._reported and (self._reported.phase, self._reported.text)) and not now.over:
            self._monitor(f"kubernetes: {now.phase}{f' ({now.text})' if now.text else ''}")
            self._reported = now
        self._had_pods |= bool(pods)
        if pods or not self._had_pods or now.over or job.spec.suspend:  # its queue may have suspended it
            self._lost_s = 0.0
        elif not self._lost_s:
            self._lost_s = time.monotonic() + LOST_S
        elif time.monotonic() >= self._lost_s:
            return JobStatus("failed", "its node was lost: the pod is gone and no other was started", errors.RETRY)
        return now

    def timeout_s(self) -> float:
        """Return the time to wait for a change."""
        return min(POLL_S, max(0.0, self._lost_s - time.monotonic())) if self._lost_s else POLL_S

    def close(self) -> None:
        """Pass on the last lines."""
        for lines in self._followed():
            lines.finish(LAST_LINES_S)

    def _pass_on_lines(self, pods: Sequence[Any]) -> None:
        """Stream the first rank's log, and those of some other ranks for their rates."""
        for rank, pod in speaking(pods).items():
            name, lines = self._lines.get(rank, ("", None))
            has_ended = pod.status.phase in ("Succeeded", "Failed")
            if name == pod.metadata.name:
                if lines and has_ended:
                    lines.finish(LAST_LINES_S)
                    self._lines[rank] = name, None
                continue
            if lines is None and rank != "0" and (has_ended or len(self._followed()) >= MOST_FOLLOWED):
                continue
            if lines:
                lines.finish(LAST_LINES_S)
            line = self._monitor if rank == "0" else partial(self._monitor.on_line, rank=rank)
            self._lines[rank] = pod.metadata.name, PodLog(self._cluster, pod.metadata.name, CONTAINER, line)

    def _followed(self) -> list[PodLog]:
        return [lines for _, lines in self._lines.values() if lines]
