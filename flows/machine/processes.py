"""A command -> lines and an exit code, in a process group of its own.

The group gets SIGTERM when the run is asked to stop, time to write a checkpoint, then SIGKILL, so that nothing goes on
writing behind the coordinator's back. Everything that a coordinator starts carries its mark in the environment, so that
after a kill -9 of the coordinator the next one can end what is left before it begins.
"""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from fcntl import LOCK_EX, LOCK_NB, flock
from pathlib import Path
from typing import IO

import psutil

from components.common import errors
from flows.machine import usage

MARK = "VIDEOPOET_COORDINATOR"  # environment variable, see `mark`
GRACE_S = 60.0  # for a checkpoint


MEANING = {
    errors.CONFIGURATION: "to be mended before another try",
    errors.DATA: "the data broke a gate",
    errors.RETRY: "a passing fault",
    errors.STOPPED: "stopped from outside; the same command goes on from its checkpoint",
    -9: "killed, perhaps for want of memory",
}


class Interrupted(Exception):
    """The run was asked to stop; what has not finished can be resumed."""


class Busy(errors.Retryable):
    """Somebody else has the folder."""


class StageFailed(Exception):
    """A stage's command ended badly; `code` is its exit code."""

    def __init__(self, name: str, code: int, last_line: str):
        meaning = f" ({MEANING[code]})" if code in MEANING else ""
        super().__init__(f"{name} ended with exit code {code}{meaning}: {last_line or 'it printed nothing'}")
        self.name, self.code = name, code


@dataclass(frozen=True)
class ProcessResult:
    """How a command ended and what it took, its own children included."""

    code: int = 0  # 0 well; minus the signal's number if a signal ended it
    seconds: float = 0.0
    cpu_s: float = 0.0
    peak_bytes: int = 0
    read_bytes: int = 0  # by read calls, from a disk, the page cache or a pipe alike; memory-mapped files are not in it
    written_bytes: int = 0  # by write calls
    gpu_s: float = 0.0  # GPUs held × seconds
    gpu_used_s: float = 0.0  # of these, by the share of time that the GPUs were at work

    def then(self, after: "ProcessResult") -> "ProcessResult":
        """This one, and then another."""
        return replace(self._and(after), code=after.code, seconds=self.seconds + after.seconds)

    def beside(self, other: "ProcessResult") -> "ProcessResult":
        """This one and one that went on at the same time."""
        return replace(self._and(other), seconds=max(self.seconds, other.seconds))

    def _and(self, other: "ProcessResult") -> "ProcessResult":
        sums = ("cpu_s", "read_bytes", "written_bytes", "gpu_s", "gpu_used_s")
        sum_of = {key: getattr(self, key) + getattr(other, key) for key in sums}
        return replace(self, peak_bytes=max(self.peak_bytes, other.peak_bytes), **sum_of)


class Processes:
    """The process groups of one run. Any thread may call `run`; `stop` may be called from a signal handler."""

    def __init__(self, grace_s: float = GRACE_S) -> None:
        self._groups: set[int] = set()
        self._grace_s = grace_s
        self.stopping = threading.Event()

    def run(
        self,
        command: str,
        environment: Mapping[str, str | None],
        line: Callable[[str], None],
        started: Callable[[int], None] = lambda _: None,
    ) -> ProcessResult:
        """Run a shell command in the current folder; every line that it prints goes to `line`.

        It gets our own environment and `environment`, but for what is None there.
        `started` is told the process's number. Raises `Interrupted` if the run was asked to stop before the command
        ended well.
        """
        if self.stopping.is_set():
            raise Interrupted
        started_s = time.monotonic()
        process = subprocess.Popen(
            ["/bin/sh", "-c", command],
            env={name: value for name, value in {**os.environ, **environment}.items() if value is not None},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._groups.add(process.pid)
        if self.stopping.is_set():  # asked between the first look and now
            _signal(process.pid, signal.SIGTERM)
        assert process.stdout is not None
        reader = threading.Thread(target=_pass_on, args=(process.stdout, line), daemon=True)
        reader.start()
        started(process.pid)
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # what it read is known until it is waited for
        moved = usage.moved(process.pid)
        _, status, spent = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if self.stopping.is_set():  # a shell ends at once; what it started may be writing a checkpoint
            _await_group(process.pid, self._grace_s)
        _signal(process.pid, signal.SIGKILL)
        self._groups.discard(process.pid)
        reader.join(timeout=5)
        if process.returncode and self.stopping.is_set():
            raise Interrupted
        seconds = time.monotonic() - started_s
        cpu_s, peak_bytes = spent.ru_utime + spent.ru_stime, spent.ru_maxrss * 1024
        return ProcessResult(process.returncode, seconds, cpu_s, peak_bytes, moved.read_bytes, moved.written_bytes)

    def stop(self) -> None:
        """Ask every group to end; those that are still there after their grace, or at a second call, are killed."""
        if self.stopping.is_set():
            self._signal_all(signal.SIGKILL)
            return
        self.stopping.set()
        self._signal_all(signal.SIGTERM)
        timer = threading.Timer(self._grace_s, self._signal_all, [signal.SIGKILL])
        timer.daemon = True
        timer.start()

    def _signal_all(self, number: signal.Signals) -> None:
        for group in tuple(self._groups):
            _signal(group, number)


@contextmanager
def locked(path: Path, refusal: str) -> Iterator[None]:
    """Hold a lock file for a block; raises Busy, with the words `refusal`, if another process holds it."""
    with path.open("a") as file:
        try:
            flock(file, LOCK_EX | LOCK_NB)
        except BlockingIOError:
            raise Busy(refusal) from None
        yield


@contextmanager
def alone_in(home: Path, refusal: str, line: Callable[[str], None]) -> Iterator[None]:
    """Have the folder `home` to oneself for a block, what a killed process of it left behind ended first.

    Raises Busy, with the words `refusal`, if another process has it.
    """
    with locked(home / "coordinator.lock", refusal):
        for command in end_leftovers(home):
            line(f"ended what a killed run had left running: {command}")
        yield


def mark(home: Path) -> dict[str, str]:
    """What goes into the environment of all that this process starts for `home`, such as a checkout's `.videopoet`."""
    return {MARK: f"{home}:{os.getpid()}:{psutil.Process().create_time()}"}


def end_leftovers(home: Path) -> list[str]:
    """End whatever a killed coordinator of `home` left running; returns the command lines.

    Only for a coordinator that has `home` to itself.
    """
    ours = mark(home)[MARK]
    marks = {process: _mark_of(process) for process in psutil.process_iter()}
    left = [process for process, found in marks.items() if found.startswith(f"{home}:") and found != ours]
    commands = []
    for process in left:
        with suppress(psutil.NoSuchProcess):
            commands.append(" ".join(process.cmdline()))
            process.terminate()
    _, stubborn = psutil.wait_procs(left, timeout=GRACE_S)
    for process in stubborn:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(stubborn, timeout=5)
    return commands


def _mark_of(process: psutil.Process) -> str:
    with suppress(psutil.Error, OSError):
        if process.pid != os.getpid() and process.status() != psutil.STATUS_ZOMBIE:
            return str(process.environ().get(MARK, ""))
    return ""


def _await_group(group: int, seconds: float) -> None:
    """Wait until no process of the group is left, `seconds` at most."""
    until_s = time.monotonic() + seconds
    while time.monotonic() < until_s and any(_is_in(process, group) for process in psutil.process_iter()):
        time.sleep(0.1)


def _is_in(process: psutil.Process, group: int) -> bool:
    with suppress(psutil.Error, OSError):
        return os.getpgid(process.pid) == group and process.status() != psutil.STATUS_ZOMBIE
    return False


def _pass_on(stream: IO[bytes], line: Callable[[str], None]) -> None:
    for raw in stream:
        if text := raw.decode(errors="replace").rstrip():
            line(text)


def _signal(group: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)
