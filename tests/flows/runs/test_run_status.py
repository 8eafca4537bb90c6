"""A run in progress, seen from outside: one real run is shown and stopped, another one killed."""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from flows.machine import run_state
from flows.machine.workspace import Workspace
from flows.runs import run_status


@pytest.fixture
def running(checkout, prefect_server) -> "Iterator[subprocess.Popen[str]]":
    """A run whose first stages take a minute, as soon as one of them has said something."""
    process = subprocess.Popen(
        [sys.executable, "-m", "flows.cli", "run"],
        env=checkout.environment(PREFECT_API_URL=prefect_server, WORK_SLEEP_S="60"),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    assert any("seed works" in line for line in process.stdout)
    yield process
    process.terminate()
    process.communicate(timeout=60)


def videopoet(checkout, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "flows.cli", *arguments]
    return subprocess.run(command, env=checkout.environment(), capture_output=True, text=True, check=False)


def status(checkout) -> list[str]:
    return list(run_status.status(Workspace(checkout.root)))


def test_a_run_is_shown_its_log_followed_and_it_stops_in_good_order(checkout, running):
    said = status(checkout)
    assert said[0].startswith("a run has been in progress since ")
    assert f"(process {running.pid}): " in said[0]
    (line,) = [line for line in said if line.startswith("running  seed")]
    assert line.endswith("seed works")
    assert any(line.startswith("waiting ") and "join" in line for line in said)

    follower = subprocess.Popen(
        [sys.executable, "-m", "flows.cli", "logs", "se", "--follow"],
        env=checkout.environment(),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert follower.stdout is not None
    assert follower.stdout.readline() == "seed works\n"
    assert follower.poll() is None

    done = videopoet(checkout, "cancel")
    assert done.returncode == 0, done.stderr
    assert "the run was stopped at " in done.stdout
    assert "interrupted: seed" in done.stdout
    assert running.wait(timeout=1) == 143
    assert follower.wait(timeout=30) == 0
    said = "\n".join(status(checkout))
    assert "no run is in progress; the last one, started " in said
    assert "stopped  seed" in said
    with pytest.raises(ValueError, match="no run is in progress here"):
        run_status.cancel(Workspace(checkout.root))


def test_a_run_that_was_killed_is_said_to_be(checkout, running):
    running.kill()
    running.wait()
    said = "\n".join(status(checkout))
    assert "was killed" in said
    assert "running  seed" in said
    assert "did not end" in said


def test_a_failure_is_shown_with_its_words(checkout):
    checkout.write(seed__exit=65)
    with pytest.raises(Exception, match="nothing to work on"):
        checkout.bring()
    assert any("seed" in line and "nothing to work on" in line for line in run_status.status(Workspace(checkout.root)))


def test_logs_of_a_past_run_and_of_a_stage_that_begins_again(made):
    workspace = Workspace(made.root)
    record = made.record()
    Path(".videopoet/logs/left.log").write_text("something else\n")
    assert "".join(run_status.logs(workspace, "left", record.name[:4], follow=False)) == "left works\n"
    assert "".join(run_status.logs(workspace, "left", "", follow=False)) == "something else\n"
    with pytest.raises(ValueError, match="2 stages with a log begin with `pair`: choose from apart, "):
        next(run_status.logs(workspace, "pair", "", follow=False))


def test_lines_that_come_later_are_followed_and_a_new_log_is_read_from_its_start(made):
    workspace = Workspace(made.root)
    doing = run_state.RunState(workspace, ["left"])
    doing.put("left", "running")
    log = Path(".videopoet/logs/left.log")
    lines = run_status.logs(workspace, "left", "", follow=True)
    assert next(lines) == "left works\n"
    log.write_text("new\n")
    assert next(lines) == "new\n"
    doing.put("left", "ran")
    assert list(lines) == []


def test_before_the_first_run_status_says_how_to_start_one(checkout):
    assert list(run_status.status(Workspace(checkout.root))) == [
        "there has been no run yet: start one with `videopoet run`"
    ]


def test_time_that_a_stage_runs_is_counted_from_its_start(made):
    doing = run_state.RunState(Workspace(made.root), ["left"])
    doing.put("left", "running")
    time.sleep(1.1)
    (line,) = [line for line in run_status.status(Workspace(made.root)) if line.startswith("running")]
    assert "(0:00:0" in line
    assert "(0:00:00)" not in line
