"""A cluster to test against: kmock as its API, and a kubelet that runs what a pod runs as processes of this machine.

What the pipeline relies on and kmock lacks is added here: labels, uids, resource versions, watches that end, logs,
foreground deletion, and faults on order. A pod gets folders of its own; the paths of its mounts in arguments and
environment are replaced by them. Pods share nothing with the checkout but the DVC remote.
"""

import asyncio
import json
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp.web
import psutil
import pytest
import yaml
from kmock import KubernetesEmulator, Server, action, resource
from kubernetes import client

from flows import kubernetes, mirror
from flows.execution import Coordinator
from flows.manifests import CODE
from flows.stages import Repository
from flows.workspace import Workspace

PROJECT = Path(__file__).parents[3]
NAMESPACE = "videopoet"
RESOURCES = {
    "jobs": resource("batch/v1/jobs"),
    "pods": resource("v1/pods"),
    "configmaps": resource("v1/configmaps"),
    "services": resource("v1/services"),
}
STEP_S = 0.05
DEFAULTS = {
    "image": "videopoet:test",
    "cpu": 2,
    "memory": "1Gi",
    "disk": "1Gi",
    "gpus": 0,
    "nodes": 1,
    "node_selector": {},
    "priority_class": "",
    "deadline_s": 600,
    "grace_s": 20,
    "scratch_claim": "",
    "secret": "",
    "service_account": "videopoet-stage",
    "tracking_uri": "http://mlflow:5000",
}


@dataclass
class Faults:
    """What goes wrong, and for how long."""

    answers: list[int] = field(default_factory=list)  # status codes of the next answers, watches included
    watch_s: float = 60.0  # after which a watch is closed
    gone: bool = False  # whether a watch then says 410
    cut_lines: int = 0  # more lines that each connection to a log gets through than the one before; 0 for all


class Api(KubernetesEmulator):
    """kmock with what the pipeline relies on."""

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        for known in RESOURCES.values():
            self.resources[known] = {}
        self.faults = Faults()
        self.logs: dict[str, Path] = {}
        self.seen: list[str] = []
        self.listed: dict[str, dict[str, Any]] = {}  # resource version -> what a list of it held
        self.closing = False
        self.log_connections = 0

    async def _handle(self, request: Any) -> aiohttp.web.StreamResponse:
        agent = request.headers.get("User-Agent", "")
        if agent != "kubelet":
            self.seen.append(
                f"{request.action and request.action.value} {request.resource and request.resource.plural}"
            )
            if self.faults.answers:
                status = self.faults.answers.pop(0)
                body = {"kind": "Status", "code": status, "reason": "Fault", "message": "ordered by the test"}
                return aiohttp.web.json_response(body, status=status)
        if request.subresource == "log":
            return await self._serve_log(request)
        if request.action == action.WATCH:
            return await self._serve_events(request)
        if request.action == action.CREATE:
            metadata = request.data["metadata"]
            metadata.setdefault("namespace", request.namespace)
            metadata |= {"uid": str(uuid4()), "creationTimestamp": _now(), "resourceVersion": "1"}
        if request.action == action.DELETE and request.params.get("propagationPolicy") == "Foreground":
            key = (request.resource, request.namespace, request.name)
            if key in self.objects and not self.objects[key].deleted:
                self.objects[key].patch({"metadata": {"finalizers": ["foregroundDeletion"]}})
        return await super()._handle(request)

    async def _serve_list(self, request: Any) -> Any:
        version, chosen = str(len(self.listed)), self._chosen(request)
        self.listed[version] = chosen
        return {"metadata": {"resourceVersion": version}, "items": list(chosen.values())}

    async def _serve_events(self, request: Any) -> aiohttp.web.StreamResponse:
        answer = aiohttp.web.StreamResponse()
        await answer.prepare(request._raw_request)
        seen, until_s = self.listed[request.params["resourceVersion"]], time.monotonic() + self.faults.watch_s
        while time.monotonic() < until_s and not self.closing:
            now = self._chosen(request)
            for name in now.keys() | seen.keys():
                if name not in now:
                    await _send(answer, "DELETED", seen[name])
                elif now[name] != seen.get(name):
                    await _send(answer, "MODIFIED" if name in seen else "ADDED", now[name])
            seen = now
            await asyncio.sleep(STEP_S)
        if self.faults.gone:
            await _send(answer, "ERROR", {"kind": "Status", "code": 410, "reason": "Gone", "message": "too old"})
        return answer

    async def _serve_log(self, request: Any) -> aiohttp.web.StreamResponse:
        path = self.logs[f"{request.name}/{request.params['container']}"]
        done = path.with_suffix(".done")
        answer = aiohttp.web.StreamResponse()
        await answer.prepare(request._raw_request)
        self.log_connections += 1
        sent, most = 0, self.faults.cut_lines * self.log_connections
        while True:
            over = done.exists()
            lines = path.read_text().splitlines(keepends=True) if path.exists() else []
            for line in [line for line in lines[sent:] if line.endswith("\n")]:
                await answer.write(line.encode())
                sent += 1
                if sent == most:
                    request._raw_request.transport.close()
                    return answer
            if over or self.closing:
                return answer
            await asyncio.sleep(STEP_S)

    def _chosen(self, request: Any) -> dict[str, Any]:
        labels = dict(pair.split("=") for pair in filter(None, request.params.get("labelSelector", "").split(",")))
        return {
            name: json.loads(json.dumps(found.raw))
            for (kind, _, name), found in self.objects.items()
            if kind == request.resource
            and not found.deleted
            and labels.items() <= found.raw["metadata"].get("labels", {}).items()
        }


async def _send(answer: aiohttp.web.StreamResponse, kind: str, found: Any) -> None:
    await answer.write(json.dumps({"type": kind, "object": found}).encode() + b"\n")


def _now() -> str:
    return datetime.now(tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Pod(threading.Thread):
    """Runs the containers of one pod as processes."""

    def __init__(self, cluster: "TestCluster", name: str, spec: Any):
        super().__init__(daemon=True)
        self.cluster, self.pod, self.spec = cluster, name, spec
        self.root = cluster.folder / "pods" / name
        self.process: subprocess.Popen[bytes] | None = None
        self.silent = threading.Event()  # its node is lost: it tells nothing any more

    def run(self) -> None:
        self.root.mkdir(parents=True)
        mounts = {CODE: self.cluster.image}
        for volume in self.spec["volumes"]:
            claim = volume.get("persistentVolumeClaim", {}).get("claimName")
            folder = self.cluster.folder / "claims" / claim if claim else self.root / volume["name"]
            folder.mkdir(parents=True, exist_ok=True)
            if "configMap" in volume:
                for file, text in self.cluster.await_files(volume["configMap"]["name"]).items():
                    (folder / file).write_text(text)
            for mount in self.spec["containers"][0]["volumeMounts"]:
                if mount["name"] == volume["name"]:
                    mounts[mount["mountPath"]] = folder
        statuses: dict[str, list[Any]] = {"initContainerStatuses": [], "containerStatuses": []}
        for kind, container in [
            *(("initContainerStatuses", one) for one in self.spec["initContainers"]),
            *(("containerStatuses", one) for one in self.spec["containers"]),
        ]:
            known = {"name": container["name"], "image": container["image"], "imageID": "", "restartCount": 0}
            running = [{**known, "ready": True, "state": {"running": {"startedAt": _now()}}}]
            phase = "Running" if kind == "containerStatuses" else "Pending"
            process, message = self._start(container, mounts)
            self._tell(phase, statuses | {kind: statuses[kind] + running})
            code = process.wait()
            (self.root / f"{container['name']}.done").touch()
            said = message.read_text() if message.exists() and not self.cluster.loses_messages else ""
            ended = {"exitCode": 128 - code if code < 0 else code, "message": said, "finishedAt": _now()}
            statuses[kind].append({**known, "ready": False, "state": {"terminated": ended}})
            if code:
                return self._tell("Failed", statuses)
        return self._tell("Succeeded", statuses)

    def _start(self, container: Any, mounts: dict[str, Path]) -> tuple["subprocess.Popen[bytes]", Path]:
        message = self.root / f"{container['name']}.message"
        places = {**mounts, container["terminationMessagePath"]: message}

        def mapped(text: str) -> str:
            text = text.replace("$(JOB_COMPLETION_INDEX)", "0")
            for inside, outside in places.items():
                if text == inside or text.startswith(f"{inside}/"):
                    return text.replace(inside, str(outside), 1)
            return text

        environment = {one["name"]: mapped(one["value"]) for one in container["env"]}
        log = self.root / f"{container['name']}.log"
        self.cluster.api.logs[f"{self.pod}/{container['name']}"] = log
        self.process = subprocess.Popen(
            [mapped(word) for word in container["command"]],
            cwd=mapped(container["workingDir"]),
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(PROJECT), **self.cluster.environment, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        threading.Thread(target=_stamp, args=(self.process.stdout, log), daemon=True).start()
        return self.process, message

    def _tell(self, phase: str, statuses: Any) -> None:
        if not self.silent.is_set():
            with suppress(client.ApiException):
                body = {"status": {"phase": phase, **statuses}}
                self.cluster.core.patch_namespaced_pod_status(self.pod, NAMESPACE, body)

    def stop(self) -> None:
        """What a kubelet does first: the container's first process is asked to end."""
        if self.process:
            self.process.terminate()

    def kill(self) -> None:
        """What a kubelet does then, and what the kernel does when a container runs out of memory."""
        if self.process:
            with suppress(psutil.NoSuchProcess):
                everything = [psutil.Process(self.process.pid)]
                everything += everything[0].children(recursive=True)
                for process in everything:
                    with suppress(psutil.NoSuchProcess):
                        process.kill()


def _stamp(stream: Any, log: Path) -> None:
    with log.open("w") as file:
        for raw in stream:
            nanoseconds = time.time_ns()
            moment = datetime.fromtimestamp(nanoseconds // 10**9, tz=UTC).strftime("%Y-%m-%dT%H:%M:%S")
            file.write(f"{moment}.{nanoseconds % 10**9:09d}Z {raw.decode()}")
            file.flush()


class TestCluster:
    """The API, the Job controller and the kubelet of a cluster of one node."""

    __test__ = False

    def __init__(self, api: Api, url: str, folder: Path, image: Path):
        self.api, self.url, self.folder, self.image = api, url, folder, image
        connection = client.ApiClient(client.Configuration(host=url))
        connection.user_agent = "kubelet"
        self.batch, self.core = client.BatchV1Api(connection), client.CoreV1Api(connection)
        self.environment: dict[str, str] = {}  # of every process in a pod
        self.loses_messages = False  # what containers say at their end
        self.replaces = True  # whether the Job controller makes a new pod for one that is gone
        self.pods: dict[str, Pod] = {}
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._control, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._closed.set()
        self.api.closing = True
        self._thread.join(10)
        for pod in self.pods.values():
            pod.silent.set()
            pod.kill()

    def jobs(self) -> dict[str, Any]:
        return self._raw("jobs")

    def await_files(self, name: str) -> Any:
        return self.await_true(lambda: self._raw("configmaps").get(name))["data"]

    def await_true(self, look: Callable[[], Any], seconds: float = 60) -> Any:
        until_s = time.monotonic() + seconds
        while time.monotonic() < until_s:
            if found := look():
                return found
            time.sleep(STEP_S)
        raise AssertionError("it never came")

    def await_line(self, words: str) -> Pod:
        """Wait until a pod's main container says so."""

        def look() -> Pod | None:
            logs = ((pod, pod.root / "stage.log") for pod in tuple(self.pods.values()))
            return next((pod for pod, log in logs if log.exists() and words in log.read_text()), None)

        found: Pod = self.await_true(look)
        return found

    def lose(self, pod: Pod) -> None:
        """The pod's node is gone: its processes end, nothing tells of it, and its object goes."""
        pod.silent.set()
        pod.kill()
        self.core.delete_namespaced_pod(pod.pod, NAMESPACE)

    def evict(self, pod: Pod) -> None:
        """The pod makes way for another: it gets its grace, and the Job controller makes a new one."""
        pod.silent.set()
        pod.stop()
        pod.join(20)
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
        phases = [pod["status"]["phase"] for pod in pods]
        first = not any(pod.startswith(name) for pod in self.pods)
        if "Succeeded" in phases or "Failed" in phases:
            kind = "Complete" if "Succeeded" in phases else "Failed"
            condition = {"type": kind, "status": "True", "reason": "", "message": ""}
            self.batch.patch_namespaced_job_status(name, NAMESPACE, {"status": {"conditions": [condition]}})
        elif not pods and (first or self.replaces):
            template, pod = job["spec"]["template"], f"{name}-{len(self.pods)}"
            reference = {"apiVersion": "batch/v1", "kind": "Job", "name": name, "uid": job["metadata"]["uid"]}
            metadata = {**template["metadata"], "name": pod, "namespace": NAMESPACE, "ownerReferences": [reference]}
            spec = {**template["spec"], "nodeName": "node-1"}
            manifest = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}
            self.core.create_namespaced_pod(NAMESPACE, {**manifest, "status": {"phase": "Pending"}})
            self.pods[pod] = Pod(self, pod, template["spec"])
            self.pods[pod].start()

    def _delete(self, name: str, job: Any, pods: list[Any]) -> None:
        for found in pods:
            pod = self.pods[found["metadata"]["name"]]
            pod.stop()
            pod.join(job["spec"]["template"]["spec"]["terminationGracePeriodSeconds"])
            pod.kill()
            self.core.delete_namespaced_pod(pod.pod, NAMESPACE)
        for kind, delete in (
            ("configmaps", self.core.delete_namespaced_config_map),
            ("services", self.core.delete_namespaced_service),
        ):
            for found in self._raw(kind).values():
                if _owner(found) == job["metadata"]["uid"]:
                    delete(found["metadata"]["name"], NAMESPACE)
        self.batch.patch_namespaced_job(name, NAMESPACE, {"metadata": {"finalizers": []}})


def _owner(found: Any) -> str:
    references = found["metadata"].get("ownerReferences") or [{"uid": ""}]
    return str(references[0]["uid"])


@pytest.fixture
def cluster(checkout: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestCluster]:
    """A cluster that the checkout is set up for: a remote, a placement, a kubeconfig, and the code in an image."""
    image, remote = tmp_path / "image", tmp_path / "remote"
    shutil.copytree(checkout.root, image, ignore=shutil.ignore_patterns(".git", ".dvc"))
    Path(".dvc/config").write_text(f"[core]\n    remote = shared\n['remote \"shared\"']\n    url = {remote}\n")
    Path("k8s").mkdir()
    placement = {"namespace": NAMESPACE, "defaults": DEFAULTS, "stages": {}}
    Path("k8s/placement.yaml").write_text(yaml.safe_dump(placement))
    monkeypatch.setattr(mirror, "WAITS_S", (0.05, 0.1))
    monkeypatch.setattr(kubernetes, "LOOK_S", 2.0)
    loop, started = asyncio.new_event_loop(), threading.Event()
    api, urls = Api(), []

    async def serve() -> None:
        async with api, Server(api) as server:
            urls.append(str(server.url).rstrip("/"))
            started.set()
            await stopped.wait()

    stopped = asyncio.Event()
    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),), daemon=True)
    thread.start()
    assert started.wait(20)
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "test", "cluster": {"server": urls[0]}}],
        "users": [{"name": "test", "user": {}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
        "current-context": "test",
    }
    (tmp_path / "kubeconfig").write_text(yaml.safe_dump(config))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
    found = TestCluster(api, urls[0], tmp_path, image)
    yield found
    found.close()
    loop.call_soon_threadsafe(stopped.set)
    thread.join(10)


@dataclass
class Run:
    """One coordinator whose place is the cluster."""

    coordinator: Coordinator
    lines: list[str]

    def bring(self, *names: str, force: bool = False) -> list[Any]:
        stages = self.coordinator.graph.by_name
        return [self.coordinator.bring(stages[name], self.lines.append, force=force) for name in names]


@pytest.fixture
def runs(checkout: Any, cluster: TestCluster) -> Iterator[Callable[[], Run]]:
    """Makes coordinators, each as a new process would see the checkout."""
    made: list[Coordinator] = []

    def make() -> Run:
        repository = Repository(checkout.root)
        graph = repository.graph()
        made.append(Coordinator(Workspace(checkout.root), repository, graph, graph.stages, "kubernetes"))
        return Run(made[-1], [])

    yield make
    for coordinator in made:
        coordinator.place.close()
