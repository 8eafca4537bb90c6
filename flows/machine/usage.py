"""A process and all that it started -> what they have taken so far.

A process that was waited for counts with the one that waited for it, as in the kernel's own books. Where the kernel
keeps no books of bytes (any but Linux), there are none.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil


@dataclass(frozen=True)
class Moved:
    """Bytes that went through read and write calls, whether a disk, the page cache or a pipe was behind them."""

    read_bytes: int = 0
    written_bytes: int = 0


def moved(pid: int) -> Moved:
    """What one process moved, with its children that have ended; known until it is waited for."""
    try:
        text = Path(f"/proc/{pid}/io").read_text()
    except OSError:
        return Moved()
    found = dict(line.split(": ") for line in text.splitlines())
    return Moved(int(found["rchar"]), int(found["wchar"]))


def all_moved(pid: int) -> Moved:
    """What a process and everything under it have moved so far."""
    parts = [moved(process.pid) for process in _tree(pid)]
    return Moved(sum(part.read_bytes for part in parts), sum(part.written_bytes for part in parts))


def cpu_s(pid: int) -> float:
    """Core-seconds that a process and everything under it have used so far."""
    total = 0.0
    for process in _tree(pid):
        with suppress(psutil.Error):
            total += sum(process.cpu_times()[:4])  # its own and its children's, in user and system mode
    return total


def _tree(pid: int) -> Iterator[psutil.Process]:
    with suppress(psutil.Error):
        process = psutil.Process(pid)
        yield process
        yield from process.children(recursive=True)
