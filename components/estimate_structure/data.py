"""Structure clips as files: Parquet, compressed with zstd, in small row groups so that one clip is read cheaply."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from cachetools import LRUCache

from components.media.arrays import Pixels

CLIPS_PER_FILE = 4096
CLIPS_PER_ROW_GROUP = 32
ROW_GROUPS_KEPT = 4
SCHEMA = pa.schema(
    [
        ("clip_id", pa.string()),
        ("shape", pa.list_(pa.int32(), 4)),
        ("pixels", pa.binary()),
    ]
)


def write(folder: Path, structures: Iterable[tuple[str, Pixels]]) -> int:
    """Write (clip id, uint8 THWC) pairs in the given order; returns how many."""
    count = 0
    writer: pq.ParquetWriter | None = None
    rows: list[tuple[str, Pixels]] = []
    for count, row in enumerate(structures, start=1):
        if (count - 1) % CLIPS_PER_FILE == 0:
            if writer is not None:
                writer.close()
            writer = pq.ParquetWriter(
                folder / f"structure-{(count - 1) // CLIPS_PER_FILE:05d}.parquet", SCHEMA, compression="zstd"
            )
        rows.append(row)
        if writer is not None and len(rows) == CLIPS_PER_ROW_GROUP:
            writer.write_table(_table(rows))
            rows = []
    if writer is not None:
        if rows:
            writer.write_table(_table(rows))
        writer.close()
    return count


class Structures:
    """Flow and depth of clips, by clip id: `id in structures`, `structures.pixels(id)`."""

    def __init__(self, folder: Path):
        self._files = [pq.ParquetFile(path) for path in sorted(folder.glob("structure-*.parquet"))]
        self._rows: dict[str, tuple[int, int, int]] = {}  # file, row group and row of each clip
        self._kept: LRUCache[tuple[int, int], pa.Table] = LRUCache(ROW_GROUPS_KEPT)
        for number, file in enumerate(self._files):
            for group in range(file.num_row_groups):
                names = file.read_row_group(group, columns=["clip_id"])["clip_id"].to_pylist()
                self._rows |= {name: (number, group, row) for row, name in enumerate(names)}

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, clip_id: str) -> bool:
        return clip_id in self._rows

    def pixels(self, clip_id: str) -> Pixels:
        """Return flow right, flow down and nearness as bytes (T, H, W, 3); KeyError for a clip without structure."""
        number, group, row = self._rows[clip_id]
        table = self._row_group(number, group)
        shape = table["shape"][row].as_py()
        return np.frombuffer(table["pixels"][row].as_buffer(), dtype=np.uint8).reshape(shape)

    def _row_group(self, number: int, group: int) -> pa.Table:
        if (number, group) not in self._kept:
            self._kept[number, group] = self._files[number].read_row_group(group)
        return self._kept[number, group]


def _table(rows: list[tuple[str, Pixels]]) -> pa.Table:
    columns = {
        "clip_id": [clip_id for clip_id, _ in rows],
        "shape": [pixels.shape for _, pixels in rows],
        "pixels": [pixels.tobytes() for _, pixels in rows],
    }
    return pa.table(columns, schema=SCHEMA)
