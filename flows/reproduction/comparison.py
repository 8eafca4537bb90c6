"""Comparison of two files of the same name.

Numbers are compared in metrics and other JSON, CSV, safetensors, Parquet and Arrow: two numbers agree if they differ by
at most the tolerance times the larger one, two arrays if by at most the tolerance times their largest value. Any other
file agrees only if it is equal, so media that were encoded from different pixels differ.
"""

import csv
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.common.artifacts import MANIFEST

FLOOR = 1e-6  # absolute tolerance
NAMED = 3  # differences shown
HASHES = ("files", "inputs")  # keys of a manifest that follow from the files, which are compared themselves
TYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "i1"}


@dataclass(frozen=True)
class FileComparison:
    """Agreement of two files within the tolerance, and the difference as text."""

    agrees: bool
    text: str


def compare(old: Path, new: Path, tolerance: float) -> FileComparison:
    """Compare two files, depending on the suffix of the new one."""
    match new.suffix:
        case ".json":
            return values(_json(old), _json(new), tolerance)
        case ".csv":
            return values(_csv(old), _csv(new), tolerance)
        case ".safetensors":
            return arrays(_tensors(old), _tensors(new), tolerance)
        case ".parquet" | ".arrow":
            return _tables(old, new, tolerance)
        case _:
            return FileComparison(False, "its bytes differ")


def values(old: Mapping[str, Any], new: Mapping[str, Any], tolerance: float) -> FileComparison:
    """Compare named values."""
    differ = [name for name in sorted({*old, *new}) if name not in old or name not in new or old[name] != new[name]]
    far = [name for name in differ if not _near(old.get(name), new.get(name), tolerance)]
    shown = [f"{name} {old.get(name, 'none')} → {new.get(name, 'none')}" for name in (far or differ)[:NAMED]]
    more = f" and {len(differ) - len(shown)} more" if len(differ) > len(shown) else ""
    return FileComparison(not far, f"{', '.join(shown)}{more}" if differ else "its values are equal")


def arrays(old: Mapping[str, NDArray[Any]], new: Mapping[str, NDArray[Any]], tolerance: float) -> FileComparison:
    """Compare named arrays."""
    if old.keys() != new.keys() or any(old[name].shape != new[name].shape for name in old):
        return FileComparison(False, "its arrays have other names or shapes")
    worst, furthest, agrees = "", 0.0, True
    for name, before in old.items():
        if before.size:
            one, other = before.astype(np.float64), new[name].astype(np.float64)
            distance = float(np.max(np.abs(one - other)))
            agrees &= distance <= max(FLOOR, tolerance * float(max(np.max(np.abs(one)), np.max(np.abs(other)))))
            if not distance <= furthest:  # NaN is furthest
                worst, furthest = name, distance
    return FileComparison(agrees, f"largest absolute difference {furthest:.3g}{f', in {worst}' if worst else ''}")


def _near(old: Any, new: Any, tolerance: float) -> bool:
    numbers = [value for value in (old, new) if isinstance(value, int | float) and not isinstance(value, bool)]
    if len(numbers) < 2:
        return bool(old == new)
    return bool(abs(old - new) <= max(FLOOR, tolerance * max(abs(old), abs(new))))


def _json(path: Path) -> dict[str, Any]:
    content = json.loads(path.read_text())
    if path.name.endswith(MANIFEST):
        content = {key: value for key, value in content.items() if key not in HASHES}
    return dict(_leaves("", content))


def _leaves(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict | list):
        for key, part in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _leaves(f"{name}.{key}" if name else str(key), part)
    else:
        yield name, value


def _csv(path: Path) -> dict[str, Any]:
    with path.open(newline="") as file:
        cells = (
            (f"row {row} column {column}", cell)
            for row, line in enumerate(csv.reader(file))
            for column, cell in enumerate(line)
        )
        return {name: _number(cell) for name, cell in cells}


def _number(cell: str) -> float | str:
    try:
        return float(cell)
    except ValueError:
        return cell


def _tensors(path: Path) -> dict[str, NDArray[Any]]:
    """Map the tensors of a safetensors file: the header is JSON, bfloat16 the upper half of float32."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(length))
    tensors = {}
    for name, about in header.items():
        if name != "__metadata__":
            kind, start = np.dtype(TYPES.get(about["dtype"], "u1")), 8 + length + about["data_offsets"][0]
            count = (about["data_offsets"][1] - about["data_offsets"][0]) // kind.itemsize
            flat = np.memmap(path, kind, "r", start, (count,)) if count else np.empty(0, kind)
            tensors[name] = (flat.astype("<u4") << 16).view("<f4") if about["dtype"] == "BF16" else flat
    return tensors


def _tables(old: Path, new: Path, tolerance: float) -> FileComparison:
    one, other = _table(old), _table(new)
    if one.schema != other.schema or one.num_rows != other.num_rows:
        return FileComparison(False, f"its table has {one.num_rows} → {other.num_rows} rows, or other columns")
    import pyarrow as pa

    numbers: list[dict[str, NDArray[Any]]] = [{}, {}]
    for name in one.column_names:
        if one[name].equals(other[name]):
            continue
        for found, table in zip(numbers, (one, other), strict=True):
            column = table[name].combine_chunks()
            while pa.types.is_list(column.type) or pa.types.is_fixed_size_list(column.type):
                column = column.flatten()
            if not (pa.types.is_integer(column.type) or pa.types.is_floating(column.type)):
                return FileComparison(False, f"its column {name} differs")
            found[name] = column.to_numpy(zero_copy_only=False)
    return arrays(numbers[0], numbers[1], tolerance)


def _table(path: Path) -> Any:
    import pyarrow as pa
    import pyarrow.parquet as pq

    if path.suffix == ".parquet":
        return pq.read_table(path)
    with pa.memory_map(str(path)) as file:
        return pa.ipc.open_file(file).read_all()
