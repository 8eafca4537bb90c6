"""Compare the artifacts of two runs through a table of renamed keys: every tensor, column, token, sample and score.

    OMP_NUM_THREADS=1 python benchmarks/renames.py OLD NEW

OLD and NEW are checkouts with a finished run of the same profile, OLD made by the code before names changed. Names come
from `renames.yaml` beside this script; whatever is not listed there must be called the same in both. Prints one row an
artifact and ends with 1 if a value differs or one side has more than the other. Not compared: hashes of inputs, since
they cover renamed keys, and pages.
"""

import argparse
import csv
import hashlib
import json
import re
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import recording
import yaml
from safetensors import safe_open

PAGES = {".html", ".png", ".svg", ".css", ".js"}
HASH = re.compile(r"^[0-9a-f]{32}(\.dir)?$|^[0-9a-f]{64}$")


@dataclass(frozen=True)
class Names:
    """Renamed words, patterns of tensors and files, and parameters by their full path."""

    words: Mapping[str, Mapping[str, str]]
    patterns: Mapping[str, str]
    tensors: Mapping[str, str]
    files: Mapping[str, str]
    params: Mapping[str, str]
    added: Mapping[str, list[Any]]
    removed: list[str]
    ignored: frozenset[str]
    where: str = ""

    @classmethod
    def read(cls, path: Path) -> "Names":
        found = yaml.safe_load(path.read_text())
        return cls(**found | {"ignored": frozenset(found["ignored"])})

    def word(self, name: str) -> str:
        """Return the new name of a key, column or score in the file at `where`; scores are renamed part by part."""
        words = {old: new for scope, of in self.words.items() if re.match(scope, self.where) for old, new in of.items()}
        if name in words:
            return words[name]
        name = "".join(words.get(part, part) for part in re.split(r"([/\[\]@. ])", name))
        for old, new in self.patterns.items():
            name = re.sub(old, new, name)
        return name

    def tensor(self, name: str) -> str:
        for old, new in self.tensors.items():
            name = re.sub(old, new, name)
        return name

    def file(self, name: str) -> str:
        for old, new in self.files.items():
            name = re.sub(old, new, name)
        return name

    def param(self, path: str) -> str:
        """Return the new path of a parameter, by the longest listed path that it lies under (`*` is any one part)."""
        parts = path.split(".")
        for length in range(len(parts), 0, -1):
            for old, new in self.params.items():
                pattern = old.split(".")
                if len(pattern) == length and all(p in ("*", q) for p, q in zip(pattern, parts, strict=False)):
                    stars = iter(q for p, q in zip(pattern, parts, strict=False) if p == "*")
                    renamed = [next(stars) if part == "*" else part for part in new.split(".")]
                    return ".".join([*renamed, *parts[length:]])
        return path


def renamed(value: Any, names: Names) -> Any:
    """Return a JSON value with renamed keys and strings, without hashes."""
    if isinstance(value, dict):
        return {names.word(str(key)): renamed(item, names) for key, item in value.items() if key not in names.ignored}
    if isinstance(value, list):
        return [renamed(item, names) for item in value]
    if isinstance(value, str):
        return "" if HASH.match(value) else names.word(value)
    return value


def differing(old: Any, new: Any, path: str = "") -> Iterator[str]:
    """Name the places at which two JSON values differ."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted(old.keys() | new.keys()):
            if key not in old or key not in new:
                yield f"{path}/{key} only {'before' if key in old else 'after'}"
            else:
                yield from differing(old[key], new[key], f"{path}/{key}")
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        if all(isinstance(item, str) for item in [*old, *new]):  # names in the order of their spelling
            old, new = sorted(old), sorted(new)
        for index, pair in enumerate(zip(old, new, strict=True)):
            yield from differing(*pair, f"{path}/{index}")
    elif old != new and not (old != old and new != new):
        yield f"{path}: {str(old)[:60]!r} -> {str(new)[:60]!r}"


def tensors(old: Path, new: Path, names: Names) -> tuple[int, list[str]]:
    """Compare the tensors of two safetensors files bit by bit."""
    with safe_open(old, "np") as before, safe_open(new, "np") as after:
        pairs = {names.tensor(key): key for key in sorted(before.keys())}
        faults = [f"{key} only before" for key in pairs.keys() - set(after.keys())]
        faults += [f"{key} only after" for key in set(after.keys()) - pairs.keys()]
        for key in pairs.keys() & set(after.keys()):
            left, right = before.get_tensor(pairs[key]), after.get_tensor(key)
            if left.dtype != right.dtype or left.shape != right.shape or left.tobytes() != right.tobytes():
                faults.append(f"{key}: other values")
        return len(pairs), faults


def table(path: Path) -> pa.Table:
    """Read a Parquet file or an Arrow file, extension types as what they store."""
    found = pq.read_table(path) if path.suffix == ".parquet" else pa.ipc.open_file(path).read_all()
    columns = [
        pa.chunked_array([chunk.storage for chunk in column.chunks], type=column.type.storage_type)
        if isinstance(column.type, pa.BaseExtensionType)
        else column
        for column in found.columns
    ]
    return pa.table(dict(zip(found.column_names, columns, strict=True)))


def columns(old: Path, new: Path, names: Names) -> tuple[int, list[str]]:
    """Compare two tables column by column; strings are renamed where they are names."""
    before, after = table(old), table(new)
    pairs = {names.word(name): name for name in before.column_names}
    faults = [f"{name} only before" for name in pairs.keys() - set(after.column_names)]
    faults += [f"{name} only after" for name in set(after.column_names) - pairs.keys()]
    for name in pairs.keys() & set(after.column_names):
        left, right = before[pairs[name]], after[name]
        if left.type != right.type:
            faults.append(f"{name}: {left.type} -> {right.type}")
        elif not left.equals(right) and texts(left, names) != texts(right, names):
            faults.append(f"{name}: other values")
    return before.num_rows * len(pairs), faults


def texts(column: pa.ChunkedArray, names: Names) -> list[Any]:
    """Return a column's values with names renamed; JSON within strings is read first."""
    values = []
    for value in column.to_pylist():
        if isinstance(value, str) and value[:1] in ("{", "["):
            value = json.loads(value)
        values.append(repr(renamed(value, names)))
    return values


def curve(path: Path) -> list[dict[str, str]]:
    """Read the rows of a CSV file."""
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def compare(old: Path, new: Path, names: Names) -> tuple[str, int, list[str]]:
    """Compare two files by their kind; returns what was counted, how many, and the faults."""
    match old.suffix:
        case ".safetensors":
            return "tensors", *tensors(old, new, names)
        case ".parquet" | ".arrow":
            return "cells", *columns(old, new, names)
        case ".json":
            before, after = (json.loads(path.read_text()) for path in (old, new))
            before, after = renamed(before, names), renamed(after, replace(names, words={}, patterns={}))
            faults = list(differing(before, after))
            return "JSON values", size(before), faults
        case ".csv":
            before, after = curve(old), curve(new)
            mapped = [{names.word(key): names.word(value) for key, value in row.items()} for row in before]
            return "rows", len(before), list(differing(mapped, after))
        case _:
            same = hashlib.sha256(old.read_bytes()).digest() == hashlib.sha256(new.read_bytes()).digest()
            return "files", 1, [] if same else ["other bytes"]


def size(value: Any) -> int:
    """Count the values in a tree of dicts and lists."""
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 1 if items is None else sum(map(size, items))


def leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Yield every value of a tree of dicts with its path, lists whole only in params."""
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from leaves(item, (*path, str(key)))
    else:
        yield ".".join(path), value


def compare_params(old: Path, new: Path, names: Names) -> tuple[str, int, list[str]]:
    """Compare two complete params.yaml: each old value under its new path, new keys with a listed value."""
    before, after = (dict(leaves(yaml.safe_load(path.read_text()))) for path in (old, new))
    kept = {path: value for path, value in before.items() if not any(matches(old, path) for old in names.removed)}
    expected = {names.param(path): value for path, value in kept.items()}
    faults = [
        f"{path}: {value!r} -> {after.get(path, 'nothing')!r}"
        for path, value in expected.items()
        if renamed(value, names) != after.get(path)
    ]
    for path in after.keys() - expected.keys():
        if not any(matches(pattern, path) and after[path] in values for pattern, values in names.added.items()):
            faults.append(f"{path} is new with {after[path]!r}")
    return "params", len(before), faults


def matches(pattern: str, path: str) -> bool:
    """Tell whether a path is that of a pattern in which `*` stands for one part."""
    old, parts = pattern.split("."), path.split(".")
    return len(old) == len(parts) and all(p in ("*", q) for p, q in zip(old, parts, strict=True))


def artifacts(root: Path) -> list[str]:
    """List what a run made, by paths relative to its checkout; pages and pictures of curves are left out."""
    found = [path for folder in ("data", "models", "metrics") for path in (root / folder).rglob("*") if path.is_file()]
    shown = [path for path in found if path.suffix not in PAGES or "corpus" in path.parts]
    return sorted(path.relative_to(root).as_posix() for path in shown)


def main() -> int:
    """Print one row an artifact folder and return 1 if anything differs."""
    recording.begin()
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path)
    parser.add_argument("--table", type=Path, default=Path(__file__).with_suffix(".yaml"))
    arguments = parser.parse_args()
    old, new, names = arguments.old, arguments.new, Names.read(arguments.table)
    counts: Counter[tuple[str, str]] = Counter()
    kind, number, faults = compare_params(old / "params.yaml", new / "params.yaml", names)
    counts["params.yaml", kind] = number
    faults = [f"params.yaml: {fault}" for fault in faults]
    pairs = {names.file(name): name for name in artifacts(old)}
    present = set(artifacts(new))
    faults += [f"{name} only before" for name in pairs.keys() - present]
    faults += [f"{name} only after" for name in present - pairs.keys()]
    for name in sorted(pairs.keys() & present):
        kind, number, found = compare(old / pairs[name], new / name, replace(names, where=name))
        counts["/".join(name.split("/")[:2]), kind] += number
        faults += [f"{name}: {fault}" for fault in found]
    for (where, kind), number in counts.items():
        wrong = sum(fault.startswith(where) for fault in faults)
        print(f"{where:40} {number:>10,} {kind:12} {'equal' if not wrong else f'{wrong} differ'}")
    for fault in faults:
        print(f"DIFFERS {fault}")
    profile = (new / "params.yaml").read_text().partition("`")[2].partition("`")[0]
    recording.record(f"values compared under the renaming table, profile {profile}", counts.total())
    recording.record(f"of them different, profile {profile}", len(faults), target="= 0")
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main())
