"""Stages side by side, but never more threads than there are cores.

A stage says in its parameters how many threads it uses. One that wants more than the machine has runs alone.
"""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Threads:
    """A budget of threads; who asks first is served first."""

    def __init__(self, total: int):
        self._total = self._free = total
        self._waiting: list[object] = []
        self._changed = threading.Condition()

    @contextmanager
    def taken(self, count: int) -> Iterator[None]:
        """Hold `count` threads, or all there are if that is fewer, for a block; waits until they are free."""
        count, ticket = min(count, self._total), object()
        with self._changed:
            self._waiting.append(ticket)
            self._changed.wait_for(lambda: self._waiting[0] is ticket and self._free >= count)
            self._waiting.remove(ticket)
            self._free -= count
            self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self._free += count
                self._changed.notify_all()
