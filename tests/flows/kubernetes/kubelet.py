"""What every kubelet here does: runs the containers of a pod in order and tells the API how they do."""

import threading
from abc import ABC, abstractmethod
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from time import time_ns
from typing import TYPE_CHECKING, Any

from kubernetes import client

from tests.flows.kubernetes.api import NAMESPACE, now

if TYPE_CHECKING:
    from tests.flows.kubernetes.cluster import Cluster

Container = dict[str, Any]


class Pod(threading.Thread, ABC):
    """One pod of a node; how its containers run is for the subclass to say."""

    def __init__(self, cluster: "Cluster", name: str, rank: int, manifest: Any):
        super().__init__(daemon=True)
        self.cluster, self.pod, self.rank = cluster, name, rank
        self.labels, self.spec = manifest["metadata"]["labels"], manifest["spec"]
        self.root = cluster.folder / "pods" / name
        self.silent = threading.Event()  # its node is lost: it tells nothing any more
        self.unwanted = threading.Event()

    @abstractmethod
    def prepare(self) -> None:
        """Make volumes, and whatever else must be there before a container starts."""

    @abstractmethod
    def start_container(self, container: Container) -> None:
        """Start a container; its lines go to `follow`, its last words to `message`."""

    @abstractmethod
    def await_container(self, container: Container) -> int:
        """Wait for a container's end; returns its exit code."""

    @abstractmethod
    def stop(self) -> None:
        """What a kubelet does first: the container's first process is asked to end."""

    @abstractmethod
    def kill(self) -> None:
        """What a kubelet does then, and what the kernel does when a container runs out of memory."""

    def run(self) -> None:
        self.root.mkdir(parents=True)
        with self.cluster.room(int(self.spec["containers"][0]["resources"]["requests"]["cpu"])):
            if not self.unwanted.is_set():
                try:
                    self.prepare()
                    self._run_containers()
                except Exception as error:  # a fault of this kubelet must not look like a pod that takes its time
                    ended = {"exitCode": 1, "message": f"kubelet: {error!r}", "finishedAt": now()}
                    known = {"name": "stage", "image": "", "imageID": "", "restartCount": 0, "ready": False}
                    self._tell("Failed", {"containerStatuses": [{**known, "state": {"terminated": ended}}]})
                    raise

    def _run_containers(self) -> None:
        statuses: dict[str, list[Any]] = {"initContainerStatuses": [], "containerStatuses": []}
        for kind, container in [
            *(("initContainerStatuses", one) for one in self.spec["initContainers"]),
            *(("containerStatuses", one) for one in self.spec["containers"]),
        ]:
            known = {"name": container["name"], "image": container["image"], "imageID": "", "restartCount": 0}
            clock_s = self.cluster.clock_s
            running = [{**known, "ready": True, "state": {"running": {"startedAt": now(clock_s)}}}]
            self.cluster.api.logs[f"{self.pod}/{container['name']}"] = self.log(container)
            self.start_container(container)
            phase = "Running" if kind == "containerStatuses" else "Pending"
            self._tell(phase, statuses | {kind: statuses[kind] + running})
            code = self.await_container(container)
            self.log(container).with_suffix(".done").touch()
            message = self.message(container)
            said = message.read_text() if message.exists() and not self.cluster.loses_messages else ""
            ended = {"exitCode": 128 - code if code < 0 else code, "message": said, "finishedAt": now(clock_s)}
            statuses[kind].append({**known, "ready": False, "state": {"terminated": ended}})
            if code:
                return self._tell("Failed", statuses)
        return self._tell("Succeeded", statuses)

    def log(self, container: Container) -> Path:
        return self.root / f"{container['name']}.log"

    def message(self, container: Container) -> Path:
        return self.root / f"{container['name']}.message"

    def follow(self, stream: Any, container: Container) -> threading.Thread:
        """Write the lines of a container into its log, with time stamps, until the stream ends."""
        thread = threading.Thread(target=_stamp, args=(stream, self.log(container), self.cluster.clock_s), daemon=True)
        thread.start()
        return thread

    def _tell(self, phase: str, statuses: Any) -> None:
        if not self.silent.is_set():
            with suppress(client.ApiException):
                body = {"status": {"phase": phase, **statuses}}
                self.cluster.core.patch_namespaced_pod_status(self.pod, NAMESPACE, body)


def _stamp(stream: Any, log: Path, clock_s: int) -> None:
    with log.open("w") as file:
        for raw in stream:
            nanoseconds = time_ns() + clock_s * 10**9
            moment = datetime.fromtimestamp(nanoseconds // 10**9, tz=UTC).strftime("%Y-%m-%dT%H:%M:%S")
            file.write(f"{moment}.{nanoseconds % 10**9:09d}Z {raw.decode()}")
            file.flush()
