import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from flows.machine import processes
from flows.machine.processes import Interrupted, Processes, ProcessResult, StageFailed, end_leftovers, mark

PATIENT = "import signal, sys, time; signal.signal(15, lambda *_: (print('saved', flush=True), sys.exit(143)));"
PATIENT += "print('ready', flush=True); time.sleep(60)"
STUBBORN = "import signal, time; signal.signal(15, signal.SIG_IGN); print('ready', flush=True); time.sleep(60)"


def python(code: str) -> str:
    return f'{sys.executable} -c "{code}"'


def run_until(running: Processes, command: str, word: str) -> tuple[list[str], float]:
    """Run a command that never ends by itself, stop it when it prints `word`; returns its lines and the seconds."""
    lines: list[str] = []

    def line(text: str) -> None:
        lines.append(text)
        if text == word:
            threading.Thread(target=running.stop).start()

    started_s = time.monotonic()
    with pytest.raises(Interrupted):
        running.run(command, {}, line)
    return lines, time.monotonic() - started_s


def test_lines_of_both_streams_and_the_exit_code_come_back():
    lines: list[str] = []
    ended = Processes().run("echo one; echo two >&2; printf 'caf\\351\\n'; exit 65", {}, lines.append)
    assert (lines, ended.code) == (["one", "two", "caf\ufffd"], 65)
    assert ended.seconds > 0
    assert ended.peak_bytes > 0


def test_bytes_of_a_process_and_of_its_children_are_counted(tmp_path: Path):
    write = f"head -c 3000000 /dev/zero > {tmp_path}/a; ( head -c 2000000 /dev/zero > {tmp_path}/b )"
    wrote = Processes().run(write, {}, print)
    assert 5_000_000 <= wrote.written_bytes < 5_500_000
    read = Processes().run(f"cat {tmp_path}/a > /dev/null", {}, print)
    assert 3_000_000 <= read.read_bytes < 3_500_000


@pytest.mark.parametrize("code", [-9, 137])
def test_a_killed_stage_is_told_by_what_mostly_kills(code: int):
    assert "killed, perhaps out of memory" in str(StageFailed("judge", code, ""))


def test_one_command_after_another_and_one_beside_another():
    one, other = ProcessResult(0, 2.0, 1.0, 5, 10, 20, 3.0, 1.0), ProcessResult(1, 3.0, 1.5, 4, 1, 2, 1.0, 0.5)
    assert one.then(other) == ProcessResult(1, 5.0, 2.5, 5, 11, 22, 4.0, 1.5)
    assert one.beside(other) == ProcessResult(0, 3.0, 2.5, 5, 11, 22, 4.0, 1.5)


def test_the_environment_is_handed_on():
    lines: list[str] = []
    Processes().run("echo $VIDEOPOET_SCRATCH", {"VIDEOPOET_SCRATCH": "here"}, lines.append)
    assert lines == ["here"]


def test_a_stop_reaches_the_stage_and_leaves_it_time_to_save():
    lines, seconds = run_until(Processes(), python(PATIENT), "ready")
    assert lines == ["ready", "saved"]
    assert seconds < 10


def test_a_stop_waits_for_what_a_shell_had_started():
    lines, _ = run_until(Processes(), f"true && {python(PATIENT)}; true", "ready")
    assert "saved" in lines


def test_what_ignores_the_stop_is_killed_after_its_grace():
    _, seconds = run_until(Processes(grace_s=0.3), python(STUBBORN), "ready")
    assert seconds < processes.GRACE_S / 2


def test_nothing_starts_after_a_stop():
    running = Processes()
    running.stop()
    with pytest.raises(Interrupted):
        running.run("echo never", {}, print)


def test_what_ends_well_although_it_was_asked_to_stop_counts():
    running = Processes()
    ended = running.run(f"trap '' TERM; {python('print(1)')}", {}, lambda _: running.stop())
    assert ended.code == 0


def test_children_that_a_command_leaves_behind_are_ended(tmp_path: Path):
    Processes().run(f"sleep 60 > /dev/null 2>&1 & echo $! > {tmp_path}/pid", {}, print)
    time.sleep(0.1)
    left = int((tmp_path / "pid").read_text())
    assert not psutil.pid_exists(left) or psutil.Process(left).status() == psutil.STATUS_ZOMBIE


def test_what_a_killed_coordinator_left_is_ended_and_nothing_else(tmp_path: Path):
    old = {**os.environ, processes.MARK: f"{tmp_path}:1:0.0"}
    other = {**os.environ, processes.MARK: f"{tmp_path}/other:1:0.0"}
    ours = {**os.environ, **mark(tmp_path)}
    started = [subprocess.Popen(["sleep", "60"], env=env, start_new_session=True) for env in (old, other, ours)]
    time.sleep(0.1)
    assert end_leftovers(tmp_path) == ["sleep 60"]
    assert [process.poll() for process in started[1:]] == [None, None]
    for process in started:
        process.kill()
        process.wait()
    assert started[0].returncode in (-signal.SIGTERM, 0)
