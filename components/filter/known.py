"""What was kept before: what must be known of a clip to know it, or a copy of it, when it comes again.

The kept clips of a fine-tune hold what it learns from and what it is measured on, not what its base learnt from. So a
table beside them lists every clip that was ever kept, those that were held out since included, with its fingerprint.
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

TABLE, FINGERPRINT = "known.parquet", "fingerprint"
COLUMNS = [field.name for field in fields(data.Clip)]
Fingerprints = Callable[[data.Clips, Sequence[int]], data.Pixels]  # of some clips, by their places


@dataclass(frozen=True)
class Known:
    """Clips of the past and their fingerprints, in one order."""

    clips: list[data.Clip]
    fingerprints: data.Pixels  # NB

    @property
    def sources(self) -> set[str]:
        """Hashes of the files that they are from."""
        return {clip.source_sha256 for clip in self.clips}


NOTHING = Known([], np.zeros((0, duplicates.FINGERPRINT_BYTES), np.uint8))


def clips(folder: Path) -> list[data.Clip]:
    """Every clip that was kept up to and in a folder of kept clips."""
    table = folder / TABLE
    if not table.is_file():
        return list(data.Clips(folder))
    rows = pq.read_table(table, columns=COLUMNS).to_pylist()
    return [data.Clip(**{**row, "attributes": json.loads(row["attributes"])}) for row in rows]


def read(folder: Path, fingerprints: Fingerprints) -> Known:
    """The past of a folder of kept clips, itself included; `fingerprints` looks at clips that have none yet."""
    table = folder / TABLE
    if not table.is_file():
        kept = data.Clips(folder)
        return Known(list(kept), fingerprints(kept, range(len(kept))))

    def prints(file: pq.ParquetFile) -> Iterator[data.Pixels]:
        for batch in file.iter_batches(columns=[FINGERPRINT]):
            for one in batch[FINGERPRINT].to_pylist():
                if len(one) != duplicates.FINGERPRINT_BYTES:
                    raise ValueError(
                        f"{folder} holds fingerprints of another kind: train everything again (`videopoet run`)"
                    )
                yield np.frombuffer(one, np.uint8)

    with pq.ParquetFile(table) as file:
        prints_NB = mapped.stacked(prints(file), file.metadata.num_rows, duplicates.FINGERPRINT_BYTES)
    return Known(clips(folder), prints_NB)


def write(folder: Path, known: Known) -> None:
    """Write the table into a folder of kept clips; describe the folder after."""
    rows = table_of(data.Row(clip, b"", b"") for clip in known.clips).select(COLUMNS)
    prints = pa.array([one.tobytes() for one in known.fingerprints], pa.binary())
    pq.write_table(rows.append_column(FINGERPRINT, prints), folder / TABLE, use_dictionary=False)
