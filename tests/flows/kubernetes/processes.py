"""A kubelet that runs containers as processes of this machine.

A pod gets folders of its own; the paths of its mounts in arguments and environment are replaced by them, and the names
of pods by this machine's address. Pods share nothing with the checkout but the DVC remote.
"""

import os
import re
import socket
import subprocess
from contextlib import suppress
from pathlib import Path

import psutil

from flows.kubernetes.job_spec import CODE, RENDEZVOUS_PORT
from tests.flows.kubernetes.kubelet import Container, Pod

PROJECT = Path(__file__).parents[3]


class ProcessPod(Pod):
    """Runs the containers of one pod as processes."""

    process: subprocess.Popen[bytes] | None = None

    def prepare(self) -> None:
        self.mounts = {CODE: self.cluster.image}
        for volume in self.spec["volumes"]:
            claim = volume.get("persistentVolumeClaim", {}).get("claimName")
            folder = self.cluster.folder / "claims" / claim if claim else self.root / volume["name"]
            folder.mkdir(parents=True, exist_ok=True)
            if "configMap" in volume:
                for file, text in self.cluster.await_object("configmaps", volume["configMap"]["name"])["data"].items():
                    (folder / file).write_text(text)
            for mount in self.spec["containers"][0]["volumeMounts"]:
                if mount["name"] == volume["name"]:
                    self.mounts[mount["mountPath"]] = folder

    def start_container(self, container: Container) -> None:
        places = {**self.mounts, container["terminationMessagePath"]: self.message(container)}
        given = {one["name"]: one["value"] for one in container["env"]}

        def mapped(text: str) -> str:
            text = re.sub(r"\$\((\w+)\)", lambda found: given[found[1]], text)
            for inside, outside in places.items():
                if text == inside or text.startswith(f"{inside}/"):
                    return text.replace(inside, str(outside), 1)
            return self._resolved(text)

        environment = {name: mapped(value) for name, value in given.items()}
        self.process = subprocess.Popen(
            [mapped(word) for word in container["command"]],
            cwd=mapped(container["workingDir"]),
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(PROJECT), **self.cluster.environment, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self.follow(self.process.stdout, container)

    def await_container(self, container: Container) -> int:
        assert self.process
        return self.process.wait()

    def stop(self) -> None:
        if self.process:
            self.process.terminate()

    def kill(self) -> None:
        if self.process:
            with suppress(psutil.NoSuchProcess):
                everything = [psutil.Process(self.process.pid)]
                everything += everything[0].children(recursive=True)
                for process in everything:
                    with suppress(psutil.NoSuchProcess):
                        process.kill()

    def _resolved(self, text: str) -> str:
        """Where the first pod of several listens: all share this machine, so each Job gets a port of its own."""
        service = self.spec.get("subdomain", "")
        if service and text == f"{service}-0.{service}:{RENDEZVOUS_PORT}":
            self.cluster.await_object("services", service)
            return f"127.0.0.1:{self.cluster.ports.setdefault(service, _free_port())}"
        return text


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
