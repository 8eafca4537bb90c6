"""What is seen of a cluster whose connections do not last."""

import time
from threading import Event
from typing import Any

import pytest

from flows.kubernetes.client import Cluster
from flows.kubernetes.informer import Informer, PodLog
from flows.kubernetes.job_spec import JOB, PART_OF

NAMESPACE = "videopoet"


def pod(name: str, job: str = "one", **more: str) -> dict[str, Any]:
    metadata = {"name": name, "namespace": NAMESPACE, "labels": {**PART_OF, JOB: job, **more}}
    return {"metadata": metadata, "spec": {"containers": []}, "status": {"phase": "Pending"}}


@pytest.fixture
def mirror(cluster):
    made = Informer(Cluster(NAMESPACE, Event()))
    yield made
    made.close()


def phases(mirror: Informer) -> dict[str, str]:
    return {found.metadata.name: found.status.phase for found in mirror.of("one")[2]}


@pytest.mark.parametrize(("watch_s", "gone"), [(60.0, False), (0.1, False), (0.1, True)])
def test_pods_are_seen_to_come_to_change_and_to_go(cluster, mirror, watch_s, gone):
    cluster.api.faults.watch_s, cluster.api.faults.gone = watch_s, gone
    cluster.core.create_namespaced_pod(NAMESPACE, pod("a"))
    cluster.core.create_namespaced_pod(NAMESPACE, pod("b", job="two"))
    cluster.await_true(lambda: phases(mirror) == {"a": "Pending"})
    cluster.core.patch_namespaced_pod_status("a", NAMESPACE, {"status": {"phase": "Running"}})
    cluster.await_true(lambda: phases(mirror) == {"a": "Running"})
    cluster.core.delete_namespaced_pod("a", NAMESPACE)
    cluster.await_true(lambda: phases(mirror) == {})
    assert [found.metadata.name for found in mirror.of("two")[2]] == ["b"]


def test_a_change_wakes_who_waits_for_it(cluster, mirror):
    cluster.await_true(lambda: mirror.of("one")[0] >= 2)  # both lists are there
    version = mirror.of("one")[0]
    assert not mirror.await_change(version, 0.2)
    cluster.core.create_namespaced_pod(NAMESPACE, pod("a"))
    assert mirror.await_change(version, 20)


def test_faults_of_the_api_pass(cluster):
    cluster.api.faults.answers = [500, 429, 503, 410, 502, 500]
    mirror = Informer(Cluster(NAMESPACE, Event()))
    cluster.core.create_namespaced_pod(NAMESPACE, pod("a"))
    cluster.await_true(lambda: phases(mirror) == {"a": "Pending"})
    assert not cluster.api.faults.answers
    mirror.close()


def test_a_mirror_that_may_not_look_says_so(cluster):
    cluster.api.faults.answers = [403, 403]
    mirror = Informer(Cluster(NAMESPACE, Event()))
    cluster.await_true(lambda: not cluster.api.faults.answers)
    cluster.await_true(lambda: mirror.await_change(0, 0))
    with pytest.raises(ValueError, match="the cluster denies access"):
        mirror.of("one")


@pytest.mark.parametrize("cut_lines", [0, 1, 2])
def test_every_line_comes_once_and_in_order(cluster, tmp_path, cut_lines):
    cluster.api.faults.cut_lines = cut_lines
    log = tmp_path / "stage.log"
    cluster.api.logs["a/stage"] = log
    last_heartbeat: list[str] = []
    lines = PodLog(Cluster(NAMESPACE, Event()), "a", "stage", last_heartbeat.append)
    with log.open("w") as file:
        for number in range(7):
            print(f"2026-01-01T00:00:00.{number:09d}Z line {number}", file=file, flush=True)
            time.sleep(0.02)
    log.with_suffix(".done").touch()
    cluster.await_true(lambda: len(last_heartbeat) == 7)
    lines.finish(20)
    assert last_heartbeat == [f"line {number}" for number in range(7)]
