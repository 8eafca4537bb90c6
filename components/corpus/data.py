"""Tables of sources: media files, in a folder or store, and their metadata.

`sources.parquet` has one row per file and content, sorted by root, path and hash. Paths are relative with forward
slashes; `root` is the alias of a folder or store elsewhere, or "" for the folder of the table itself. A user's own
media come in by a table of the same columns, which also remembers what was removed: see `state`.
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
    "gone",  # the file, or its bytes of then, is no longer there
    "forgotten",  # its deletion was requested: these bytes are never decoded again, under any name
    "refused",  # it was listed but not read, for `reason`; it has no hash
]
SCHEMA = pa.schema(
    [
        ("root", pa.string()),
        ("path", pa.string()),
        ("size_bytes", pa.int64()),
        ("sha256", pa.string()),
        ("caption", pa.string()),
        ("license", pa.string()),
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
FORMER_NAMES = {"licence": "license"}  # of columns in tables written before 0.1.0


@dataclass(frozen=True)
class Source:
    """One media file. `split` "" leaves the choice to the filter; caption, license and language "" are not known.

    A member of a tar has the tar as `archive`, a path like `path`, and starts at `offset_bytes`; else `archive` is "".
    `batch` numbers the addition with which it came, from 1: clips of one batch share their shards, so that later
    additions leave those unchanged. A rendered corpus is batch 0. For a refused source, `attributes` holds at most
    `detail`, a short explanation of `reason`.
    """

    root: str
    path: str
    size_bytes: int
    sha256: str
    caption: str = ""
    license: str = ""
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
    """Return True if a path with forward slashes leads out of the folder it is relative to."""
    return PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts


def table_of(sources: Iterable[Source]) -> pa.Table:
    """Return the sorted table of sources."""
    rows = [
        {**vars(source), "attributes": json.dumps(dict(source.attributes), sort_keys=True, ensure_ascii=False)}
        for source in sorted(sources, key=lambda source: (source.root, source.path, source.sha256))
    ]
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def sources_of(table: pa.Table) -> list[Source]:
    """Return the sources of a table."""
    return [Source(**{**row, "attributes": json.loads(row["attributes"])}) for row in table.to_pylist()]


def write(path: Path, sources: Iterable[Source]) -> None:
    """Write a table of sources; equal sources give equal bytes."""
    pq.write_table(table_of(sources), path, compression="zstd", use_dictionary=False)


def read(path: Path) -> list[Source]:
    """Read a table of sources, also one with former column names; raises ValueError if it is no such table."""
    try:
        table = pq.read_table(path, use_threads=False)
    except (OSError, pa.ArrowInvalid) as error:
        raise ValueError(f"{path.name} is not a table of sources: {error}") from None
    names = table.schema.names
    table = table.rename_columns([name if name in SCHEMA.names else FORMER_NAMES.get(name, name) for name in names])
    if missing := [name for name in SCHEMA.names if name not in table.schema.names]:
        raise ValueError(f"{path.name} is not a table of sources: columns {', '.join(missing)} are missing")
    return sources_of(table.select(SCHEMA.names).cast(SCHEMA))
