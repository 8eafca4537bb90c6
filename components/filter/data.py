"""Kept clips: the same shards as ingest's, every clip with its split.

`Clips` reads them at random and holds nothing; `Frames` adds a cache with a limit, for those who read again and again.
"""

import threading
from collections import OrderedDict

from components.common.formats import Format
from components.ingest.data import Clip, Clips, Pixels, Row, Samples, facts, with_split, write

__all__ = ["SCORES", "Clip", "Clips", "Frames", "Pixels", "Row", "Samples", "facts", "with_split", "write"]
SCORES = "scores.parquet"  # beside the shards: every clip that arrived, its scores, and why it was dropped if it was


class Frames:
    """Decoded frames of one format, kept in memory up to a limit; the least recently used go first.

    The arrays are shared: they are read-only. Safe to use from several threads.
    """

    def __init__(self, clips: Clips, form: Format, cache_bytes: int):
        self.clips, self.form, self.cache_bytes = clips, form, cache_bytes
        self._held: OrderedDict[int, Pixels] = OrderedDict()
        self.held_bytes = 0
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self.clips)

    def __getitem__(self, index: int) -> Pixels:
        """Clip `index` as (T, H, W, 3) uint8 of the format."""
        with self._lock:
            if index in self._held:
                self._held.move_to_end(index)
                return self._held[index]
        frames = self.clips.pixels(index, self.form)
        frames.flags.writeable = False
        with self._lock:
            if index not in self._held and frames.nbytes <= self.cache_bytes:
                self._held[index] = frames
                self.held_bytes += frames.nbytes
            while self.held_bytes > self.cache_bytes:
                self.held_bytes -= self._held.popitem(last=False)[1].nbytes
        return frames
