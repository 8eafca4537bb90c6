import threading
from pathlib import Path

import pytest

from flows.machine import monitor, run_state
from flows.machine.monitor import Progress, StageMonitor
from flows.machine.processes import Processes
from flows.machine.workspace import Workspace
from flows.runs import run_status

SLEEPS = "sleep 60"
WORKS = "while true; do :; done"


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Silence is noticed after half a second."""
    monkeypatch.setattr(monitor, "SAMPLE_S", 0.1)
    monkeypatch.setattr(monitor, "STALLED_S", 0.5)


@pytest.mark.parametrize(
    ("line", "progress"),
    [
        ("ingest: 12/40 files, 3.2 files/s, 9 s left", Progress(12, 40, "files", 3.2)),
        ("training: 1,024,000/2,048,000 tokens, 12,345.6 tokens/s, 83 s left, loss 0.5", None),
        ("filter: 7 clips, 0.5 clips/s", Progress(7, 0, "clips", 0.5)),
        ("seed works", None),
        ("12/40 files, and more", None),
    ],
)
def test_progress_is_read_from_the_lines_that_stages_print(line, progress):
    if line.startswith("training"):
        progress = Progress(1_024_000, 2_048_000, "tokens", 12_345.6)
    assert Progress.read(line) == progress


def test_every_stages_own_meter_is_understood(capsys):
    from components.common.progress import Meter

    meter = Meter(total=3000, unit="clips", label="filter")
    meter.advance(1500)
    meter.close(note="loss 0.1")
    progress = Progress.read(capsys.readouterr().err)
    assert (progress.done, progress.total, progress.unit) == (1500, 3000, "clips")
    assert progress.rate > 0


def run(command: str, said: list[str], until) -> StageMonitor:
    """Run a real process under a pulse until `until` is true of the pulse."""
    running, reached = Processes(), threading.Event()
    found = StageMonitor(said.append)

    def look() -> None:
        if until(found):
            reached.set()
            running.stop()

    with found.sampling(look):
        thread = threading.Thread(target=_run, args=(running, command, found), daemon=True)
        thread.start()
        assert reached.wait(30)
        thread.join(30)
    return found


def _run(running: Processes, command: str, found: StageMonitor) -> None:
    try:
        running.run(command, {}, found, found.started)
    except Exception:  # it was stopped
        return


def test_a_process_that_neither_speaks_nor_works_is_reported_once_and_left_alone(quick):
    said: list[str] = []
    looks = iter(range(1000))
    run(SLEEPS, said, lambda found: found.is_stalled and next(looks) > 8)
    (line,) = said
    assert line.startswith("stalled: no line and no CPU use for ")
    assert line.endswith("keeps running")


def test_a_process_that_works_is_heard_of_though_it_says_nothing(quick):
    said: list[str] = []
    looks = iter(range(1000))
    found = run(WORKS, said, lambda _: next(looks) > 15)
    assert said == []
    assert found.cores > monitor.IDLE_CORES


def test_a_line_ends_the_silence_but_the_report_of_it_does_not(quick):
    said: list[str] = []
    found = StageMonitor(said.append)
    found.heartbeat_s -= 10
    found.sample()
    found.on_line(said[0])
    assert found.is_stalled
    found("here I am")
    assert not found.is_stalled


def test_gpus_are_charged_for_the_time_that_they_are_held(monkeypatch):
    now_s = 100.0
    monkeypatch.setattr(monitor.time, "monotonic", lambda: now_s)
    found = StageMonitor(print)
    now_s = 110.0
    found.hold(4)
    now_s = 115.0
    assert found.gpu_s == 20.0
    found.hold(0)
    now_s = 200.0
    assert found.gpu_s == 20.0


def test_a_rank_far_below_the_median_is_a_straggler():
    found = StageMonitor(print)
    for rank, rate in {"0": 10.0, "1": 11.0, "2": 4.0, "3": 9.0}.items():
        found.on_line(f"training: 5/10 clips, {rate} clips/s", rank)
    assert found.stragglers() == ["2"]
    assert StageMonitor(print).stragglers() == []


def test_status_says_when_a_stage_was_last_heard_of(made, monkeypatch):
    workspace = Workspace(made.root)
    doing = run_state.RunState(workspace, ["left"])
    doing.put("left", "running")
    doing.note_heartbeat("left", run_state.moment(0))
    assert "heartbeat" not in _line(workspace)
    doing.note_heartbeat("left", run_state.moment(run_status.QUIET_S + 1))
    assert "last heartbeat at " in _line(workspace)
    doing.note_heartbeat("left", run_state.moment(monitor.STALLED_S + 1))
    assert "STALLED, last heartbeat at " in _line(workspace)


def _line(workspace: Workspace) -> str:
    return next(line for line in run_status.status(workspace) if line.startswith("running"))


def test_the_run_keeps_hearing_of_a_stage_that_works(checkout, monkeypatch):
    monkeypatch.setattr(monitor, "SAMPLE_S", 0.1)
    monkeypatch.setenv("WORK_SLEEP_S", "1")
    last_heartbeat: list[str] = []
    coordinator = checkout.coordinator("apart")
    coordinator.state.note_heartbeat = lambda name, when: last_heartbeat.append(f"{name} {when}")
    coordinator.ensure_up_to_date(coordinator.graph.by_name["apart"], print)
    assert last_heartbeat
    assert last_heartbeat[0].startswith("apart 20")
    assert Path("out/apart").exists()
