"""A budget of GPU-hours: before a run, before a stage, and while stages run."""

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from flows.execution import local
from flows.execution.budget import Budget, Demand, OverBudget, ResourceNeeds, demands
from flows.machine import gpus, monitor
from flows.machine.processes import Interrupted
from flows.runs import run_records

HOUR_S = 3600.0


def budget(hours: float, **predicted: float | None) -> Budget:
    return Budget(hours, {name: Demand(value, 60.0) for name, value in predicted.items()})


def test_a_run_that_would_take_too_much_does_not_begin():
    said: list[str] = []
    with pytest.raises(OverBudget, match=r"would take 3 GPU-hours .* the budget is 2 GPU-hours"):
        budget(2, a=HOUR_S, b=2 * HOUR_S).begin(["a", "b"], said.append)
    budget(2, a=HOUR_S, b=2 * HOUR_S).begin(["b"], said.append)
    assert said == []


def test_a_stage_that_no_record_knows_is_named_and_watched_instead():
    said: list[str] = []
    budget(0.5, a=None, b=0.0).begin(["a", "b"], said.append)
    assert said == ["no record of their GPU-hours, so the budget is checked while they run: a"]


def test_the_next_stage_is_not_started_if_it_would_not_fit_any_more():
    found = budget(2, a=HOUR_S, b=HOUR_S, c=None)
    with found.taking("a", lambda: 1.5 * HOUR_S):
        pass
    with pytest.raises(OverBudget, match=r"b was not started: it needs 1 GPU-hours; .* 1.5 GPU-hours are spent"):
        found.taking("b", float).__enter__()
    with found.taking("c", float):
        pass


def test_what_runs_keeps_what_it_was_promised():
    found = budget(2, a=1.5 * HOUR_S, b=HOUR_S)
    with found.taking("a", lambda: 0.25 * HOUR_S), pytest.raises(OverBudget, match=r"1\.25 GPU-hours are reserved"):
        found.taking("b", float).__enter__()


def test_a_try_that_failed_counts():
    found = budget(1, a=None)
    with pytest.raises(RuntimeError), found.taking("a", lambda: HOUR_S):
        raise RuntimeError
    with pytest.raises(OverBudget, match="1 GPU-hours are spent"):
        found.taking("a", float).__enter__()


def test_what_runs_is_stopped_while_there_is_time_to_do_so_in_good_order():
    found, taken_s = budget(1, a=None), [0.0]
    with found.taking("a", lambda: taken_s[0]):
        assert not found.must_stop()
        taken_s[0] = HOUR_S - 61
        assert not found.must_stop()
        taken_s[0] = HOUR_S - 60
        assert found.must_stop()
    assert "GPU-hours of the budget of 1 GPU-hours are spent" in found.used_up


def test_a_stage_without_gpus_asks_for_nothing():
    found = demands(
        {"a": ResourceNeeds(0, 60), "b": ResourceNeeds(8, 60), "c": ResourceNeeds(1, 60)}, {"a": 5.0, "c": 7.0}
    )
    assert found == {"a": Demand(0.0, 0), "b": Demand(None, 480), "c": Demand(7.0, 60)}
    Budget(0, found).begin(["a"], print)


@pytest.fixture
def one_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine has a GPU; that stages do not use it costs as much."""
    monkeypatch.setattr(gpus, "count", lambda: 1)
    monkeypatch.setattr(gpus, "shares", lambda: [0.5])
    monkeypatch.setattr(local, "GRACE_S", 0.1)
    monkeypatch.setattr(monitor, "SAMPLE_S", 0.1)


def test_a_real_run_is_stopped_when_its_budget_is_used_up_and_goes_on_with_another(checkout, one_gpu, monkeypatch):
    monkeypatch.setenv("WORK_SLEEP_S", "60")
    coordinator = checkout.coordinator("seed")
    said: list[str] = []
    coordinator.limit(1.5 / HOUR_S, set(), said.append)
    assert said == ["no record of their GPU-hours, so the budget is checked while they run: seed"]
    with pytest.raises(Interrupted):
        coordinator.ensure_up_to_date(coordinator.graph.by_name["seed"], print)
    assert "stopped gracefully" in coordinator.budget.used_up
    assert not Path("dvc.lock").exists()
    monkeypatch.setenv("WORK_SLEEP_S", "0")
    coordinator = checkout.coordinator("seed")
    coordinator.limit(1, set(), print)
    assert coordinator.ensure_up_to_date(coordinator.graph.by_name["seed"], print).how == "ran"
    note = json.loads(Path(".videopoet/stages/seed.json").read_text())
    assert note["gpu_s"] >= note["seconds"] > 0


def test_the_records_of_past_runs_say_what_will_be_needed(checkout, one_gpu):
    folder = checkout.record()
    assert sum(note["gpu_s"] for note in run_records.read(folder)["took"].values()) > 0
    checkout.started()
    coordinator = checkout.coordinator()
    coordinator.limit(0.0, set(), print)  # nothing has to run
    with pytest.raises(OverBudget, match="according to past runs"):
        coordinator.limit(0.0, {"seed"}, print)
    assert checkout.started() == []


def test_the_flow_says_plainly_what_would_be_needed_and_starts_nothing(checkout, prefect_server):
    """In a checkout whose records say that a stage took an hour of a GPU; this machine has one by `nvidia-smi`."""
    folder = checkout.record()
    record = run_records.read(folder)
    record["took"]["seed"]["gpu_s"] = HOUR_S
    (folder / run_records.RECORD).write_text(json.dumps(record))
    smi = checkout.root.parent / "bin/nvidia-smi"
    smi.parent.mkdir()
    smi.write_text("#!/bin/sh\necho 0\n")
    smi.chmod(0o755)
    checkout.started()
    checkout.write(seed__value=7)
    environment = checkout.environment(PREFECT_API_URL=prefect_server, PATH=f"{smi.parent}:{os.environ['PATH']}")
    command = [sys.executable, "-m", "flows.cli", "run", "seed", "--max-gpu-hours", "0.5"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 64, done.stdout + done.stderr
    assert "the run would take 1 GPU-hours according to past runs, but the budget is 0.5 GPU-hours" in done.stderr
    assert checkout.started() == []


def test_any_thread_may_take():
    found = budget(1000, all=1000 * HOUR_S, **{f"s{i}": 1.0 for i in range(20)})

    def take(name: str) -> None:
        for _ in range(50):
            with found.taking(name, lambda: 1.0):
                found.must_stop()

    threads = [threading.Thread(target=take, args=(f"s{i}",)) for i in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with pytest.raises(OverBudget, match=r"0\.278 GPU-hours are spent"):
        found.taking("all", float).__enter__()
