"""Media files and what is known of them: folders with a table of sources.

`sources.parquet` has one row a file and content, sorted by root, path and hash. Paths are relative with forward
slashes; `root` is the alias of a folder or store that lies elsewhere, or "" for the folder that the table itself lies
in. A user's own media come in by a table of the same columns, which remembers what went, too: see `state`.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Literal

import pyarrow as pa
import pyarrow.parquet as pq

TABLE = "sources.parquet"
SPLITS = ("train", "heldout", "")
State = Literal[
    "present",
    "gone",  # it was here, or these bytes were
    "forgotten",  # somebody asked to delete it: these bytes are never decoded again, whatever their name
    "refused",  # it was named, and for `reason` never looked into; it has no hash
]
SCHEMA = pa.schema(
    [
        ("root", pa.string()),
        ("path", pa.string()),
        ("size_bytes", pa.int64()),
        ("sha256", pa.string()),
        ("caption", pa.string()),
        ("licence", pa.string()),
        ("language", pa.string()),
        ("split", pa.string()),
        ("attributes", pa.string()),  # JSON object: the free columns, text -> text
        ("archive", pa.string()),
        ("offset_bytes", pa.int64()),
        ("state", pa.string()),
        ("reason", pa.string()),
        ("batch", pa.int32()),
    ]
)


@dataclass(frozen=True)
class Source:
    """One media file. `split` "" leaves the choice to the filter; caption, licence and language "" are not known.

    A member of a tar stands in `archive`, a path as `path` is, from `offset_bytes` on; else `archive` is "".
    `batch` numbers the addition with which it came, from 1: clips of one batch share their shards, so that later
    additions leave those as they are. A rendered corpus is batch 0. Of what is refused, `attributes` holds no more than
    `detail`, which says in a few words what `reason` leaves open.
    """

    root: str
    path: str
    size_bytes: int
    sha256: str
    caption: str = ""
    licence: str = ""
    language: str = ""
    split: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)
    archive: str = ""
    offset_bytes: int = 0
    state: State = "present"
    reason: str = ""
    batch: int = 0

    def __post_init__(self) -> None:
        if self.state != "refused" and any(map(leaves, (self.path, self.archive))):
            raise ValueError(f"{self.path}: the path of a source must stay inside its root folder")
        if self.split not in SPLITS:
            raise ValueError(f"{self.path}: split must be train, heldout or empty, got {self.split!r}")


def leaves(path: str) -> bool:
    """Whether a path with forward slashes leads out of the folder that it is relative to."""
    return PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts


def table_of(sources: Iterable[Source]) -> pa.Table:
    """Make the table, sorted, from sources."""
    rows = [
        {**vars(source), "attributes": json.dumps(dict(source.attributes), sort_keys=True, ensure_ascii=False)}
        for source in sorted(sources, key=lambda source: (source.root, source.path, source.sha256))
    ]
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def sources_of(table: pa.Table) -> list[Source]:
    """Make sources from a table."""
    return [Source(**{**row, "attributes": json.loads(row["attributes"])}) for row in table.to_pylist()]


def write(path: Path, sources: Iterable[Source]) -> None:
    """Write a table of sources; equal sources give equal bytes."""
    pq.write_table(table_of(sources), path, compression="zstd", use_dictionary=False)


def read(path: Path) -> list[Source]:
    """Read a table of sources; raises ValueError if it is no such table."""
    try:
        table = pq.read_table(path, use_threads=False)
    except (OSError, pa.ArrowInvalid) as error:
        raise ValueError(f"{path.name} is not a table of sources: {error}") from None
    if missing := [name for name in SCHEMA.names if name not in table.schema.names]:
        raise ValueError(f"{path.name} is not a table of sources: columns {', '.join(missing)} are missing")
    return sources_of(table.select(SCHEMA.names).cast(SCHEMA))
