"""Parquet shards of clips: names, writing, and files kept open for reading.

The shard of a clip is named by the batch of its source and the first digits of its id, so a later addition leaves the
shards of earlier batches unchanged to the byte. Equal rows give equal bytes.
"""

import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from components.ingest.records import METADATA, SCHEMA, EncodedClip, table_of

ROWS = 8  # per row group: what reading one clip's bytes touches
OPEN = 64  # shards that each thread keeps open: opening one costs twice as much as reading a clip's bytes


def write(folder: Path, rows: Iterable[EncodedClip], *, shard_digits: int = 1) -> int:
    """Write shards into `folder`, rows in the given order, which must be that of their batches.

    Returns the number of rows. Describe the folder after.
    """
    written = 0
    for batch, of_batch in groupby(rows, key=lambda row: row.batch):
        if any(folder.glob(f"{_stem(batch)}-*")):
            raise AssertionError(f"rows of batch {batch} come after those of another batch")
        written += _write_batch(folder / _stem(batch), of_batch, shard_digits)
    return written


def shards_of(folder: Path) -> list[Path]:
    """Return the shards of a folder, by batch and name."""
    return sorted(folder.glob("clips-*.parquet"), key=lambda path: (batch_of(path), path.name))


def batch_of(shard: Path) -> int:
    """Return the batch of a shard."""
    return int(shard.stem.split("-")[1])


class ShardReader:
    """Reads columns of shards; each thread keeps the files it used last open.

    Two threads must not read one open file at the same time. Safe to use from several threads.
    """

    def __init__(self, shards: Sequence[Path]):
        self.shards = shards
        self._footers = [pq.read_metadata(path, memory_map=True) for path in shards]
        self._local = threading.local()

    def metadata(self, shard: int) -> pa.Table:
        """Read the metadata columns of a shard."""
        with self._opened(shard) as file:
            return file.read(columns=METADATA, use_threads=False)

    def media(self, shard: int, row: int, columns: Sequence[str]) -> list[bytes]:
        """Read binary columns of one row."""
        group = self._kept_open(shard).read_row_group(row // ROWS, columns=list(columns), use_threads=False)
        return [group[name][row % ROWS].as_py() for name in columns]

    def _kept_open(self, shard: int) -> pq.ParquetFile:
        """Return an open file of this thread; closes the least recently used one if there are too many."""
        files: OrderedDict[int, pq.ParquetFile] = self._local.__dict__.setdefault("files", OrderedDict())
        if shard not in files:
            files[shard] = self._opened(shard)
            if len(files) > OPEN:
                files.popitem(last=False)[1].close(force=True)
        files.move_to_end(shard)
        return files[shard]

    def _opened(self, shard: int) -> pq.ParquetFile:
        return pq.ParquetFile(pa.memory_map(str(self.shards[shard])), metadata=self._footers[shard])


def _stem(batch: int) -> str:
    return f"clips-{batch:04d}"


def _write_batch(stem: Path, rows: Iterable[EncodedClip], shard_digits: int) -> int:
    waiting: dict[str, list[EncodedClip]] = {}
    writers: dict[str, pq.ParquetWriter] = {}
    written = 0

    def flush(shard: str) -> None:
        if shard not in writers:
            # Media do not compress further, and without dictionaries equal rows give equal bytes.
            path = stem.with_name(f"{stem.name}-{shard}.parquet")
            writers[shard] = pq.ParquetWriter(path, SCHEMA, compression="none", use_dictionary=False)
        writers[shard].write_table(table_of(waiting.pop(shard)), row_group_size=ROWS)

    try:
        for row in rows:
            shard = row.clip.clip_id[:shard_digits]
            waiting.setdefault(shard, []).append(row)
            written += 1
            if len(waiting[shard]) == ROWS:
                flush(shard)
        for shard in sorted(waiting):
            flush(shard)
    finally:
        for writer in writers.values():
            writer.close()
    return written
