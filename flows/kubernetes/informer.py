"""Cached state of a cluster's Jobs and pods, and log streams of pods.

An informer lists all objects of ours, then watches them. If a watch ends for any reason (410, 429, 500, a timeout, a
closed connection), it lists again. Readers therefore look at the present state and never count events.
"""

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from kubernetes import watch
from kubernetes.client import ApiException

from components.common import errors
from flows.kubernetes.client import Cluster, classified_errors
from flows.kubernetes.job_spec import JOB, PART_OF

WATCH_S = 300  # duration of a watch, before the next list
CONNECT_S, SILENCE_S = 10.0, 30.0  # grace for the server's own timeout
WAITS_S = (0.2, 1.0, 2.0, 5.0, 10.0, 30.0)  # after the first, second, … fault in a row
SELECTOR = ",".join(f"{key}={value}" for key, value in PART_OF.items())
OVERLAP_S = 5  # of log lines, requested again after a break


class Informer:
    """The Jobs and pods of ours in one namespace, as last seen. Any thread may call."""

    def __init__(self, cluster: Cluster):
        self._cluster = cluster
        self._objects: dict[str, dict[str, Any]] = {"jobs": {}, "pods": {}}  # kind -> name -> object
        self._changed = threading.Condition()
        self._version = 0
        self._fault: ValueError | None = None
        self._closed = threading.Event()
        calls = {"jobs": cluster.batch.list_namespaced_job, "pods": cluster.core.list_namespaced_pod}
        for kind, call in calls.items():
            threading.Thread(target=self._follow, args=(kind, call), name=f"watch-{kind}", daemon=True).start()

    def close(self) -> None:
        """Stop watching."""
        self._closed.set()
        self.wake()

    def wake(self) -> None:
        """Make every `await_change` return."""
        with self._changed:
            self._version += 1
            self._changed.notify_all()

    def of(self, job: str) -> tuple[int, Any, list[Any]]:
        """Return the version, the Job (None if absent) and its pods; raises ValueError if access is denied."""
        with self._changed:
            if self._fault:
                raise self._fault
            pods = [pod for pod in self._objects["pods"].values() if (pod.metadata.labels or {}).get(JOB) == job]
            return self._version, self._objects["jobs"].get(job), pods

    def await_change(self, version: int, seconds: float) -> bool:
        """Wait until the informer is no longer at `version`; False after `seconds`."""
        with self._changed:
            return self._changed.wait_for(lambda: self._version != version, seconds)

    def _follow(self, kind: str, call: Callable[..., Any]) -> None:
        faults = 0
        while not self._closed.is_set():
            try:
                with classified_errors():
                    self._list_and_watch(kind, call)
                faults = 0
            except ValueError as error:
                self._fault = error
                self.wake()
                return
            except (ApiException, errors.Retryable):  # including a resource version that is too old
                self._closed.wait(WAITS_S[min(faults, len(WAITS_S) - 1)])
                faults += 1

    def _list_and_watch(self, kind: str, call: Callable[..., Any]) -> None:
        ours = {"namespace": self._cluster.namespace, "label_selector": SELECTOR}
        listed = call(**ours, _request_timeout=SILENCE_S)
        with self._changed:
            self._objects[kind] = {found.metadata.name: found for found in listed.items}
        self.wake()
        events = watch.Watch().stream(
            call,
            **ours,
            resource_version=listed.metadata.resource_version,
            timeout_seconds=WATCH_S,
            _request_timeout=(CONNECT_S, WATCH_S + SILENCE_S),
        )
        for event in events:
            if self._closed.is_set() or not event:
                return
            found = event["object"]
            with self._changed:
                if event["type"] == "DELETED":
                    self._objects[kind].pop(found.metadata.name, None)
                elif event["type"] in ("ADDED", "MODIFIED"):
                    self._objects[kind][found.metadata.name] = found
            self.wake()


class PodLog:
    """Log lines of a pod's container, each exactly once, across any number of broken connections."""

    def __init__(self, cluster: Cluster, pod: str, container: str, line: Callable[[str], None]):
        self._cluster, self._pod, self._container, self._line = cluster, pod, container, line
        self._last = ""  # cluster's time stamp of the last line
        self._last_s = time.monotonic()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._follow, name=f"lines-{pod}", daemon=True)
        self._thread.start()

    def finish(self, seconds: float) -> None:
        """Wait for the last lines of an ended container, `seconds` at most."""
        self._ended.set()
        self._thread.join(seconds)

    def _follow(self) -> None:
        faults = 0
        while True:
            last_round = self._ended.is_set()
            try:
                with classified_errors():
                    self._read()
                faults = 0
            except (ApiException, errors.Retryable, ValueError):  # a pod that does not exist (yet) has no log
                faults += 1
            if last_round and (not faults or faults > 3):
                return
            self._ended.wait(WAITS_S[min(faults, len(WAITS_S) - 1)])

    def _read(self) -> None:
        since = int(time.monotonic() - self._last_s) + OVERLAP_S if self._last else None
        answer: Any = self._cluster.core.read_namespaced_pod_log(
            self._pod,
            self._cluster.namespace,
            container=self._container,
            follow=True,
            timestamps=True,
            _preload_content=False,
            _request_timeout=(CONNECT_S, WATCH_S),
            since_seconds=since,
        )
        try:
            for raw in watch.watch.iter_resp_lines(answer):
                stamp, _, text = raw.partition(" ")
                if stamp > self._last:
                    self._last, self._last_s = stamp, time.monotonic()
                    if text:
                        self._line(text)
        finally:
            with suppress(OSError):
                answer.close()
                answer.release_conn()
