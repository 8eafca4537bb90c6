"""A checkout that is set up for a cluster to test against, and coordinators that work in it."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from flows.dvc.repository import Repository
from flows.execution.coordinator import Coordinator
from flows.kubernetes import informer, job_watcher
from flows.kubernetes.executor import KubernetesExecutor
from flows.machine.processes import StageFailed
from flows.machine.workspace import Workspace
from tests.flows.kubernetes.api import NAMESPACE, Api, kubeconfig, served
from tests.flows.kubernetes.cluster import Cluster
from tests.flows.kubernetes.processes import ProcessPod

CORES = 64  # more than any test asks for
DEFAULTS = {
    "image": "videopoet:test",
    "cpu": 2,
    "memory": "1Gi",
    "disk": "1Gi",
    "gpus": 0,
    "nodes": 1,
    "parts": 1,
    "parallelism": 2,
    "node_selector": {},
    "priority_class": "",
    "queue": "",
    "deadline_s": 600,
    "grace_s": 20,
    "scratch_claim": "",
    "media": {},
    "secret": "",
    "service_account": "videopoet-stage",
    "tracking_uri": "http://mlflow:5000",
    "metrics_port": 0,
}


@pytest.fixture
def cluster(checkout: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    """A cluster that the checkout is set up for: a remote, a placement, a kubeconfig, and the code in an image."""
    image, remote = tmp_path / "image", tmp_path / "remote"
    shutil.copytree(checkout.root, image, ignore=shutil.ignore_patterns(".git", ".dvc"))
    Path(".dvc/config").write_text(f"[core]\n    remote = shared\n['remote \"shared\"']\n    url = {remote}\n")
    Path("k8s").mkdir()
    placement = {"namespace": NAMESPACE, "defaults": DEFAULTS, "stages": {}}
    Path("k8s/placement.yaml").write_text(yaml.safe_dump(placement))
    monkeypatch.setattr(informer, "WAITS_S", (0.05, 0.1))
    monkeypatch.setattr(job_watcher, "POLL_S", 2.0)
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
    api = Api()
    with served(api) as url:
        (tmp_path / "kubeconfig").write_text(kubeconfig(url))
        found = Cluster(api, url, tmp_path, image, ProcessPod, CORES)
        yield found
        found.close()


@dataclass
class Run:
    """One coordinator whose place is the cluster."""

    coordinator: Coordinator
    lines: list[str]

    def bring(self, *names: str, force: bool = False) -> list[Any]:
        stages = self.coordinator.graph.by_name
        return [self.coordinator.ensure_up_to_date(stages[name], self.lines.append, force=force) for name in names]

    def failure(self, name: str) -> StageFailed:
        """How a stage ends that must fail."""
        with pytest.raises(StageFailed) as caught:
            self.bring(name)
        return caught.value


@pytest.fixture
def runs(checkout: Any, cluster: Cluster) -> Iterator[Callable[[], Run]]:
    """Makes coordinators, each as a new process would see the checkout."""
    made: list[Coordinator] = []

    def make() -> Run:
        repository = Repository(checkout.root)
        graph = repository.graph()
        made.append(
            Coordinator(
                Workspace(checkout.root),
                repository,
                graph,
                graph.stages,
                KubernetesExecutor(repository, graph, graph.stages),
            )
        )
        return Run(made[-1], [])

    yield make
    for coordinator in made:
        coordinator.executor.close()
