"""One Job, followed: how it is doing, what its pods say, and what it holds meanwhile."""

import time
from collections.abc import Sequence
from functools import partial
from typing import Any

from components.common import errors
from flows.kubernetes.client import Cluster
from flows.kubernetes.informer import Lines
from flows.kubernetes.job_spec import CONTAINER
from flows.kubernetes.job_status import JobStatus, on_node, result, speaking, state
from flows.machine.monitor import StageMonitor

LOOK_S = 30.0  # at a Job itself, where the mirror tells of no change
LOST_S = 120.0  # that a Job whose pod is gone may take to start another
LAST_LINES_S = 10.0
MOST_FOLLOWED = 16  # ranks of one stage whose lines are read: each holds a connection
GONE = JobStatus("failed", "its Job was deleted from outside", errors.RETRY)


class JobWatcher:
    """What has been told and seen of one Job."""

    def __init__(self, cluster: Cluster, pulse: StageMonitor, gpus: int):
        self._cluster, self._pulse, self._gpus = cluster, pulse, gpus
        self._told: JobStatus | None = None
        self._seen = self._had_pods = False
        self._lost_s = 0.0
        self._lines: dict[str, tuple[str, Lines | None]] = {}  # of each rank, and of which pod; None: all were read

    def see(self, job: Any, pods: Sequence[Any], uid: str) -> JobStatus:
        """How the Job `uid` is doing, of which the cluster last told `job` and `pods`."""
        if job is None or job.metadata.uid != uid:  # not told of yet, or not any more
            return GONE if self._seen else JobStatus("queued")
        self._seen = True
        if result(job):  # the mirror may know the end of a Job before that of its pods
            pods = self._cluster.pods(job.metadata.name)
        pods = [pod for pod in pods if any(one.uid == uid for one in pod.metadata.owner_references or [])]
        now = state(job, pods)
        self._pulse.hold(0 if now.over else self._gpus * sum(map(on_node, pods)))
        self._pass_on_lines(pods)
        if (now.phase, now.words) != (self._told and (self._told.phase, self._told.words)) and not now.over:
            self._pulse(f"kubernetes: {now.phase}{f' ({now.words})' if now.words else ''}")
            self._told = now
        self._had_pods |= bool(pods)
        if pods or not self._had_pods or now.over or job.spec.suspend:  # its queue may have stopped it for a while
            self._lost_s = 0.0
        elif not self._lost_s:
            self._lost_s = time.monotonic() + LOST_S
        elif time.monotonic() >= self._lost_s:
            return JobStatus("failed", "its node was lost: the pod is gone and no other came", errors.RETRY)
        return now

    def patience_s(self) -> float:
        """How long to wait for a change."""
        return min(LOOK_S, max(0.0, self._lost_s - time.monotonic())) if self._lost_s else LOOK_S

    def close(self) -> None:
        """Pass on the last lines."""
        for lines in self._followed():
            lines.finish(LAST_LINES_S)

    def _pass_on_lines(self, pods: Sequence[Any]) -> None:
        """Follow the first rank's lines, and for their rates those of some others."""
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
            hear = self._pulse if rank == "0" else partial(self._pulse.hear, rank=rank)
            self._lines[rank] = pod.metadata.name, Lines(self._cluster, pod.metadata.name, CONTAINER, hear)

    def _followed(self) -> list[Lines]:
        return [lines for _, lines in self._lines.values() if lines]
