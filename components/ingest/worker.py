"""A process that decodes hostile files, one after the other, within limits; it is started again when it dies.

Memory is limited as address space, time as processor time, so that the verdict does not depend on how busy the
machine is; a wall clock stops what hangs without working. A file that ends or fills the process is tried once more in
a new one, so that neither what other files left behind nor a passing want of memory refuses it; not one that takes too
long, for that is its own doing. FFmpeg takes a want of memory for damage: so memory ends only some way behind the
limit, and what went over the limit is refused for that, whatever came of it.
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
from components.ingest.data import Row
from components.media.errors import Unreadable

WALL_FACTOR = 20
MEMORY_FACTOR = 1.25  # no buffer of one picture is larger than the quarter between limit and end
STATUS = Path("/proc/self/status")
PEAK = re.compile(r"^VmPeak:\s+(\d+) kB$", re.MULTILINE)
TRIED_AGAIN = ("crashed_decoder", "too_much_memory")
PASSING = ("missing_file", "changed_file")  # the bytes that were added would have given something else


@dataclass(frozen=True)
class Refused:
    """Why a file gives no clip. `repeatable` says whether the same file is always refused for it."""

    reason: str
    detail: str
    repeatable: bool = True


Outcome = list[Row] | Refused


class Worker:
    """Decodes files in a process of its own. Use as a context."""

    def __init__(self, config: Config):
        self.config = config
        self.process: multiprocessing.process.BaseProcess | None = None
        self.connection: Connection | None = None

    def __enter__(self) -> "Worker":
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def outcome(self, path: Path, source: Source) -> Outcome:
        """Decode one file, whatever it does to the process."""
        outcome = self._outcome(path, source)
        if isinstance(outcome, Refused) and outcome.reason in TRIED_AGAIN:
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
            return Refused("too_slow", f"no answer in {WALL_FACTOR * self.config.time_limit_s} s", repeatable=False)
        try:
            answer: Outcome = connection.recv()
        except (EOFError, ConnectionError):
            return self._died()
        if isinstance(answer, Refused) and answer.reason == "too_much_memory":
            self._stop()  # its peak stays where it is
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

    def _died(self) -> Refused:
        assert self.process is not None
        self.process.join()
        code = self.process.exitcode
        self._stop()
        if code == -signal.SIGXCPU:
            return Refused(
                "too_slow", f"took more than {self.config.time_limit_s} s of processor time", repeatable=False
            )
        return Refused("crashed_decoder", f"the decoder ended with {code}", repeatable=False)


def serve(connection: Connection, config: Config) -> None:
    """Answer requests until the other end is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends this process when it ends itself
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a decoder that crashes leaves no image of its memory
    limit_bytes = config.memory_limit_mb * 1024 * 1024
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
            return Refused("changed_file", "it changed while it was read: add the source again", repeatable=False)
        return rows
    except FileNotFoundError:
        return Refused("missing_file", "there is nothing under its name", repeatable=False)
    except Unreadable as error:
        return Refused(error.reason, error.detail, repeatable=error.reason not in PASSING)
    except MemoryError:
        return _too_large(config)
    except Exception as error:  # whatever a hostile file provokes is a reason to refuse that file, and is counted
        return Refused("decode_error", type(error).__name__)


def _too_large(config: Config) -> Refused:
    return Refused("too_much_memory", f"needs more than {config.memory_limit_mb} MB", repeatable=False)


def _peak_bytes() -> int:
    """The most address space that this process ever held; 0 where the system does not say."""
    found = PEAK.search(STATUS.read_text()) if STATUS.exists() else None
    return 1024 * int(found[1]) if found else 0
