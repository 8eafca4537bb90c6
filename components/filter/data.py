"""Kept clips: the same shards as ingest's, every clip with its split.

`Clips` gives random access and caches nothing; `Frames` adds a cache of decoded frames with a memory limit. Draw
weights are in a table beside the shards: they depend on all clips, and shards must not.
"""

import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from cachetools import LRUCache
from numpy.typing import NDArray

from components.common.formats import Format
from components.ingest.data import Clip, Clips, EncodedClip, Samples, facts, with_split, write
from components.media.arrays import Pixels

__all__ = [
    "SCORES",
    "Clip",
    "Clips",
    "EncodedClip",
    "Frames",
    "Pixels",
    "Samples",
    "draw_weights",
    "facts",
    "with_split",
    "write",
    "write_weights",
]
SCORES = "scores.parquet"  # beside the shards: every clip that arrived, its scores, and why it was dropped if it was
WEIGHTS = "weights.parquet"  # every training clip and its weight; absent where all weights are equal
BALANCE = "balance.parquet"  # concepts and labels of an attribute, with their shares of the draws before and after


def write_weights(folder: Path, clip_ids: Sequence[str], weights_N: NDArray[np.float32]) -> None:
    """Write the weights of the training clips; describe the folder after."""
    table = pa.table({"clip_id": pa.array(clip_ids, pa.string()), "weight": weights_N})
    pq.write_table(table, folder / WEIGHTS, use_dictionary=False)


def draw_weights(clips: Clips) -> NDArray[np.float64]:
    """Return the draws of each clip in training relative to the mean; 1 for held-out clips."""
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
    """Decoded frames of one format, in a least-recently-used cache of at most `cache_bytes`.

    The arrays are shared, so they are read-only. Safe to use from several threads.
    """

    def __init__(self, clips: Clips, form: Format, cache_bytes: int):
        self.clips, self.form = clips, form
        self.cache: LRUCache[int, Pixels] = LRUCache(cache_bytes, getsizeof=lambda frames: frames.nbytes)
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self.clips)

    def __getitem__(self, index: int) -> Pixels:
        """Return clip `index` as (T, H, W, 3) uint8 of the format."""
        with self._lock:
            held = self.cache.get(index)
        if held is not None:
            return held
        frames = self.clips.pixels(index, self.form)
        frames.flags.writeable = False
        with self._lock:
            if frames.nbytes <= self.cache.maxsize:
                self.cache[index] = frames
        return frames
