"""The Job controller and the scheduler of a cluster of one node, whose kubelet is given."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kubernetes import client

from flows.kubernetes.job_status import RANK
from tests.flows.kubernetes.api import NAMESPACE, RESOURCES, STEP_S, Api
from tests.flows.kubernetes.kubelet import Pod

REASONS = {"FailJob": "PodFailurePolicy", "Count": "BackoffLimitExceeded"}


class Cluster:
    """What a test sees of the cluster, and what it may do to it."""

    def __init__(self, api: Api, url: str, folder: Path, image: Path, kubelet: type[Pod], cores: int):
        self.api, self.url, self.folder, self.image, self._kubelet = api, url, folder, image, kubelet
        connection = client.ApiClient(client.Configuration(host=url))
        connection.user_agent = "kubelet"
        self.batch, self.core = client.BatchV1Api(connection), client.CoreV1Api(connection)
        self.environment: dict[str, str] = {}  # of every process in a pod
        self.ports: dict[str, int] = {}  # Service -> where its pods meet, if they share this machine
        self.loses_messages = False  # what containers say at their end
        self.clock_s = 0  # of the nodes, beyond that of all others
        self.replaces = True  # whether the Job controller makes a new pod for one that is gone
        self.pods: dict[str, Pod] = {}
        self._free, self._freed = cores, threading.Condition()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._control, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._closed.set()
        self.api.closing = True
        self._thread.join(10)
        for pod in self.pods.values():
            pod.silent.set()
            pod.unwanted.set()
            pod.kill()
        for pod in self.pods.values():
            pod.join(10)

    def jobs(self) -> dict[str, Any]:
        return self._raw("jobs")

    def await_object(self, kind: str, name: str) -> Any:
        return self.await_true(lambda: self._raw(kind).get(name))

    def await_true(self, look: Callable[[], Any], seconds: float = 60) -> Any:
        until_s = time.monotonic() + seconds
        while time.monotonic() < until_s:
            if found := look():
                return found
            time.sleep(STEP_S)
        raise AssertionError("it never came")

    def await_line(self, words: str, rank: int = 0, seconds: float = 60) -> Pod:
        """Wait until a pod's main container says so."""

        def look() -> Pod | None:
            logs = ((pod, pod.root / "stage.log") for pod in tuple(self.pods.values()) if pod.rank == rank)
            return next((pod for pod, log in logs if log.exists() and words in log.read_text()), None)

        found: Pod = self.await_true(look, seconds)
        return found

    @contextmanager
    def room(self, cores: int) -> Iterator[None]:
        """Have so many of the node's cores for a block; waits for them."""
        with self._freed:
            self._freed.wait_for(lambda: self._free >= cores or self._closed.is_set())
            self._free -= cores
        try:
            yield
        finally:
            with self._freed:
                self._free += cores
                self._freed.notify_all()

    def lose(self, pod: Pod) -> None:
        """The pod's node is gone: its processes end, nothing tells of it, and its object goes."""
        pod.silent.set()
        pod.kill()
        self.core.delete_namespaced_pod(pod.pod, NAMESPACE)

    def evict(self, pod: Pod) -> None:
        """The pod makes way for another: it gets its grace, and the Job controller makes a new one."""
        condition = {"type": "DisruptionTarget", "status": "True"}
        self.core.patch_namespaced_pod_status(pod.pod, NAMESPACE, {"status": {"conditions": [condition]}})
        pod.stop()
        pod.join(60)
        self.core.delete_namespaced_pod(pod.pod, NAMESPACE)

    def _raw(self, kind: str) -> dict[str, Any]:
        objects = list(self.api.objects.items())
        return {name: one.raw for (known, _, name), one in objects if known == RESOURCES[kind] and not one.deleted}

    def _control(self) -> None:
        while not self._closed.wait(STEP_S):
            for name, job in self._raw("jobs").items():
                pods = [pod for pod in self._raw("pods").values() if _owner(pod) == job["metadata"]["uid"]]
                if job["metadata"].get("deletionTimestamp"):
                    self._delete(name, job, pods)
                elif not job["spec"].get("suspend") and not job.get("status", {}).get("conditions"):
                    self._advance(name, job, pods)

    def _advance(self, name: str, job: Any, pods: list[Any]) -> None:
        actions = {_action(job, pod) for pod in pods if pod["status"]["phase"] == "Failed"} - {"Ignore"}
        kept = [pod for pod in pods if pod["status"]["phase"] != "Failed"]
        held = {_rank(pod) for pod in kept}
        missing = [rank for rank in range(job["spec"].get("completions", 1)) if rank not in held]
        if actions:
            self._end(job, kept)
            self._conclude(name, "Failed", REASONS[max(actions)])
        elif not missing and all(pod["status"]["phase"] == "Succeeded" for pod in kept):
            self._conclude(name, "Complete", "")
        elif self.replaces or not any(pod.startswith(name) for pod in self.pods):
            succeeded = sum(pod["status"]["phase"] == "Succeeded" for pod in kept)
            if succeeded != job.get("status", {}).get("succeeded", 0):
                self.batch.patch_namespaced_job_status(name, NAMESPACE, {"status": {"succeeded": succeeded}})
            for rank in missing[: job["spec"].get("parallelism", 1) - len(kept) + succeeded]:
                self._make(name, job, rank)

    def _conclude(self, name: str, kind: str, reason: str) -> None:
        condition = {"type": kind, "status": "True", "reason": reason, "message": ""}
        self.batch.patch_namespaced_job_status(name, NAMESPACE, {"status": {"conditions": [condition]}})

    def _make(self, name: str, job: Any, rank: int) -> None:
        template, pod = job["spec"]["template"], f"{name}-{rank}-{len(self.pods)}"
        reference = {"apiVersion": "batch/v1", "kind": "Job", "name": name, "uid": job["metadata"]["uid"]}
        metadata = {**template["metadata"], "name": pod, "namespace": NAMESPACE, "ownerReferences": [reference]}
        spec = {**template["spec"], "nodeName": "node-1"}
        if job["spec"].get("completionMode") == "Indexed":
            metadata["annotations"] = {**metadata["annotations"], RANK: str(rank)}
            spec["hostname"] = f"{name}-{rank}"
            for kind in ("initContainers", "containers"):
                index = {"name": "JOB_COMPLETION_INDEX", "value": str(rank)}
                spec[kind] = [{**one, "env": [*one["env"], index]} for one in spec[kind]]
        manifest = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}
        self.core.create_namespaced_pod(NAMESPACE, {**manifest, "status": {"phase": "Pending"}})
        self.pods[pod] = self._kubelet(self, pod, rank, {"metadata": metadata, "spec": spec})
        self.pods[pod].start()

    def _end(self, job: Any, pods: list[Any]) -> None:
        """End the pods, after their grace by force."""
        running = [self.pods[pod["metadata"]["name"]] for pod in pods]
        for pod in running:
            pod.unwanted.set()
            pod.stop()
        for pod in running:
            pod.join(job["spec"]["template"]["spec"]["terminationGracePeriodSeconds"])
            pod.kill()

    def _delete(self, name: str, job: Any, pods: list[Any]) -> None:
        self._end(job, pods)
        for pod in pods:
            self.core.delete_namespaced_pod(pod["metadata"]["name"], NAMESPACE)
        for kind, delete in (
            ("configmaps", self.core.delete_namespaced_config_map),
            ("services", self.core.delete_namespaced_service),
        ):
            for found in self._raw(kind).values():
                if _owner(found) == job["metadata"]["uid"]:
                    delete(found["metadata"]["name"], NAMESPACE)
        self.batch.patch_namespaced_job(name, NAMESPACE, {"metadata": {"finalizers": []}})


def _action(job: Any, pod: Any) -> str:
    """What the Job's policy says of a pod that failed."""
    status = pod["status"]
    conditions = {one["type"] for one in status.get("conditions", [])}
    ends = [one["state"].get("terminated") for kind in ("init", "") for one in status.get(_statuses(kind), [])]
    codes = {end["exitCode"] for end in ends if end}
    for rule in job["spec"]["podFailurePolicy"]["rules"]:
        if conditions & {one["type"] for one in rule.get("onPodConditions", [])}:
            return str(rule["action"])
        if codes & set(rule.get("onExitCodes", {}).get("values", [])):
            return str(rule["action"])
    return "Count"


def _statuses(kind: str) -> str:
    return f"{kind}ContainerStatuses" if kind else "containerStatuses"


def _rank(pod: Any) -> int:
    return int(pod["metadata"].get("annotations", {}).get(RANK, "0"))


def _owner(found: Any) -> str:
    references = found["metadata"].get("ownerReferences") or [{"uid": ""}]
    return str(references[0]["uid"])
