"""A process that decodes hostile files one by one within limits; it is restarted when it dies.

Memory is limited as address space and time as processor time, so that the outcome does not depend on the machine's
load; a wall clock stops a process that hangs without working. A file that kills or fills the process is tried once more
in a new one, so that neither leftovers of other files nor a passing lack of memory rejects it; a file that takes too
long is not. FFmpeg reports a lack of memory as damage: so the hard limit is somewhat above the limit, and a file that
exceeds the limit is rejected for that, whatever its outcome.
"""

import multiprocessing
import re
import resource
import signal
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from components.corpus.data import Source
from components.ingest import decoding
from components.ingest.config import Config
from components.ingest.data import EncodedClip
from components.media.errors import Unreadable

WALL_FACTOR = 20
MEMORY_FACTOR = 1.25  # no buffer of one frame is larger than the quarter between the limit and the hard limit
STATUS = Path("/proc/self/status")
PEAK = re.compile(r"^VmPeak:\s+(\d+) kB$", re.MULTILINE)
TRIED_AGAIN = ("crashed_decoder", "too_much_memory")
PASSING = ("missing_file", "changed_file")  # the bytes that were added would have another outcome


@dataclass(frozen=True)
class Rejected:
    """Reason why a file gives no clip. `repeatable` is True if the same bytes always have this outcome."""

    reason: str
    detail: str
    repeatable: bool = True


Outcome = list[EncodedClip] | Rejected


class Worker:
    """Decodes files in a process of its own. Use it as a context manager."""

    def __init__(self, config: Config):
        self.config = config
        self.process: multiprocessing.process.BaseProcess | None = None
        self.connection: Connection | None = None

    def __enter__(self) -> "Worker":
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def outcome(self, path: Path, source: Source) -> Outcome:
        """Decode one file, even if it kills the process."""
        outcome = self._outcome(path, source)
        if isinstance(outcome, Rejected) and outcome.reason in TRIED_AGAIN:
            outcome = self._outcome(path, source)
        return outcome

    def _outcome(self, path: Path, source: Source) -> Outcome:
        if self.process is None or not self.process.is_alive():
            self._stop()
            self._start()
        connection = self.connection
        assert connection is not None
        try:
            connection.send((path, source))
        except ConnectionError:
            return self._died()
        if not connection.poll(WALL_FACTOR * self.config.time_limit_s):
            self._stop()
            return Rejected("too_slow", f"no answer in {WALL_FACTOR * self.config.time_limit_s} s", repeatable=False)
        try:
            answer: Outcome = connection.recv()
        except (EOFError, ConnectionError):
            return self._died()
        if isinstance(answer, Rejected) and answer.reason == "too_much_memory":
            self._stop()  # the peak of a process never falls
        return answer

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=serve, args=(theirs, self.config), daemon=True)
        self.process.start()
        theirs.close()

    def _stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.join()
        if self.connection is not None:
            self.connection.close()
        self.process = self.connection = None

    def _died(self) -> Rejected:
        assert self.process is not None
        self.process.join()
        code = self.process.exitcode
        self._stop()
        if code == -signal.SIGXCPU:
            return Rejected(
                "too_slow", f"took more than {self.config.time_limit_s} s of processor time", repeatable=False
            )
        return Rejected("crashed_decoder", f"the decoder ended with {code}", repeatable=False)


def serve(connection: Connection, config: Config) -> None:
    """Answer requests until the connection closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends this process when it ends itself
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # no core dump of a crashed decoder
    limit_bytes = config.memory_limit_mib * 1024 * 1024
    before_bytes = _peak_bytes()
    if before_bytes:
        end_bytes = before_bytes + int(MEMORY_FACTOR * limit_bytes)
        resource.setrlimit(resource.RLIMIT_AS, (end_bytes, end_bytes))
    while True:
        try:
            path, source = connection.recv()
        except (EOFError, ConnectionError):
            return
        used = resource.getrusage(resource.RUSAGE_SELF)
        seconds = int(used.ru_utime + used.ru_stime) + 1 + config.time_limit_s
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, resource.RLIM_INFINITY))
        outcome = _attempt(path, source, config)
        connection.send(outcome if _peak_bytes() - before_bytes <= limit_bytes else _too_large(config))


def _attempt(path: Path, source: Source, config: Config) -> Outcome:
    try:
        before = path.stat()
        rows = decoding.rows_of(path, source, config)
        after = path.stat()
        if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
            return Rejected("changed_file", "it changed while it was read: add the source again", repeatable=False)
        return rows
    except FileNotFoundError:
        return Rejected("missing_file", "there is nothing under its name", repeatable=False)
    except Unreadable as error:
        return Rejected(error.reason, error.detail, repeatable=error.reason not in PASSING)
    except MemoryError:
        return _too_large(config)
    except Exception as error:  # any error that a hostile file provokes rejects that file, and is counted
        return Rejected("decode_error", type(error).__name__)


def _too_large(config: Config) -> Rejected:
    return Rejected("too_much_memory", f"needs more than {config.memory_limit_mib} MiB", repeatable=False)


def _peak_bytes() -> int:
    """Return the peak address space of this process; 0 where the system does not report it."""
    found = PEAK.search(STATUS.read_text()) if STATUS.exists() else None
    return 1024 * int(found[1]) if found else 0
