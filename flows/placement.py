"""Stages side by side, but never more threads than there are cores; the longest way to the end of the graph first.

A stage says in its parameters how many threads it uses. One that wants more than the machine has runs alone.
"""

import os
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from flows.graph import Graph, Stage

PATIENCE_S = 10.0  # with a stage that could ask for its threads; one that cannot ask any more must not hold up the rest


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Threads:
    """A budget of threads for the `stages` of one run. Any thread may call.

    Of the stages whose parents are done, the one with the longest chain of stages below it is served first, and waited
    for if it has not asked yet: whoever asks a moment earlier must not make the whole run longer.
    """

    def __init__(self, total: int, stages: Sequence[Stage]):
        self._total = self._free = total
        chains = Graph(tuple(stages)).chains
        self._place = {stage.name: (-chains[stage.name], place) for place, stage in enumerate(stages)}
        self._missing = {stage.name: self._place.keys() & set(stage.parents) for stage in stages}
        self._coming: dict[str, float] = {}  # stages that may ask now, and until when they are waited for
        self._asking: set[str] = set()
        self._changed = threading.Condition()
        self._expect(name for name, parents in self._missing.items() if not parents)

    @contextmanager
    def brought(self, name: str) -> Iterator[None]:
        """Bring stage `name` up to date within the block: if it ends well, the stages below it may follow."""
        try:
            yield
        except BaseException:
            self._left(name)
            raise
        self._left(name, done=True)

    @contextmanager
    def taken(self, stage: Stage) -> Iterator[None]:
        """Hold the stage's threads, or all there are if that is fewer, for a block; waits for its turn."""
        count = min(stage.threads, self._total)
        with self._changed:
            self._coming.pop(stage.name, None)
            self._asking.add(stage.name)
            try:
                while self._first() != stage.name or self._free < count:
                    self._changed.wait(self._patience_s())
            finally:
                self._asking.discard(stage.name)
                self._changed.notify_all()
            self._free -= count
        try:
            yield
        finally:
            with self._changed:
                self._free += count
                self._changed.notify_all()

    def _first(self) -> str:
        now_s = time.monotonic()
        self._coming = {name: until_s for name, until_s in self._coming.items() if until_s > now_s}
        return min(self._asking | self._coming.keys(), key=lambda name: self._place[name])

    def _patience_s(self) -> float | None:
        """Until the next stage that was waited for is given up; None if there is none."""
        return max(0.0, min(self._coming.values()) - time.monotonic()) if self._coming else None

    def _expect(self, names: Iterable[str]) -> None:
        until_s = time.monotonic() + PATIENCE_S
        self._coming |= dict.fromkeys(names, until_s)

    def _left(self, name: str, *, done: bool = False) -> None:
        with self._changed:
            self._coming.pop(name, None)
            if done:
                self._expect(child for child, parents in self._missing.items() if parents == {name})
                for parents in self._missing.values():
                    parents.discard(name)
            self._changed.notify_all()
