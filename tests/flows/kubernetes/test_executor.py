"""Stages as Jobs, end to end: real commands in pods, a real API client, a remote that is a folder."""

import json
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import yaml

from components.common import errors
from flows.graph import lockfile
from flows.runs import run_records as records

pytestmark = pytest.mark.slow


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
    fault = runs().failure("seed")
    assert fault.code == errors.DATA
    assert "nothing to work on" in str(fault)
    assert not Path("dvc.lock").exists()
    checkout.write()
    assert runs().bring("seed")[0].how == "ran"


def test_a_failed_job_makes_way_for_the_next_try(runs, cluster):
    cluster.environment["WORK_SLEEP_S"] = "60"
    threading.Thread(target=lambda: cluster.await_line("seed works").kill(), daemon=True).start()
    fault = runs().failure("seed")
    assert fault.code == -signal.SIGKILL
    assert not Path("dvc.lock").exists()
    cluster.environment.clear()
    assert runs().bring("seed")[0].how == "ran"


def test_force_makes_a_new_job_in_place_of_the_finished_one(runs, cluster, checkout):
    runs().bring("seed")
    lock = checkout.lock()
    assert runs().bring("seed", force=True)[0].how == "ran"
    assert len(cluster.pods) == 2
    assert checkout.lock() == lock
