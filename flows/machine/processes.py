"""Commands as process groups: run, stop, clean up.

On a stop request the group gets SIGTERM, time to write a checkpoint, then SIGKILL, so that no process keeps writing
after the coordinator. Everything that a coordinator starts carries its mark in the environment: after a kill -9 the
next coordinator ends leftover processes first.
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


KILLED = "killed, perhaps out of memory"
MEANING = {
    errors.CONFIGURATION: "fix it before the next try",
    errors.DATA: "a data gate failed",
    errors.RETRY: "a temporary failure",
    errors.STOPPED: "stopped from outside; the same command resumes from its checkpoint",
    -9: KILLED,
    128 + 9: KILLED,  # as a shell between tells it
}


class Interrupted(Exception):
    """The run was asked to stop; unfinished work can be resumed."""


class Busy(errors.Retryable):
    """Another process holds the folder."""


class StageFailed(Exception):
    """The command of a stage failed; `code` is its exit code."""

    def __init__(self, name: str, code: int, last_line: str):
        meaning = f" ({MEANING[code]})" if code in MEANING else ""
        super().__init__(f"{name} ended with exit code {code}{meaning}: {last_line or 'it printed nothing'}")
        self.name, self.code = name, code


@dataclass(frozen=True)
class ProcessResult:
    """Exit code and resource usage of a command, its child processes included."""

    code: int = 0  # 0 for success; minus the signal's number if a signal ended it
    seconds: float = 0.0
    cpu_s: float = 0.0
    peak_bytes: int = 0
    read_bytes: int = 0  # by read calls from disk, page cache or pipes; without memory-mapped files
    written_bytes: int = 0  # by write calls
    gpu_s: float = 0.0  # GPUs held × seconds
    gpu_used_s: float = 0.0  # gpu_s weighted by GPU utilization

    def then(self, after: "ProcessResult") -> "ProcessResult":
        """Return the sum of this result and a later one."""
        return replace(self._and(after), code=after.code, seconds=self.seconds + after.seconds)

    def beside(self, other: "ProcessResult") -> "ProcessResult":
        """Return the sum of this result and one of a parallel process."""
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
        """Run a shell command in the current folder; `line` gets every line that it prints.

        The command gets our environment updated by `environment`; a value of None removes the variable. `started` is
        called with the process ID. Raises `Interrupted` if the run was asked to stop before the command succeeded.
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
        if self.stopping.is_set():  # requested since the check above
            _signal(process.pid, signal.SIGTERM)
        assert process.stdout is not None
        reader = threading.Thread(target=_pass_on, args=(process.stdout, line), daemon=True)
        reader.start()
        started(process.pid)
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # its I/O counters vanish once it is reaped
        moved = usage.moved(process.pid)
        _, status, spent = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if self.stopping.is_set():  # the shell ends at once; its children may still write a checkpoint
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
        """Ask every group to end; kill the remaining ones after the grace period, or on a second call."""
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
    """Hold a lock file for a block; raises Busy, with the message `refusal`, if another process holds it."""
    with path.open("a") as file:
        try:
            flock(file, LOCK_EX | LOCK_NB)
        except BlockingIOError:
            raise Busy(refusal) from None
        yield


@contextmanager
def exclusive(home: Path, refusal: str, line: Callable[[str], None]) -> Iterator[None]:
    """Hold the folder `home` exclusively for a block, after ending leftover processes of a killed run.

    Raises Busy, with the message `refusal`, if another process holds it.
    """
    with locked(home / "coordinator.lock", refusal):
        for command in end_leftovers(home):
            line(f"ended a leftover process of a killed run: {command}")
        yield


def mark(home: Path) -> dict[str, str]:
    """Return the environment variable that marks every process started for `home` (a checkout's `.videopoet`)."""
    return {MARK: f"{home}:{os.getpid()}:{psutil.Process().create_time()}"}


def end_leftovers(home: Path) -> list[str]:
    """End all processes that a killed coordinator of `home` left running; returns their command lines.

    The caller must hold `home` exclusively.
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
    """Wait until the group has no process left, `seconds` at most."""
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
