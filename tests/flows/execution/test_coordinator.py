from pathlib import Path

import pytest

from components.common import errors
from flows.execution.coordinator import exclusive_run
from flows.machine.processes import Interrupted, StageFailed
from flows.machine.workspace import Workspace


def hows(checkout) -> dict[str, str]:
    return {name: outcome.how for name, outcome in checkout.bring().items()}


def test_everything_runs_once_parents_first(checkout):
    checkout.bring()
    started = checkout.started()
    assert sorted(started) == ["apart", "join", "left", "pair.x", "pair.y", "seed"]
    assert started.index("seed") < started.index("left") < started.index("join")
    assert Path("out/join/text").read_text() == "1\n2\n1\n3\n1\n4\n5\n"


def test_a_second_time_nothing_starts(made):
    assert set(hows(made).values()) == {"up to date"}
    assert made.started() == []


def test_a_changed_parameter_runs_its_stage_and_its_descendants_only(made):
    made.write(pair_x__value=30)
    made.bring()
    assert made.started() == ["pair.x", "join"]


def test_a_stage_below_a_changed_one_is_left_alone_if_its_input_stays_the_same(made):
    made.write(seed__threads=2)  # other parameters, same bytes
    made.bring()
    assert made.started() == ["seed"]


def test_outputs_that_lie_in_the_cache_are_checked_out(made):
    before = Path("out/join/text").read_text()
    for path in Path("out/join").iterdir():
        path.unlink()
    assert hows(made)["join"] == "checked out"
    assert Path("out/join/text").read_text() == before
    assert made.started() == []


def test_outputs_that_somebody_edited_are_put_right(made):
    Path("out/left/text").write_text("edited\n")
    made.bring()
    assert Path("out/left/text").read_text() == "1\n2\n"
    assert made.started() == []


def test_work_done_before_is_restored(made):
    made.write(left__value=20)
    made.bring()
    made.write()
    made.started()
    assert hows(made)["left"] == "restored"
    assert Path("out/join/text").read_text() == "1\n2\n1\n3\n1\n4\n5\n"
    assert made.started() == []


def test_force_runs_what_is_up_to_date(made):
    lock = made.lock()
    made.bring("seed", force=True)
    assert made.started() == ["seed"]
    assert made.lock() == lock


def test_a_target_brings_only_what_it_needs(checkout):
    checkout.bring("left")
    assert checkout.started() == ["seed", "left"]


@pytest.mark.parametrize(
    ("code", "words"), [(64, "fix it before the next try"), (65, "data gate failed"), (3, "code 3:")]
)
def test_a_failure_says_what_the_stage_said(checkout, code, words):
    checkout.write(seed__exit=code)
    with pytest.raises(StageFailed, match=rf"{words}.*nothing to work on") as caught:
        checkout.bring()
    assert caught.value.code == code
    assert "seed" not in Path("dvc.lock").read_text() if Path("dvc.lock").exists() else True


def test_lines_reach_the_log_and_the_listener(checkout):
    lines: list[str] = []
    coordinator = checkout.coordinator("apart")
    coordinator.ensure_up_to_date(coordinator.graph.by_name["apart"], lines.append)
    assert "apart works" in lines
    assert "apart works" in Path(".videopoet/logs/apart.log").read_text()


def test_a_component_is_told_where_it_may_work_and_whom_to_tell(checkout):
    graph = Path("dvc.yaml")
    graph.write_text(graph.read_text().replace("python work.py apart", "env > told && python work.py apart"))
    checkout.bring("apart")
    told = dict(line.split("=", 1) for line in Path("told").read_text().splitlines() if "=" in line)
    home = checkout.root / ".videopoet"
    assert told["VIDEOPOET_SCRATCH"] == str(home / "scratch")
    assert told["VIDEOPOET_CACHE"] == str(home / "cache")
    assert told["VIDEOPOET_ROOTS"] == str(home / "roots.json")
    assert told["VIDEOPOET_TRACKING_URI"] == Workspace(checkout.root).tracking_uri
    assert told["VIDEOPOET_RUN_ID"]
    assert told["OMP_NUM_THREADS"] == "1"


def test_nothing_of_a_stopped_stage_is_recorded(checkout):
    coordinator = checkout.coordinator("seed")
    with pytest.raises(Interrupted):
        coordinator.ensure_up_to_date(coordinator.graph.by_name["seed"], lambda _: coordinator.executor.stop())
    assert coordinator.repository.recorded("seed") is None
    checkout.started()
    checkout.bring("seed")
    assert checkout.started() == ["seed"]


def test_only_one_run_at_a_time_works_in_a_checkout(checkout):
    workspace = Workspace(checkout.root)
    with (
        exclusive_run(workspace, print),
        pytest.raises(errors.Retryable, match="another run"),
        exclusive_run(workspace, print),
    ):
        pass
    with exclusive_run(workspace, print):
        pass
