"""Kept clips: the same shards as ingest's, every clip with its split.

`Clips` reads them at random and holds nothing; `Frames` adds a cache with a limit, for those who read again and again.
How often a training clip is drawn stands in a table beside the shards: it depends on all clips, and shards must not.
"""

import threading
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from components.common.formats import Format
from components.ingest.data import Clip, Clips, Pixels, Row, Samples, facts, with_split, write

__all__ = [
    "SCORES",
    "Clip",
    "Clips",
    "Frames",
    "Pixels",
    "Row",
    "Samples",
    "draw_weights",
    "facts",
    "with_split",
    "write",
    "write_weights",
]
SCORES = "scores.parquet"  # beside the shards: every clip that arrived, its scores, and why it was dropped if it was
WEIGHTS = "weights.parquet"  # every clip to train on and its weight; not there where all weigh the same
BALANCE = "balance.parquet"  # concepts, and labels of an attribute, with their shares of the draws before and after


def write_weights(folder: Path, clip_ids: Sequence[str], weights_N: NDArray[np.float32]) -> None:
    """Write the weights of the clips to train on; describe the folder after."""
    table = pa.table({"clip_id": pa.array(clip_ids, pa.string()), "weight": weights_N})
    pq.write_table(table, folder / WEIGHTS, use_dictionary=False)


def draw_weights(clips: Clips) -> NDArray[np.float64]:
    """How often each clip is drawn in training, while one of the average is drawn once; 1 for what is held out."""
    path, found = clips.folder / WEIGHTS, np.ones(len(clips))
    if path.is_file():
        table = pq.read_table(path)
        rows = pc.index_in(clips.table["clip_id"], value_set=table["clip_id"].combine_chunks())
        training = pc.equal(clips.table["split"], "train").to_numpy(zero_copy_only=False)
        if len(missing := np.flatnonzero(training & rows.is_null().to_numpy(zero_copy_only=False))):
            raise ValueError(f"{path} has no weight of {len(missing)} training clips: run filter again")
        found[training] = table["weight"].to_numpy()[rows.to_numpy()[training].astype(np.int64)]
    return found


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
