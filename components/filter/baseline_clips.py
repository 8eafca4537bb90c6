"""Clips that earlier runs kept, with what is needed to recognize them and copies of them.

The kept clips of a fine-tune hold what it is trained and evaluated on, not what its base model was trained on. So a
table beside them lists every clip that was ever kept, and those that were held out since, with its fingerprint.
A folder without the table is the first of its line: it holds all that was kept.

Shapes: N clips, B bytes.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from components.filter import data, duplicates, mapped
from components.ingest.data import table_of
from components.media.arrays import Pixels

TABLE, FINGERPRINT = "baseline.parquet", "fingerprint"
COLUMNS = [field.name for field in fields(data.Clip)]
Fingerprints = Callable[[data.Clips, Sequence[int]], Pixels]  # of the clips at the given indices


@dataclass(frozen=True)
class BaselineClips:
    """Clips that earlier runs kept and their fingerprints, in one order."""

    clips: list[data.Clip]
    fingerprints: Pixels  # NB

    @property
    def sources(self) -> set[str]:
        """SHA-256 of the source files."""
        return {clip.source_sha256 for clip in self.clips}

    def new(self, clips: Sequence[data.Clip]) -> list[int]:
        """Return the indices of the clips whose sources are not in the baseline."""
        sources = self.sources
        return [index for index, clip in enumerate(clips) if clip.source_sha256 not in sources]


EMPTY_BASELINE = BaselineClips([], np.zeros((0, duplicates.FINGERPRINT_BYTES), np.uint8))


def clips(folder: Path) -> list[data.Clip]:
    """Return every clip that was kept up to and in a folder of kept clips."""
    table = folder / TABLE
    if not table.is_file():
        return list(data.Clips(folder))
    rows = pq.read_table(table, columns=COLUMNS).to_pylist()
    return [data.Clip(**{**row, "attributes": json.loads(row["attributes"])}) for row in rows]


def read(folder: Path, fingerprints: Fingerprints) -> BaselineClips:
    """Read the baseline that a folder of kept clips is; `fingerprints` computes those of a folder without a table."""
    table = folder / TABLE
    if not table.is_file():
        kept = data.Clips(folder)
        return BaselineClips(list(kept), fingerprints(kept, range(len(kept))))

    def prints(file: pq.ParquetFile) -> Iterator[Pixels]:
        for batch in file.iter_batches(columns=[FINGERPRINT]):
            for one in batch[FINGERPRINT].to_pylist():
                if len(one) != duplicates.FINGERPRINT_BYTES:
                    raise ValueError(
                        f"{folder} holds fingerprints of another kind: train everything again (`videopoet run`)"
                    )
                yield np.frombuffer(one, np.uint8)

    with pq.ParquetFile(table) as file:
        prints_NB = mapped.stacked(prints(file), file.metadata.num_rows, duplicates.FINGERPRINT_BYTES)
    return BaselineClips(clips(folder), prints_NB)


def write(folder: Path, baseline: BaselineClips) -> None:
    """Write the table into a folder of kept clips; describe the folder after."""
    rows = table_of(data.EncodedClip(clip, b"", b"") for clip in baseline.clips).select(COLUMNS)
    prints = pa.array([one.tobytes() for one in baseline.fingerprints], pa.binary())
    pq.write_table(rows.append_column(FINGERPRINT, prints), folder / TABLE, use_dictionary=False)
