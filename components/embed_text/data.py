"""Text vectors as memory-mapped Arrow files, found by caption.

Captions are unique and sorted across files, so a lookup is a binary search and nothing is held in memory.
Shapes: N vectors of one caption, D width.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from components.common import artifacts

KIND = "embeddings"
Vectors = npt.NDArray[np.float16]
SCHEMA = pa.schema([("caption", pa.large_string()), ("vectors", pa.large_list(pa.float16()))])


def shard_name(number: int) -> str:
    """Return the file name of a shard; names sort as their captions do."""
    return f"embeddings-{number:06d}.arrow"


def shard(captions: Sequence[str], vectors: Sequence[Vectors]) -> bytes:
    """Return one Arrow IPC file: captions in order, each with its vectors (N, D) row by row."""
    offsets = np.cumsum([0, *(each.size for each in vectors)])
    values = np.concatenate([each.reshape(-1) for each in vectors]) if vectors else np.empty(0, np.float16)
    lists = pa.LargeListArray.from_arrays(pa.array(offsets, pa.int64()), pa.array(values, pa.float16()))
    batch = pa.record_batch([pa.array(captions, pa.large_string()), lists], schema=SCHEMA)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, SCHEMA) as writer:
        writer.write_batch(batch)
    content: bytes = sink.getvalue().to_pybytes()
    return content


class Embeddings:
    """Text vectors of every caption; the empty caption has none."""

    def __init__(self, folder: Path):
        facts = artifacts.read_manifest(folder).facts
        self.width: int = facts["width"]
        self._shards = [_open(path) for path in sorted(folder.glob("*.arrow"))]
        self._firsts = [shard.column(0)[0].as_py() for shard in self._shards]

    def __len__(self) -> int:
        return sum(shard.num_rows for shard in self._shards)

    def lookup(self, caption: str) -> Vectors:
        """Return the vectors (N, D) of a caption; raises KeyError for one that was not embedded."""
        if not caption.strip():
            return np.empty((0, self.width), np.float16)
        number = bisect_right(self._firsts, caption) - 1
        if number >= 0:
            captions, vectors = self._shards[number].columns
            row = bisect_left(range(len(captions)), caption, key=lambda index: captions[index].as_py())
            if row < len(captions) and captions[row].as_py() == caption:
                found: Vectors = vectors[row].values.to_numpy().reshape(-1, self.width)
                return found
        raise KeyError(f"no vectors for the caption {caption!r}: embed the clips that it belongs to")


def _open(path: Path) -> pa.RecordBatch:
    return pa.ipc.open_file(pa.memory_map(str(path))).get_batch(0)
