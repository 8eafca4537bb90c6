"""Stages as Jobs, end to end: real commands in pods, a real API client, a remote that is a folder."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import yaml

from components.common import errors
from flows import follower, lockfile, state
from flows import runs as records
from flows.processes import Interrupted, StageFailed
from tests.clones import clone, outputs, run, videopoet
from tests.flows.kubernetes.api import Api, kubeconfig, served
from tests.flows.kubernetes.cluster import Cluster
from tests.flows.kubernetes.conftest import CORES
from tests.flows.kubernetes.processes import ProcessPod

pytestmark = pytest.mark.slow
ONE_STAGE = """
import sys
from pathlib import Path
from flows.execution import Coordinator
from flows.stages import Repository
from flows.workspace import Workspace
root = Path.cwd()
repository = Repository(root)
graph = repository.graph()
coordinator = Coordinator(Workspace(root), repository, graph, graph.stages, "kubernetes")
coordinator.bring(graph.by_name[sys.argv[1]], print)
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


def failure(run, name: str) -> StageFailed:
    with pytest.raises(StageFailed) as caught:
        run.bring(name)
    return caught.value


def test_the_whole_graph_ends_with_the_lock_that_running_here_gives(cluster, checkout, templates, prefect_server):
    command = [sys.executable, "-m", "flows.cli", "run", "--on", "kubernetes"]
    environment = checkout.environment(PREFECT_API_URL=prefect_server)
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert yaml.safe_load(checkout.lock()) == yaml.safe_load((templates / "made/dvc.lock").read_text())
    assert not Path("out").exists()
    assert len(cluster.pods) == 6
    again = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240, check=False)
    assert "all up to date: nothing to run" in again.stdout
    assert len(cluster.pods) == 6
    made = lockfile.read(templates / "made/dvc.lock")
    (record,) = Path(".videopoet/runs").iterdir()
    assert record.name == records.identity(checkout.graph(), made).name
    assert (cluster.folder / "remote/records" / record.name / records.RECORD).is_file()
    assert None not in json.loads((record / records.FILES).read_text()).values()
    written = records.read(record)
    assert written["metrics"]["out/join"] == {"letters.judge": 12}
    took = written["took"]
    assert took.keys() == made.keys()
    assert all(note["seconds"] > 0 and note["numerics"]["world_size"] == 1 for note in took.values())


def test_a_remote_that_cannot_be_used_is_a_passing_fault_and_starts_nothing(runs, cluster):
    run = runs()
    (cluster.folder / "remote").write_text("no folder")
    with pytest.raises(errors.Retryable, match="remote `shared`"):
        run.bring("seed")
    assert not cluster.jobs()
    assert state.read(run.coordinator.workspace).names("failed") == ["seed"]


def test_a_stage_runs_in_a_pod_and_leaves_its_entry_here_and_its_output_in_the_remote(runs, cluster):
    run = runs()
    outcomes = run.bring("seed", "left")
    assert [outcome.how for outcome in outcomes] == ["ran", "ran"]
    assert not Path("out").exists()
    assert "seed works" in run.lines
    assert "seed works" in Path(".videopoet/logs/seed.log").read_text()
    assert run.coordinator.repository.place("left", outcomes[1].entry.outs) == "remote"
    assert [outcome.how for outcome in runs().bring("seed", "left")] == ["up to date"] * 2


def test_what_was_made_here_is_pushed_for_the_pods_that_need_it(runs, cluster, checkout):
    checkout.bring("seed")
    run = runs()
    assert [outcome.how for outcome in run.bring("seed", "left")] == ["pushed", "ran"]
    assert len(cluster.pods) == 1


def test_what_another_checkout_pushed_is_written_down_without_a_pod(runs, cluster, checkout):
    runs().bring("seed")
    lock = checkout.lock()
    Path("dvc.lock").unlink()
    assert [outcome.how for outcome in runs().bring("seed")] == ["restored"]
    assert checkout.lock() == lock
    assert len(cluster.pods) == 1


def test_a_stage_that_fails_says_its_last_words_and_keeps_its_code(runs, cluster, checkout):
    checkout.write(seed__exit=errors.DATA)
    fault = failure(runs(), "seed")
    assert fault.code == errors.DATA
    assert "nothing to work on" in str(fault)
    assert not Path("dvc.lock").exists()
    checkout.write()
    assert runs().bring("seed")[0].how == "ran"


def test_a_failed_job_makes_way_for_the_next_try(runs, cluster):
    cluster.environment["WORK_SLEEP_S"] = "60"
    threading.Thread(target=lambda: cluster.await_line("seed works").kill(), daemon=True).start()
    fault = failure(runs(), "seed")
    assert fault.code == -signal.SIGKILL
    assert not Path("dvc.lock").exists()
    cluster.environment.clear()
    assert runs().bring("seed")[0].how == "ran"


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
    assert [line for line in run.lines if "kubernetes" not in line and "why" not in line] == [
        "at work",
        "saved",
        "stopped",
        "going on",
    ]


def test_a_pod_that_is_gone_for_good_is_a_passing_fault(runs, cluster, monkeypatch):
    monkeypatch.setattr(follower, "LOST_S", 0.5)
    cluster.environment["WORK_SLEEP_S"] = "60"
    cluster.replaces = False
    threading.Thread(target=lambda: cluster.lose(cluster.await_line("seed works")), daemon=True).start()
    fault = failure(runs(), "seed")
    assert fault.code == errors.RETRY
    assert "node was lost" in str(fault)
    cluster.await_true(lambda: not cluster.jobs())


def test_what_a_pod_pushed_before_its_last_words_were_lost_is_found_by_the_next_try(runs, cluster):
    cluster.loses_messages = True
    assert failure(runs(), "seed").code == errors.RETRY
    assert runs().bring("seed")[0].how == "restored"
    assert len(cluster.pods) == 1


def test_a_cluster_that_refuses_says_where_the_rights_are(runs, cluster):
    run = runs()
    cluster.api.faults.answers = [403] * 20
    with pytest.raises(ValueError, match=r"the cluster refuses .*rbac.yaml"):
        run.bring("seed")


def test_a_job_that_somebody_deletes_is_a_passing_fault(runs, cluster):
    cluster.environment["WORK_SLEEP_S"] = "60"

    def delete() -> None:
        cluster.await_line("seed works")
        cluster.batch.delete_namespaced_job(*cluster.jobs(), "videopoet", propagation_policy="Foreground")

    threading.Thread(target=delete, daemon=True).start()
    assert failure(runs(), "seed").code == errors.RETRY


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
    assert any("is there already: going on with it" in line for line in run.lines)
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
    assert again.stdout.count("is there already: going on with it") + again.stderr.count("is there already") >= 3
    assert len(cluster.pods) == 6
    assert yaml.safe_load(checkout.lock()) == yaml.safe_load((templates / "made/dvc.lock").read_text())


def test_a_run_that_is_stopped_deletes_its_jobs(runs, cluster):
    cluster.environment["WORK_SLEEP_S"] = "60"
    run = runs()

    def stop() -> None:
        cluster.await_line("seed works")
        run.coordinator.place.stop()

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
    assert "stopped in the middle: seed" in cancelled.stdout
    said, _ = flow.communicate(timeout=60)
    assert flow.returncode == 128 + signal.SIGTERM
    assert "goes on from here" in said
    cluster.await_true(lambda: not cluster.jobs())


def test_force_makes_a_new_job_in_place_of_the_finished_one(runs, cluster, checkout):
    runs().bring("seed")
    lock = checkout.lock()
    assert runs().bring("seed", force=True)[0].how == "ran"
    assert len(cluster.pods) == 2
    assert checkout.lock() == lock


def test_an_image_with_other_code_is_refused_before_it_works(runs, cluster):
    path = cluster.image / "codelock/work.json"
    path.write_text(path.read_text().replace("aaaa", "cccc"))
    fault = failure(runs(), "seed")
    assert fault.code == errors.CONFIGURATION
    assert "this image holds other code than was asked for (codelock/work.json)" in str(fault)


def test_the_graph_goes_with_the_order_so_that_an_image_serves_more_than_one(runs, cluster, checkout):
    (cluster.image / "dvc.yaml").unlink()
    assert runs().bring("seed")[0].how == "ran"


@pytest.mark.parametrize("damage", ["entry", "output", "listing"])
def test_a_lock_entry_that_does_not_match_what_was_pushed_is_refused(runs, cluster, checkout, monkeypatch, damage):
    run = runs()
    exchange = run.coordinator.place.exchange
    honest = exchange.entry
    folder = cluster.folder / "remote/files/md5"

    def dishonest(md5: str):
        """What the pod pushed is damaged before the coordinator looks at it."""
        if damage == "entry":
            _spoil(folder / md5[:2] / md5[2:])
        entry = honest(md5)
        if damage == "listing":
            listing = entry.outs["out/seed"].md5
            _spoil(folder / listing[:2] / listing[2:])
        if damage == "output":
            next(path for path in folder.rglob("*") if path.is_file() and path.read_bytes() == b"1\n").unlink()
        return entry

    monkeypatch.setattr(exchange, "entry", dishonest)
    with pytest.raises(ValueError, match=r"has another hash|not whole in the remote"):
        run.bring("seed")
    assert not Path("dvc.lock").exists()
    outcome = runs().bring("seed")[0]
    assert outcome.how == ("restored" if damage == "entry" else "ran")
    assert not exchange.remote.missing(outcome.entry.outs)


def _spoil(path: Path) -> None:
    content = path.read_bytes()
    path.chmod(0o644)
    path.write_bytes(content.replace(b"seed", b"weed") if b"seed" in content else b"[]")


def test_the_entry_of_another_stage_is_refused(runs, cluster, checkout):
    run = runs()
    run.bring("seed")
    md5 = run.coordinator.place.exchange.push_entry("seed")
    stage = run.coordinator.graph.by_name["left"]
    order = run.coordinator.place._order(stage, {})
    with pytest.raises(ValueError, match=r"refused: the command is another, the parameters are others"):
        run.coordinator.place._collect(stage, order, md5)


def test_pods_are_told_the_addresses_of_stores_but_no_folder_of_this_machine(runs, cluster, checkout):
    run = runs()
    roots = {"far": "s3://bucket/clips", "near": "/somewhere"}
    run.coordinator.workspace.roots.write_text(json.dumps(roots))
    order = run.coordinator.place._order(run.coordinator.graph.by_name["seed"], {})
    assert json.loads(order.files["roots.json"]) == {"far": "s3://bucket/clips"}


def test_without_a_remote_the_reason_is_said(runs, cluster):
    Path(".dvc/config").write_text("")
    with pytest.raises(ValueError, match="dvc remote add"):
        runs()


def test_without_a_cluster_the_reason_is_said(runs, cluster, monkeypatch):
    monkeypatch.setenv("KUBECONFIG", "nowhere")
    with pytest.raises(ValueError, match="no cluster is known here"):
        runs()


def test_files_and_clips_are_done_in_parts_and_what_is_kept_is_that_of_one_machine(tmp_path, monkeypatch):
    folder, image, api = clone(tmp_path / "clone"), clone(tmp_path / "image"), Api()
    run(folder, "dvc", "init", "-q", "--force")
    run(folder, "dvc", "remote", "add", "-q", "--default", "shared", str(tmp_path / "remote"))
    placement = yaml.safe_load((folder / "k8s/placement.yaml").read_text())
    parts = {"stages": {"ingest": {"parts": 3, "parallelism": 2}, "filter": {"parts": 2}}}
    (folder / "k8s/placement.yaml").write_text(yaml.safe_dump(placement | parts))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")  # of the pods
    with served(api) as url:
        (tmp_path / "kubeconfig").write_text(kubeconfig(url))
        cluster = Cluster(api, url, tmp_path, image, ProcessPod, CORES)
        said = videopoet(folder, "run", "filter", "--on", "kubernetes")
        cluster.close()
    shares = sorted(
        int(pod.spec["hostname"].rpartition("-")[2]) for pod in cluster.pods.values() if "-parts-" in pod.pod
    )
    assert shares == [0, 0, 1, 1, 2]
    assert "of 3 parts are done" in said
    cache = tmp_path / "claims/videopoet-scratch/cache"
    assert list(cache.glob("ingest/*/*/*.arrow"))
    assert list(cache.glob("filter/*/*/*.parquet"))
    there = outputs(folder)
    (folder / "dvc.lock").unlink()
    run(folder, "dvc", "remote", "remove", "-q", "shared")
    shutil.rmtree(folder / ".dvc/cache", ignore_errors=True)
    videopoet(folder, "run", "filter")
    assert outputs(folder) == there
