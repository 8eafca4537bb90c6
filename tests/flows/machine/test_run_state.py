import json

import pytest

from flows.machine import run_state
from flows.machine.processes import Interrupted
from flows.machine.run_state import RunState
from flows.machine.workspace import Workspace


@pytest.fixture
def workspace(tmp_path) -> Workspace:
    return Workspace(tmp_path)


def test_what_is_written_is_read_back(workspace):
    assert run_state.read(workspace) is None
    state = RunState(workspace, ["seed", "left"])
    state.put("seed", "ran")
    state.note_heartbeat("left", run_state.moment(5))
    run = run_state.read(workspace)
    assert run is not None
    assert run.is_alive
    assert state.doing() == {"seed": "ran", "left": "waiting"}
    assert run.names("waiting") == ["left"]
    state.end("whole")
    ended = run_state.read(workspace)
    assert ended is not None
    assert (ended.is_there, ended.is_alive, ended.how) == (True, False, "whole")
    assert run_state.outcomes(workspace) == {"whole": 1}


@pytest.mark.parametrize(("error", "doing"), [(Interrupted(), "stopped"), (ValueError("wrong"), "failed")])
def test_a_stage_that_raises_is_noted(workspace, error, doing):
    state = RunState(workspace, ["seed"])
    with pytest.raises(type(error)), state.watched("seed"):
        raise error
    run = run_state.read(workspace)
    assert run is not None
    assert (run.stages["seed"].doing, run.stages["seed"].words) == (doing, str(error))


def test_the_file_of_another_version_counts_as_none(workspace):
    RunState(workspace, ["seed"])
    path = workspace.home / run_state.FILE
    values = json.loads(path.read_text())
    values["stages"]["seed"]["unknown"] = "x"
    path.write_text(json.dumps(values))
    assert run_state.read(workspace) is None
