"""Signs of life of one stage that runs: what it says, how fast it goes, what it takes.

A stage is heard of when it prints a line or uses its processor. One that does neither for `SILENT_S` is reported, once
each time, and otherwise left alone: it may wait for something that comes. All durations are by a clock that nobody
sets.
"""

import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median

from flows.machine import gpus, run_state, usage

LOOK_S = 10.0
SILENT_S = 600.0
LAG = 0.5  # of the median rate of its fellows, below which a rank is a straggler
IDLE_CORES = 0.01  # what a process uses that only waits
SILENT = "silent: "  # how the line begins that says so, which is no sign of life
PROGRESS = re.compile(r"(?P<done>[\d,]+)(?:/(?P<total>[\d,]+))? (?P<unit>[^,]+), (?P<rate>[\d,]+\.\d) (?P=unit)/s")


@dataclass(frozen=True)
class Progress:
    """How far and how fast a stage goes, by its own words (`components.common.progress`)."""

    done: int
    total: int  # 0 if it does not know
    unit: str
    rate: float  # of the unit, a second

    @classmethod
    def read(cls, line: str) -> "Progress | None":
        """Of a line of output; None if it tells of no progress."""
        found = PROGRESS.search(line)
        if found is None:
            return None
        done, total, rate = (float((found[key] or "0").replace(",", "")) for key in ("done", "total", "rate"))
        return cls(int(done), int(total), found["unit"], rate)


class StageMonitor:
    """Takes the lines of a stage, as a function of them. Any thread may call."""

    def __init__(self, line: Callable[[str], None]):
        self._line = line
        self.started_s = self.heard_s = time.monotonic()
        self.progress: dict[str, Progress] = {}  # of each rank that tells of any
        self.cores = self.gpu_share = 0.0  # at work since the last look
        self.cpu_s, self.gpu_used_s, self.moved = 0.0, 0.0, usage.Moved()
        self.is_silent = False
        self._process = 0
        self._gpus, self._gpu_s, self._held_s = 0, 0.0, self.started_s
        self._looked_s = self.started_s
        self._guard = threading.Lock()

    def __call__(self, text: str) -> None:
        """The stage, or its first rank, printed a line."""
        self._line(text)
        self.hear(text)

    def hear(self, text: str, rank: str = "0") -> None:
        """Note a line of any rank, without passing it on."""
        if not text.startswith(SILENT):
            self.heard_s, self.is_silent = time.monotonic(), False
        if progress := Progress.read(text):
            self.progress[rank] = progress

    def started(self, pid: int) -> None:
        """The stage's process, or its next one, is this one, on this machine."""
        with self._guard:
            self._process, self.cpu_s = pid, 0.0

    def hold(self, count: int) -> None:
        """The stage holds so many GPUs from now on."""
        with self._guard:
            now_s = time.monotonic()
            self._gpu_s += self._gpus * (now_s - self._held_s)
            self._gpus, self._held_s = count, now_s

    @property
    def gpu_s(self) -> float:
        """GPUs held × seconds, so far."""
        with self._guard:
            return self._gpu_s + self._gpus * (time.monotonic() - self._held_s)

    @property
    def heard(self) -> str:
        """When the stage was last heard of, UTC."""
        return run_state.moment(time.monotonic() - self.heard_s)

    def stragglers(self) -> list[str]:
        """Ranks that go at less than `LAG` of the median rate."""
        rates = {rank: progress.rate for rank, progress in dict(self.progress).items()}
        least = LAG * median(rates.values()) if rates else 0.0
        return [rank for rank, rate in rates.items() if rate < least]

    @contextmanager
    def beating(self, each: Callable[[], None] = lambda: None) -> Iterator["StageMonitor"]:
        """Look at the stage every few seconds within the block, and call `each` after it."""
        ended = threading.Event()

        def beat() -> None:
            while not ended.wait(LOOK_S):
                self.look()
                each()

        thread = threading.Thread(target=beat, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            ended.set()
            thread.join()

    def look(self) -> None:
        """See what the processes here have taken; say it if the stage has become silent."""
        now_s = time.monotonic()
        since_s, self._looked_s = now_s - self._looked_s, now_s
        if self._process:
            self._look_at_process(now_s, since_s)
        if now_s - self.heard_s >= SILENT_S and not self.is_silent:
            self.is_silent = True
            what = "no line and no use of a processor" if self._process else "no line"
            self._line(f"{SILENT}{what} for {now_s - self.heard_s:,.0f} s; it is left alone")

    def _look_at_process(self, now_s: float, since_s: float) -> None:
        cpu_s = usage.cpu_s(self._process)
        with self._guard:
            used_s = max(0.0, cpu_s - self.cpu_s)
            self.cpu_s = max(cpu_s, self.cpu_s)
        self.cores = used_s / max(since_s, 1e-9)
        self.moved = usage.all_moved(self._process)
        if self.cores >= IDLE_CORES:
            self.heard_s, self.is_silent = now_s, False
        if gpus.count():
            shares = gpus.shares()
            self.gpu_share = sum(shares) / max(len(shares), 1)
            self.gpu_used_s += sum(shares) * since_s
