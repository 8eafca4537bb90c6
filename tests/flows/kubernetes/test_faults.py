"""What may go wrong between several machines: two coordinators, clocks that disagree, results that do, slow ranks."""

import json
import shutil
import socket
import subprocess
import sys
import threading
import urllib.request
from pathlib import Path

import pytest
import yaml

from components.common import errors
from flows.kubernetes.job_status import RANK
from flows.kubernetes.job_watcher import JobWatcher
from flows.machine import monitor
from flows.machine.monitor import StageMonitor
from flows.machine.processes import Interrupted, StageFailed

pytestmark = pytest.mark.slow
HOUR_S = 3600.0
BRING = """
import sys
from pathlib import Path
from flows.execution.coordinator import Coordinator
from flows.kubernetes.executor import KubernetesExecutor
from flows.dvc.repository import Repository
from flows.machine.workspace import Workspace
repository = Repository(Path.cwd())
graph = repository.graph()
executor = KubernetesExecutor(repository, graph, graph.stages)
coordinator = Coordinator(Workspace(Path.cwd()), repository, graph, graph.stages, executor)
print(coordinator.ensure_up_to_date(graph.by_name[sys.argv[1]], print).how, flush=True)
"""


def give(**values: object) -> None:
    """Change what every stage gets in the cluster."""
    path = Path("k8s/placement.yaml")
    placement = yaml.safe_load(path.read_text())
    placement["defaults"] |= values
    path.write_text(yaml.safe_dump(placement))


def make_random(image: Path) -> None:
    script = image / "work.py"
    script.write_text(script.read_text().replace('str(section["value"])', "os.urandom(8).hex()"))


def test_a_pod_that_gives_something_else_is_an_alarm_and_pushes_nothing(runs, cluster, checkout):
    make_random(cluster.image)
    first = runs().bring("seed")[0].entry
    lock = checkout.lock()
    objects = sorted((cluster.folder / "remote").rglob("*"))
    with pytest.raises(StageFailed, match=r"seed is not deterministic.*a different out/seed/text before") as caught:
        runs().bring("seed", force=True)
    assert caught.value.code == errors.CONFIGURATION
    assert checkout.lock() == lock
    assert sorted((cluster.folder / "remote").rglob("*")) == objects
    again = runs().bring("seed")[0]
    assert (again.how, again.entry) == ("up to date", first)


def test_a_pod_of_another_class_of_machine_raises_no_alarm(runs, cluster, checkout):
    """The first value, pushed, says that two processes made it: so does a training on two nodes."""
    make_random(cluster.image)
    first = runs().bring("seed")[0].entry
    for path in [*Path(".videopoet/values").glob("*/*"), *(cluster.folder / "remote/values").glob("*/*")]:
        value = json.loads(path.read_text())
        value["numerics"]["world_size"] = 2
        path.chmod(0o644)
        path.with_name(f"two{path.name}").write_text(json.dumps(value))
        path.unlink()
    second = runs().bring("seed", force=True)[0].entry
    assert second.outs != first.outs
    sizes = [
        json.loads(path.read_text())["numerics"]["world_size"] for path in cluster.folder.glob("remote/values/*/*")
    ]
    assert sorted(sizes) == [1, 2]


def test_two_coordinators_of_two_checkouts_share_one_job(cluster, checkout):
    other = checkout.root.parent / "other"
    shutil.copytree(checkout.root, other)
    cluster.environment["WORK_SLEEP_S"] = "3"
    command = [sys.executable, "-c", BRING, "seed"]
    both = [
        subprocess.Popen(command, cwd=root, env=checkout.environment(), stdout=subprocess.PIPE, text=True)
        for root in (checkout.root, other)
    ]
    said = [process.communicate(timeout=120)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert all("seed works" in text and text.endswith("ran\n") for text in said)
    assert sum("created the Job" in text for text in said) == 1
    assert len(cluster.pods) == 1
    assert (other / "dvc.lock").read_text() == checkout.lock()


@pytest.mark.parametrize("minutes", [-5, 5])
def test_nodes_whose_clocks_are_wrong_change_nothing(runs, cluster, minutes):
    cluster.clock_s = 60 * minutes
    cluster.api.faults.watch_s, cluster.api.faults.cut_lines = 0.3, 1
    cluster.environment["WORK_SLEEP_S"] = "2"
    run = runs()
    assert run.bring("seed")[0].how == "ran"
    assert run.lines.count("seed works") == 1
    assert len(cluster.pods) == 1
    note = json.loads(Path(".videopoet/stages/seed.json").read_text())
    assert 2 < note["seconds"] < 60


def test_a_new_pod_on_a_node_whose_clock_is_behind_is_listened_to(runs, cluster):
    cluster.environment["WORK_SLEEP_S"] = "60"

    def lose() -> None:
        pod = cluster.await_line("seed works")
        cluster.environment.clear()
        cluster.clock_s = -300
        cluster.lose(pod)

    threading.Thread(target=lose, daemon=True).start()
    run = runs()
    assert run.bring("seed")[0].how == "ran"
    assert run.lines.count("seed works") == 2


def test_gpus_are_charged_for_while_pods_are_on_nodes_and_a_budget_holds(runs, cluster, monkeypatch):
    give(gpus=4, grace_s=1)
    cluster.environment["WORK_SLEEP_S"] = "2"
    runs().bring("seed")
    note = json.loads(Path(".videopoet/stages/seed.json").read_text())
    assert 4 * note["seconds"] <= note["gpu_s"] < 4 * (note["seconds"] + 60)
    assert note["read_bytes"] > 0
    monkeypatch.setattr(monitor, "SAMPLE_S", 0.1)
    cluster.environment["WORK_SLEEP_S"] = "60"
    run = runs()
    run.coordinator.limit(20 / HOUR_S, {"left"}, run.lines.append)
    assert "no record of their GPU-hours" in run.lines[0]
    with pytest.raises(Interrupted):
        run.bring("left")
    assert "stopped gracefully" in run.coordinator.budget.used_up
    cluster.await_true(lambda: len(cluster.jobs()) == 1)  # the one that is done


def test_a_pod_can_be_asked_how_it_does(runs, cluster):
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    give(metrics_port=port)
    cluster.environment["WORK_SLEEP_S"] = "3"
    seen: list[str] = []

    def ask() -> None:
        cluster.await_line("seed works")
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
            seen.append(answer.read().decode())

    asking = threading.Thread(target=ask)
    asking.start()
    runs().bring("seed")
    asking.join()
    assert 'videopoet_stage{doing="running",stage="seed"} 1.0' in seen[0]
    assert "videopoet_stage_seconds" in seen[0]


def test_the_coordinator_hears_how_fast_each_rank_goes(runs, cluster):
    """Four pods of one Job, whose lines the API serves."""
    run = runs()
    names = [f"seed-{rank}" for rank in range(4)]
    pods = []
    for rank, (name, rate) in enumerate(zip(names, (8.0, 9.0, 2.0, 8.5), strict=True)):
        log = cluster.folder / f"{name}.log"
        log.write_text(f"2026-01-01T00:00:00.{rank}Z training: 5/10 clips, {rate} clips/s, 1 s left\n")
        log.with_suffix(".done").touch()
        cluster.api.logs[f"{name}/stage"] = log
        status = {"name": "stage", "image": "i", "imageID": "", "ready": True, "restartCount": 0}
        status["state"] = {"running": {"startedAt": "2026-01-01T00:00:00Z"}}
        manifest = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "namespace": "videopoet", "annotations": {RANK: str(rank)}},
            "spec": {"nodeName": f"node-{rank}", "containers": []},
            "status": {"phase": "Running", "containerStatuses": [status]},
        }
        pods.append(cluster.core.create_namespaced_pod("videopoet", manifest))
    said: list[str] = []
    found = StageMonitor(said.append)
    watcher = JobWatcher(run.coordinator.executor._cluster, found, 8)
    watcher._pass_on_lines(pods)
    watcher.close()
    assert {rank: progress.rate for rank, progress in found.progress.items()} == {
        "0": 8.0,
        "1": 9.0,
        "2": 2.0,
        "3": 8.5,
    }
    assert found.stragglers() == ["2"]
    assert len(said) == 1
