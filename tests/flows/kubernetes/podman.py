"""A kubelet that plays pods with podman, from the image that clusters run.

podman's own part is containers, cgroups, users, capabilities and the order of the containers. What a kubelet does and
`podman kube play` does not is done here: a volume of its own for each emptyDir (in memory where that is asked for), the
file of the last words, the hosts file in which the pods of a headless Service stand, and `$(VARIABLE)` in commands.
Pods use the network of this machine, and share nothing else with it: no folder, no file but those two.
"""

import json
import re
import subprocess
import time
from functools import partial
from typing import Any

import yaml

from tests.flows.kubernetes.api import NAMESPACE
from tests.flows.kubernetes.kubelet import Container, Pod

KEEP_INIT_CONTAINERS = {"io.podman.annotations.init.container.type": "always"}  # until the pod goes
LOOK_S = 0.2
HOSTS = "/etc/hosts"


class PodmanPod(Pod):
    """Runs the containers of one pod as containers."""

    def run(self) -> None:
        self.volumes: list[str] = []
        self.secrets: list[str] = []
        try:
            super().run()
        finally:
            self._podman("pod", "rm", "--force", "--time", "0", self.pod, check=False)
            for kind, names in (("volume", self.volumes), ("secret", self.secrets)):
                if names:
                    self._podman(kind, "rm", *names, check=False)

    def prepare(self) -> None:
        (self.root / "hosts").write_text(f"127.0.0.1 localhost {' '.join(self._neighbors())}\n")
        documents: list[Any] = []
        volumes = [self._volume(volume, documents) for volume in self.spec["volumes"]]
        names = (
            "hosts",
            *(self.message(one).name for kind in ("initContainers", "containers") for one in self.spec[kind]),
        )
        for name in names:
            path = self.root / name
            path.touch()
            path.chmod(0o666)
            volumes.append({"name": name.replace(".", "-"), "hostPath": {"path": str(path), "type": "File"}})
        containers = {
            kind: [self._container(one) for one in self.spec[kind]] for kind in ("initContainers", "containers")
        }
        metadata = {"name": self.pod, "labels": self.labels, "annotations": KEEP_INIT_CONTAINERS}
        spec = {**self.spec, **containers, "volumes": volumes}
        manifest = self.root / "pod.yaml"
        manifest.write_text(
            yaml.safe_dump_all([{"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}, *documents])
        )
        self._podman("kube", "play", "--network", "host", "--start=false", str(manifest))
        self.starting = subprocess.Popen(
            ["podman", "pod", "start", self.pod], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )

    def start_container(self, container: Container) -> None:
        name = self.container_name(container)
        look = partial(self._podman, "container", "inspect", "--format", "{{.State.Status}}", name)
        while look() not in ("running", "exited"):
            assert not self.starting.poll(), self.starting.communicate()[1]
            time.sleep(LOOK_S)
        logs = subprocess.Popen(["podman", "logs", "--follow", name], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.lines = self.follow(logs.stdout, container)

    def await_container(self, container: Container) -> int:
        code = int(self._podman("wait", self.container_name(container)))
        self.lines.join(10)
        return code

    def stop(self) -> None:
        self._signal("TERM")

    def kill(self) -> None:
        self._signal("KILL")

    def _signal(self, name: str) -> None:
        for kind in ("initContainers", "containers"):
            for container in self.spec[kind]:
                self._podman("kill", "--signal", name, self.container_name(container), check=False)

    def container_name(self, container: Container) -> str:
        return f"{self.pod}-{container['name']}"

    def _neighbors(self) -> list[str]:
        """Names of this pod and of those with which it shares a headless Service."""
        service = self.spec.get("subdomain")
        if not service:
            return [self.pod]
        found = self.cluster.await_object("services", service)
        assert found["spec"]["clusterIP"] == "None"
        assert found["spec"]["selector"].items() <= self.labels.items()
        job = self.spec["hostname"].rpartition("-")[0]
        ranks = range(self.cluster.jobs()[job]["spec"]["completions"])
        return [name for rank in ranks for name in (f"{job}-{rank}", f"{job}-{rank}.{service}")]

    def _volume(self, volume: Any, documents: list[Any]) -> Any:
        name = f"{self.pod}-{volume['name']}"
        if "configMap" in volume:
            found = self.cluster.await_object("configmaps", volume["configMap"]["name"])
            documents.append(
                {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": found["data"]}
            )
            self.volumes.append(name)  # podman makes one of it
            return {"name": volume["name"], "configMap": {"name": name}}
        if "emptyDir" in volume:
            in_memory = ["--opt", "type=tmpfs", "--opt", "device=tmpfs", "--opt", "o=mode=1777"]
            self._podman("volume", "create", *(in_memory if volume["emptyDir"].get("medium") else []), name)
            self.volumes.append(name)
            return {"name": volume["name"], "persistentVolumeClaim": {"claimName": name}}
        return volume

    def _container(self, container: Container) -> Container:
        given = {one["name"]: one["value"] for one in container["env"]} | self.cluster.environment
        command = [re.sub(r"\$\((\w+)\)", lambda found: given[found[1]], word) for word in container["command"]]
        message = self.message(container).name.replace(".", "-")
        mounts = [
            *container["volumeMounts"],
            {"name": message, "mountPath": container["terminationMessagePath"]},
            {"name": "hosts", "mountPath": HOSTS},
        ]
        env = [{"name": name, "value": value} for name, value in given.items()]
        secrets = [
            {"secretRef": {"name": self._secret(one["secretRef"]["name"])}} for one in container.get("envFrom", [])
        ]
        return {**container, "command": command, "env": env, "envFrom": secrets, "volumeMounts": mounts}

    def _secret(self, name: str) -> str:
        """What the API knows as this Secret, for podman to give to this pod's containers."""
        made = f"{self.pod}-{name}"
        if made not in self.secrets:
            data = self.cluster.core.read_namespaced_secret(name, NAMESPACE).data
            self._podman("secret", "create", made, "-", given=json.dumps(data))
            self.secrets.append(made)
        return made

    def _podman(self, *arguments: str, given: str = "", check: bool = True) -> str:
        command = ["podman", *arguments]
        done = subprocess.run(command, input=given, capture_output=True, text=True, check=False)
        assert not (check and done.returncode), f"{' '.join(command)}: {done.stderr}"
        return done.stdout.strip()


def missing(image: str) -> str:
    """What this machine lacks to run containers, "" if nothing."""
    found = subprocess.run(
        ["sh", "-c", f"command -v podman && podman image exists {image}"], check=False, capture_output=True
    )
    if not found.stdout:
        return "podman is not here: no container is run (apt-get install podman buildah runc debootstrap)"
    return f"the image {image} is not here: no container is run (make image)" if found.returncode else ""
