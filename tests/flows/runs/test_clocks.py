"""Machines whose clocks are five minutes apart: a process that `faketime` tells another time, and one that knows it."""

import shutil
import subprocess
import sys

import pytest

from flows.dvc.repository import Repository
from flows.machine.workspace import Workspace
from flows.runs import run_records

pytestmark = pytest.mark.skipif(not shutil.which("faketime"), reason="faketime is not here: no clock can be set wrong")
RUN = """
import sys
from pathlib import Path
from flows.runs import run_records
from flows.execution.coordinator import Coordinator, exclusive_run
from flows.execution.local import LocalExecutor
from flows.runs.uploader import share
from flows.dvc.repository import Repository
from flows.machine.workspace import Workspace
workspace = Workspace(Path.cwd())
with exclusive_run(workspace, print):
    repository = Repository(Path.cwd())
    graph = repository.graph()
    executor = LocalExecutor(workspace, repository, graph.stages)
    coordinator = Coordinator(workspace, repository, graph, graph.stages, executor)
    entries = {}
    for stage in graph.stages:
        outcome = coordinator.ensure_up_to_date(stage, print, force="force" in sys.argv)
        print(stage.name, outcome.how)
        entries[stage.name] = outcome.entry
    record = run_records.write(workspace, repository, graph, entries)
    share(repository, entries, record, print)
"""


def run(checkout, minutes: int, *arguments: str) -> list[str]:
    """Run all stages by a clock that is wrong by so much, and push what they make; what was said."""
    command = ["faketime", "-f", f"{minutes:+d}m", sys.executable, "-c", RUN, *arguments]
    done = subprocess.run(
        command, cwd=checkout.root, env=checkout.environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()


@pytest.mark.parametrize("minutes", [-5, 5])
def test_what_one_machine_made_another_restores_whatever_their_clocks_say(checkout, elsewhere, minutes):
    run(checkout, minutes)
    said = run(elsewhere, 0)
    assert [line for line in said if line.endswith((" restored", " ran"))] == [
        f"{stage.name} restored" for stage in elsewhere.graph().stages
    ]
    assert elsewhere.lock() == checkout.lock()
    (one,), (other,) = (run_records.listed(Workspace(found.root)) for found in (checkout, elsewhere))
    assert one["run"] == other["run"]
    assert Repository(checkout.root).remote.record_names() == [one["run"][: run_records.NAME_DIGITS]]


def test_a_clock_that_is_set_back_between_two_runs_changes_nothing(checkout, remote):
    run(checkout, 5)
    lock = checkout.lock()
    assert all(line.endswith("up to date") for line in run(checkout, -5) if "warning" not in line)
    run(checkout, -5, "force")
    assert checkout.lock() == lock
    took = run_records.listed(Workspace(checkout.root))[0]["took"]
    assert all(0 < note["seconds"] < 60 for note in took.values())
