"""Resource usage of a process and its descendants.

Usage of a process that was waited for is added to its parent, as in the kernel's accounting. Without /proc/PID/io (any
system but Linux) byte counts are 0.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil


@dataclass(frozen=True)
class IoBytes:
    """Bytes moved by read and write calls on disk, page cache or pipes."""

    read_bytes: int = 0
    written_bytes: int = 0


def moved(pid: int) -> IoBytes:
    """Return the bytes that one process moved, including its ended children; known until the process is reaped."""
    try:
        text = Path(f"/proc/{pid}/io").read_text()
    except OSError:
        return IoBytes()
    found = dict(line.split(": ") for line in text.splitlines())
    return IoBytes(int(found["rchar"]), int(found["wchar"]))


def all_moved(pid: int) -> IoBytes:
    """Return the bytes that a process and all its descendants moved so far."""
    parts = [moved(process.pid) for process in _tree(pid)]
    return IoBytes(sum(part.read_bytes for part in parts), sum(part.written_bytes for part in parts))


def cpu_s(pid: int) -> float:
    """Return the core-seconds that a process and all its descendants used so far."""
    total = 0.0
    for process in _tree(pid):
        with suppress(psutil.Error):
            total += sum(process.cpu_times()[:4])  # user and system time of itself and its children
    return total


def _tree(pid: int) -> Iterator[psutil.Process]:
    with suppress(psutil.Error):
        process = psutil.Process(pid)
        yield process
        yield from process.children(recursive=True)
