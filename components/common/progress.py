"""Progress of long loops: a bar on a terminal, a line every few seconds elsewhere.

Lines go to standard error: rate, share done and time left. None of it ever reaches an output folder.
"""

import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

from tqdm import tqdm

T = TypeVar("T")
SECONDS_BETWEEN_LINES = 5.0


def progress(items: Iterable[T], *, total: int | None, unit: str, label: str) -> Iterator[T]:
    """Yield `items` unchanged while printing progress and rate."""
    if sys.stderr.isatty():
        yield from tqdm(items, total=total, unit=f" {unit}", desc=label, dynamic_ncols=True)
        return
    meter = Meter(total=total, unit=unit, label=label)
    for item in items:
        yield item
        meter.advance(1)
    meter.close()


class Meter:
    """Prints `label: done/total unit, rate, time left` at most every few seconds, and once at the end."""

    def __init__(self, *, total: int | None, unit: str, label: str, start: int = 0):
        self.total, self.unit, self.label = total, unit, label
        self.done, self.first = start, start
        self.started_s = self.printed_s = time.monotonic()

    def advance(self, count: int, note: str = "") -> None:
        """Count `count` more as done; `note` is added to a line that is printed now."""
        self.done += count
        now_s = time.monotonic()
        if now_s - self.printed_s >= SECONDS_BETWEEN_LINES:
            self.printed_s = now_s
            self._line(now_s, note)

    def close(self, note: str = "") -> None:
        """Print the closing line."""
        self._line(time.monotonic(), note)

    def _line(self, now_s: float, note: str) -> None:
        rate = (self.done - self.first) / max(now_s - self.started_s, 1e-9)
        parts = [f"{self.done:,}/{self.total:,} {self.unit}" if self.total else f"{self.done:,} {self.unit}"]
        parts.append(f"{rate:,.1f} {self.unit}/s")
        if self.total and rate > 0 and self.done < self.total:
            parts.append(f"{(self.total - self.done) / rate:,.0f} s left")
        print(f"{self.label}: {', '.join([*parts, note] if note else parts)}", file=sys.stderr, flush=True)
