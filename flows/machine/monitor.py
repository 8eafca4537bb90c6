"""Heartbeat, progress and resource usage of one running stage.

A heartbeat is a printed line or use of the processor. A stage without one for `STALLED_S` is reported once per pause
and keeps running: it may wait for something. All durations come from the monotonic clock.
"""

import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median

from flows.machine import gpus, run_state, usage

SAMPLE_S = 10.0
STALLED_S = 600.0
LAG = 0.5  # share of the median rate below which a rank is a straggler
IDLE_CORES = 0.01  # used by a process that only waits
STALLED = "stalled: "  # prefix of our own report, which is not a heartbeat
PROGRESS = re.compile(r"(?P<done>[\d,]+)(?:/(?P<total>[\d,]+))? (?P<unit>[^,]+), (?P<rate>[\d,]+\.\d) (?P=unit)/s")


@dataclass(frozen=True)
class Progress:
    """Position and rate of a stage, as printed by `components.common.progress`."""

    done: int
    total: int  # 0 if unknown
    unit: str
    rate: float  # units per second

    @classmethod
    def read(cls, line: str) -> "Progress | None":
        """Parse a line of output; None if it shows no progress."""
        found = PROGRESS.search(line)
        if found is None:
            return None
        done, total, rate = (float((found[key] or "0").replace(",", "")) for key in ("done", "total", "rate"))
        return cls(int(done), int(total), found["unit"], rate)


class StageMonitor:
    """Callable that takes the lines of a stage and measures it. Any thread may call."""

    def __init__(self, line: Callable[[str], None]):
        self._line = line
        self.started_s = self.heartbeat_s = time.monotonic()
        self.progress: dict[str, Progress] = {}  # by rank
        self.cores = self.gpu_share = 0.0  # average since the last sample
        self.cpu_s, self.gpu_used_s, self.moved = 0.0, 0.0, usage.IoBytes()
        self.is_stalled = False
        self._process = 0
        self._gpus, self._gpu_s, self._held_s = 0, 0.0, self.started_s
        self._sampled_s = self.started_s
        self._guard = threading.Lock()

    def __call__(self, text: str) -> None:
        """Pass on a line of the stage's first rank and note it as a heartbeat."""
        self._line(text)
        self.on_line(text)

    def on_line(self, text: str, rank: str = "0") -> None:
        """Note a line of any rank, without passing it on."""
        if not text.startswith(STALLED):
            self.heartbeat_s, self.is_stalled = time.monotonic(), False
        if progress := Progress.read(text):
            self.progress[rank] = progress

    def started(self, pid: int) -> None:
        """Set the process ID of the stage's present process on this machine."""
        with self._guard:
            self._process, self.cpu_s = pid, 0.0

    def hold(self, count: int) -> None:
        """Set the number of GPUs that the stage holds from now on."""
        with self._guard:
            now_s = time.monotonic()
            self._gpu_s += self._gpus * (now_s - self._held_s)
            self._gpus, self._held_s = count, now_s

    @property
    def gpu_s(self) -> float:
        """GPU-seconds held so far."""
        with self._guard:
            return self._gpu_s + self._gpus * (time.monotonic() - self._held_s)

    @property
    def last_heartbeat(self) -> str:
        """Time of the last heartbeat, UTC."""
        return run_state.moment(time.monotonic() - self.heartbeat_s)

    def stragglers(self) -> list[str]:
        """Return the ranks whose rate is below `LAG` times the median."""
        rates = {rank: progress.rate for rank, progress in dict(self.progress).items()}
        least = LAG * median(rates.values()) if rates else 0.0
        return [rank for rank, rate in rates.items() if rate < least]

    @contextmanager
    def sampling(self, each: Callable[[], None] = lambda: None) -> Iterator["StageMonitor"]:
        """Sample the stage every `SAMPLE_S` within the block, and call `each` afterwards."""
        ended = threading.Event()

        def loop() -> None:
            while not ended.wait(SAMPLE_S):
                self.sample()
                each()

        thread = threading.Thread(target=loop, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            ended.set()
            thread.join()

    def sample(self) -> None:
        """Measure the usage of the local processes; report the stage if it has stalled."""
        now_s = time.monotonic()
        since_s, self._sampled_s = now_s - self._sampled_s, now_s
        if self._process:
            self._sample_process(now_s, since_s)
        if now_s - self.heartbeat_s >= STALLED_S and not self.is_stalled:
            self.is_stalled = True
            missing = "no line and no CPU use" if self._process else "no line"
            self._line(f"{STALLED}{missing} for {now_s - self.heartbeat_s:,.0f} s; it keeps running")

    def _sample_process(self, now_s: float, since_s: float) -> None:
        cpu_s = usage.cpu_s(self._process)
        with self._guard:
            used_s = max(0.0, cpu_s - self.cpu_s)
            self.cpu_s = max(cpu_s, self.cpu_s)
        self.cores = used_s / max(since_s, 1e-9)
        self.moved = usage.all_moved(self._process)
        if self.cores >= IDLE_CORES:
            self.heartbeat_s, self.is_stalled = now_s, False
        if gpus.count():
            shares = gpus.shares()
            self.gpu_share = sum(shares) / max(len(shares), 1)
            self.gpu_used_s += sum(shares) * since_s
