"""Stages as Jobs that lose their pod, their node or their coordinator, or are stopped."""

import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import yaml

from components.common import errors
from flows.kubernetes import job_watcher
from flows.machine.processes import Interrupted

pytestmark = pytest.mark.slow
ONE_STAGE = """
import sys
from pathlib import Path
from flows.execution.coordinator import Coordinator
from flows.kubernetes.executor import KubernetesExecutor
from flows.dvc.repository import Repository
from flows.machine.workspace import Workspace
root = Path.cwd()
repository = Repository(root)
graph = repository.graph()
executor = KubernetesExecutor(repository, graph, graph.stages)
coordinator = Coordinator(Workspace(root), repository, graph, graph.stages, executor)
coordinator.ensure_up_to_date(graph.by_name[sys.argv[1]], print)
"""

PATIENT = """
import os, pathlib, signal, sys, time
kept = pathlib.Path(os.environ["VIDEOPOET_SCRATCH"]) / "checkpoint"
if kept.exists():
    print("going on", flush=True)
    pathlib.Path(sys.argv[2]).mkdir(parents=True)
    pathlib.Path(sys.argv[2], "text").write_text(kept.read_text())
    sys.exit()
def save(*_):
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_text("half")
    print("saved", flush=True)
    sys.exit(143)
signal.signal(signal.SIGTERM, save)
print("at work", flush=True)
time.sleep(60)
"""


def test_a_stage_goes_on_in_a_new_pod_when_its_node_is_lost(runs, cluster):
    cluster.environment["WORK_SLEEP_S"] = "60"

    def lose() -> None:
        pod = cluster.await_line("seed works")
        cluster.environment.clear()
        cluster.lose(pod)

    threading.Thread(target=lose, daemon=True).start()
    run = runs()
    assert run.bring("seed")[0].how == "ran"
    assert run.lines.count("seed works") == 2
    assert len(cluster.jobs()) == 1


def test_an_evicted_stage_goes_on_from_its_checkpoint(runs, cluster, checkout):
    for root in (checkout.root, cluster.image):
        (root / "work.py").write_text(PATIENT)
    own = yaml.safe_load(Path("k8s/placement.yaml").read_text())
    Path("k8s/placement.yaml").write_text(yaml.safe_dump(own | {"stages": {"seed": {"scratch_claim": "kept"}}}))
    threading.Thread(target=lambda: cluster.evict(cluster.await_line("at work")), daemon=True).start()
    run = runs()
    assert run.bring("seed")[0].how == "ran"
    assert [line for line in run.lines if "kubernetes" not in line and "reason" not in line] == [
        "at work",
        "saved",
        "stopped",
        "going on",
    ]


def test_a_pod_that_is_gone_for_good_is_a_passing_fault(runs, cluster, monkeypatch):
    monkeypatch.setattr(job_watcher, "LOST_S", 0.5)
    cluster.environment["WORK_SLEEP_S"] = "60"
    cluster.replaces = False
    threading.Thread(target=lambda: cluster.lose(cluster.await_line("seed works")), daemon=True).start()
    fault = runs().failure("seed")
    assert fault.code == errors.RETRY
    assert "node was lost" in str(fault)
    cluster.await_true(lambda: not cluster.jobs())


def test_what_a_pod_pushed_before_its_last_words_were_lost_is_found_by_the_next_try(runs, cluster):
    cluster.loses_messages = True
    assert runs().failure("seed").code == errors.RETRY
    assert runs().bring("seed")[0].how == "restored"
    assert len(cluster.pods) == 1


def test_a_job_that_somebody_deletes_is_a_passing_fault(runs, cluster):
    cluster.environment["WORK_SLEEP_S"] = "60"

    def delete() -> None:
        cluster.await_line("seed works")
        cluster.batch.delete_namespaced_job(*cluster.jobs(), "videopoet", propagation_policy="Foreground")

    threading.Thread(target=delete, daemon=True).start()
    assert runs().failure("seed").code == errors.RETRY


def test_the_api_may_fail_and_watches_may_end_at_any_time(runs, cluster):
    cluster.api.faults.watch_s, cluster.api.faults.gone, cluster.api.faults.cut_lines = 0.3, True, 1
    cluster.api.faults.answers = [500, 429, 503, 410, 500, 429, 500, 503]
    cluster.environment["WORK_SLEEP_S"] = "3"
    run = runs()
    assert run.bring("seed")[0].how == "ran"
    assert run.lines.count("seed works") == 1
    assert len(cluster.pods) == 1
    assert cluster.api.seen.count("WATCH pods") > 3


def test_a_coordinator_that_was_killed_finds_its_job_again(runs, cluster, checkout):
    cluster.environment["WORK_SLEEP_S"] = "6"
    environment = checkout.environment()
    first = subprocess.Popen([sys.executable, "-c", ONE_STAGE, "seed"], env=environment)
    cluster.await_line("seed works")
    first.kill()
    first.wait()
    assert not Path("dvc.lock").exists()
    run = runs()
    assert run.bring("seed")[0].how == "ran"
    assert any("already exists: continuing with it" in line for line in run.lines)
    assert run.lines.count("seed works") == 1
    assert len(cluster.pods) == 1


def test_a_flow_that_was_killed_over_three_stages_goes_on_with_all_of_them(
    cluster, checkout, templates, prefect_server
):
    command = [sys.executable, "-m", "flows.cli", "run", "--on", "kubernetes"]
    environment = checkout.environment(PREFECT_API_URL=prefect_server)
    subprocess.run([*command, "seed"], env=environment, capture_output=True, timeout=240, check=True)
    cluster.environment["WORK_SLEEP_S"] = "30"
    first = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for name in ("left", "pair.x", "pair.y"):
        cluster.await_line(f"{name} works", seconds=120)
    first.kill()
    first.wait()
    cluster.environment["WORK_SLEEP_S"] = "0"
    again = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240, check=False)
    assert again.returncode == 0, again.stdout + again.stderr
    assert again.stdout.count("already exists: continuing with it") + again.stderr.count("already exists") >= 3
    assert len(cluster.pods) == 6
    assert yaml.safe_load(checkout.lock()) == yaml.safe_load((templates / "made/dvc.lock").read_text())


def test_a_run_that_is_stopped_deletes_its_jobs(runs, cluster):
    cluster.environment["WORK_SLEEP_S"] = "60"
    run = runs()

    def stop() -> None:
        cluster.await_line("seed works")
        run.coordinator.executor.stop()

    threading.Thread(target=stop, daemon=True).start()
    with pytest.raises(Interrupted):
        run.bring("seed")
    cluster.await_true(lambda: not cluster.jobs())
    pod = next(iter(cluster.pods.values()))
    assert pod.process.wait() == errors.STOPPED
    assert run.lines[-1] == "stopped"
    assert not Path("dvc.lock").exists()
    with pytest.raises(Interrupted):
        run.bring("left")


def test_cancel_ends_the_flow_and_its_jobs(cluster, checkout, prefect_server):
    cluster.environment["WORK_SLEEP_S"] = "60"
    flow = subprocess.Popen(
        [sys.executable, "-m", "flows.cli", "run", "seed", "--on", "kubernetes"],
        env=checkout.environment(PREFECT_API_URL=prefect_server),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    cluster.await_line("seed works")
    videopoet = [sys.executable, "-m", "flows.cli"]
    status = subprocess.run([*videopoet, "status"], capture_output=True, text=True, check=True)
    assert "running  seed" in status.stdout
    cancelled = subprocess.run([*videopoet, "cancel"], capture_output=True, text=True, check=True)
    assert "interrupted: seed" in cancelled.stdout
    said, _ = flow.communicate(timeout=60)
    assert flow.returncode == 128 + signal.SIGTERM
    assert "resumes from here" in said
    cluster.await_true(lambda: not cluster.jobs())
