"""Token shards: one Arrow file per group of equal shapes, memory-mapped.

A group is a format (`clip`, `image_portrait`, ...); super-resolution pairs are groups of their own. A file holds one
record batch whose tensor columns are fixed-size lists, so a column is a NumPy view of the mapped file: opening a
group reads nothing, and rows are read when they are indexed.

Shapes: N rows, t h w the latent grid, L audio levels, F audio frames, D width of a text vector.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from components.common import artifacts

Codes = NDArray[np.int32]
Column = NDArray[Any] | Sequence[str]
GROUPS = ("image", "image_portrait", "clip", "clip_portrait", "long", "long_portrait")
CONDITION = "condition_"  # prefix of the columns with the codes of masked pixels, one per region


@dataclass(frozen=True)
class TokenGroup:
    """All clips of one format."""

    name: str
    clip_id: list[str]
    split: list[str]
    caption: list[str]
    start_s: NDArray[np.float64]
    end_s: NDArray[np.float64]
    motion: NDArray[np.float32]  # mean change from frame to frame, as ingest measured it; 0 for an image
    visual: Codes  # (N, t, h, w)
    structure: Codes | None  # (N, t, h, w) flow and depth; clips of the usual length only
    conditions: dict[str, Codes]  # region -> (N, t, h, w); clips of the usual length only
    audio: Codes | None  # (N, L, F); None for images
    audio_state: list[str]  # "audible", "silent" or "none"
    text: NDArray[np.float16]  # (N, text_tokens, D)
    text_length: NDArray[np.int32]  # (N,)
    weight: NDArray[np.float64]  # draws in training relative to the mean over all clips

    def __len__(self) -> int:
        return len(self.clip_id)


@dataclass(frozen=True)
class Pairs:
    """The same clips at low and high resolution, for one super-resolution stage."""

    clip_id: list[str]
    split: list[str]
    lr: Codes  # (N, t, h, w)
    hr: Codes  # (N, t, 2h, 2w)
    text: NDArray[np.float16]
    text_length: NDArray[np.int32]
    weight: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.clip_id)


class Tokens:
    """A folder of token shards."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.facts: dict[str, Any] = artifacts.read_manifest(folder).facts

    def formats(self) -> list[str]:
        """Return the names of the groups that have rows."""
        return [name for name in GROUPS if (self.folder / f"{name}.arrow").exists()]

    def group(self, name: str) -> TokenGroup:
        """Open one group; raises ValueError for one that has no rows."""
        if name not in self.formats():
            raise ValueError(f"{self.folder} has no tokens of format {name!r}, only {self.formats()}")
        found = columns(self.folder / f"{name}.arrow")
        values: dict[str, Any] = {field.name: found.get(field.name) for field in fields(TokenGroup)}
        values["conditions"] = {key.removeprefix(CONDITION): found[key] for key in found if key.startswith(CONDITION)}
        return TokenGroup(**values | {"name": name})

    def pairs(self, stage: str) -> Pairs:
        """Open the pairs of super-resolution `stage1` or `stage2`."""
        found = columns(self.folder / f"pairs_{stage}.arrow")
        return Pairs(**{field.name: found[field.name] for field in fields(Pairs)})


def columns(path: Path) -> dict[str, Any]:
    """Open one file: text columns as lists, all others as read-only views of the mapped file."""
    batch = pa.ipc.open_file(pa.memory_map(str(path))).get_batch(0)
    return {name: _values(batch.column(name)) for name in batch.schema.names}


def write(path: Path, values: Mapping[str, Column], facts: Mapping[str, Any]) -> None:
    """Write one group: lists as they are, arrays of more than one axis as fixed-size lists; `facts` go to the schema.

    Arrays may be memory-mapped: they are copied to the file page by page.
    """
    arrays = {name: _arrow(column) for name, column in values.items()}
    fields = [pa.field(name, array.type, nullable=False) for name, array in arrays.items()]
    schema = pa.schema(fields, metadata={"facts": json.dumps(facts, sort_keys=True)})
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, schema) as writer:
        writer.write_batch(pa.record_batch(list(arrays.values()), schema=schema))


def _arrow(column: Column) -> pa.Array:
    if isinstance(column, np.ndarray) and column.ndim > 1:
        return pa.FixedShapeTensorArray.from_numpy_ndarray(column)
    return pa.array(column, None if isinstance(column, np.ndarray) else pa.string())


def _values(array: pa.Array) -> Any:
    if isinstance(array, pa.FixedShapeTensorArray):
        return array.to_numpy_ndarray()
    return array.to_pylist() if pa.types.is_string(array.type) else array.to_numpy()
