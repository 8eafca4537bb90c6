"""The flow in Prefect, on one server for all tests."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import yaml

from components.common import errors
from flows.machine.processes import MARK


def retrain(*targets: str, force: bool = False):
    from flows.retrain import retrain as flow

    state = flow(targets, force, return_state=True)
    return state, state.result(raise_on_failure=False)


def task_runs(state) -> dict[str, str]:
    """Name -> kind of state of each task of a flow run, as the server knows them."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId

    one = FlowRunFilter(id=FlowRunFilterId(any_=[state.state_details.flow_run_id]))
    until_s = time.monotonic() + 20
    while True:  # the server writes task runs down with some delay
        with get_client(sync_client=True) as client:
            found = {run.name: run.state_type.value for run in client.read_task_runs(flow_run_filter=one)}
        if (len(found) == 6 and "RUNNING" not in found.values()) or time.monotonic() > until_s:
            return found
        time.sleep(0.2)


def start(checkout, server: str, **environment: str) -> "subprocess.Popen[str]":
    """Start `videopoet run`."""
    return subprocess.Popen(
        [sys.executable, "-m", "flows.cli", "run"],
        env=checkout.environment(PREFECT_API_URL=server, **environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def await_line(process: "subprocess.Popen[str]", words: str) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        if words in line:
            return
    pytest.fail(f"it never said {words!r}")


def test_every_stage_is_a_task_of_its_name_and_has_its_artifacts(checkout, prefect_server):
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId

    state, result = retrain()
    assert state.is_completed()
    ours = ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[state.state_details.flow_run_id]))
    assert set(result.outcomes) == {"seed", "left", "pair@x", "pair@y", "join", "apart"}
    assert result.record.is_dir()
    assert task_runs(state) == dict.fromkeys(result.outcomes, "COMPLETED")
    with get_client(sync_client=True) as client:
        artifacts = {artifact.key: artifact.data for artifact in client.read_artifacts(artifact_filter=ours)}
    assert result.outcomes["pair@x"].entry.outs["out/pair_x"].md5 in artifacts["pair-x-lock"]
    assert '"kind": "join"' in artifacts["join-manifest"]


def test_a_failed_stage_stops_its_descendants_only_and_the_next_run_goes_on_from_there(made, prefect_server):
    made.write(pair_x__exit=65, seed__value=10)
    state, result = retrain()
    assert state.is_failed()
    assert "pair@x" in state.message
    assert set(result.failures) == {"pair@x"}
    assert set(result.outcomes) == {"seed", "left", "pair@y", "apart"}
    assert task_runs(state)["pair@x"] == "FAILED"
    assert task_runs(state)["join"] == "PENDING"
    made.started()
    made.write(seed__value=10)
    state, result = retrain()
    assert state.is_completed()
    assert made.started() == ["pair.x", "join"]


def test_files_that_the_record_leaves_out_are_told_once(checkout, prefect_server):
    for name in (".env", "notes.txt"):
        Path(name).write_text("KEY=topsecret\n")
    command = [sys.executable, "-m", "flows.cli", "run", "seed", "apart"]
    given = checkout.environment(PREFECT_API_URL=prefect_server)
    done = subprocess.run(command, env=given, capture_output=True, text=True, check=True)
    told = "not in the record's source, because git does not track them: .env, notes.txt (`git add` the files"
    assert (done.stdout + done.stderr).count(told) == 1
    assert "topsecret" not in done.stdout + done.stderr
    assert not any(b"notes.txt" in path.read_bytes() for path in Path("out").rglob("*") if path.is_file())


def test_a_passing_fault_is_tried_again(checkout, prefect_server, monkeypatch):
    from flows import retrain as module

    monkeypatch.setattr(module, "RETRY_DELAYS_S", [0.1, 0.1])
    checkout.write(apart__exit=75)
    retrain("apart")
    assert checkout.started() == ["apart"] * 3
    checkout.write(apart__exit=64)
    retrain("apart")
    assert checkout.started() == ["apart"]


def test_the_flow_and_dvc_repro_end_with_the_same_lock(checkout, prefect_server):
    retrain()
    ours = checkout.lock()
    subprocess.run(["dvc", "repro", "-q", "--force"], check=True, env=checkout.environment())
    assert yaml.safe_load(checkout.lock()) == yaml.safe_load(ours)


def test_sigterm_reaches_the_stages_and_the_same_command_goes_on(checkout, templates, prefect_server):
    process = start(checkout, prefect_server, WORK_SLEEP_S="60")
    await_line(process, "seed works")
    process.send_signal(signal.SIGTERM)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM
    assert "resumes from here" in said
    assert not Path("dvc.lock").exists()
    checkout.bring()
    assert checkout.lock() == (templates / "made/dvc.lock").read_text()


def test_after_kill_9_the_stage_is_ended_and_the_same_command_ends_with_the_same_hashes(
    checkout, templates, prefect_server
):
    process = start(checkout, prefect_server, WORK_SLEEP_S="60")
    await_line(process, "seed works")
    process.kill()
    process.wait()
    mark = f"{checkout.root / '.videopoet'}:"
    left = [found for found in psutil.process_iter() if _environment(found).get(MARK, "").startswith(mark)]
    assert left
    process = start(checkout, prefect_server)
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 0, said
    assert "ended a leftover process of a killed run: python work.py" in said
    assert not any(found.is_running() and found.status() != psutil.STATUS_ZOMBIE for found in left)
    assert yaml.safe_load(checkout.lock()) == yaml.safe_load((templates / "made/dvc.lock").read_text())
    assert f"record  .videopoet/runs/{said.split()[-1]}/index.html" in said


def test_a_second_run_in_the_same_checkout_is_refused_and_the_first_goes_on(checkout, prefect_server):
    hold = Path("hold")
    hold.touch()
    first = start(checkout, prefect_server)
    await_line(first, "seed works")
    second = start(checkout, prefect_server)
    said, _ = second.communicate(timeout=60)
    assert second.returncode == errors.RETRY
    assert f"another run is in progress in {checkout.root}: wait for it, or stop it" in said
    assert checkout.started().count("seed") == 1
    hold.unlink()
    first.communicate(timeout=120)
    assert first.returncode == 0


def _environment(process: psutil.Process) -> dict[str, str]:
    try:
        return process.environ()
    except (psutil.Error, OSError):
        return {}
