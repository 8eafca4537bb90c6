"""A folder or a manifest of somebody's media -> a table of sources.

A folder gives every file in it; captions come from a manifest beside them (`manifest.csv`, `captions.csv`, or the same
as .jsonl or .parquet) or from a text file of the same name. A manifest gives the files it names, relative to itself,
with all its columns: path, caption, licence, split; any other column is an attribute.
"""

import csv
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from components.corpus.data import SCHEMA, SPLITS, Source, read, sources_of, table_of, write

__all__ = ["SCHEMA", "Source", "merge", "read", "scan", "sources_of", "table_of", "write"]

TABLES = (".csv", ".jsonl", ".parquet")
BESIDE = tuple(name + suffix for name in ("manifest", "captions") for suffix in TABLES)
NOT_MEDIA = {".txt", ".md", ".csv", ".json", ".jsonl", ".parquet", ".yaml", ".yml"}
KNOWN = {"path", "file", "caption", "licence", "license", "split"}
DERIVED = {"root", "size_bytes", "sha256", "bytes"}


def scan(folder_or_manifest: Path, *, root: str) -> pa.Table:
    """List media under the alias `root`, which stands for the folder (of the manifest); raises ValueError."""
    if not root:
        raise ValueError("the alias of a folder of media must not be empty")
    if folder_or_manifest.is_dir():
        return table_of(_folder(folder_or_manifest, root))
    if folder_or_manifest.suffix not in TABLES or not folder_or_manifest.is_file():
        raise ValueError(f"{folder_or_manifest} is neither a folder nor a manifest ({', '.join(TABLES)})")
    folder, rows = folder_or_manifest.parent, _manifest(folder_or_manifest)
    missing = sorted(path for path in rows if not (folder / path).is_file())
    if missing:
        raise ValueError(f"{folder_or_manifest.name} names {len(missing)} files that do not exist, first {missing[0]}")
    return table_of(_source(folder, path, row, root) for path, row in rows.items())


def merge(old: pa.Table, new: pa.Table) -> pa.Table:
    """Put `new` sources in the place of `old` ones of the same root."""
    roots = set(new["root"].to_pylist())
    return table_of([source for source in sources_of(old) if source.root not in roots] + sources_of(new))


def _folder(folder: Path, root: str) -> list[Source]:
    files = sorted(path for path in folder.rglob("*") if path.is_file() and not _hidden(path.relative_to(folder)))
    described: dict[str, Mapping[str, str]] = {}
    for path in files:
        if path.name in BESIDE:
            described |= {
                (path.parent / name).relative_to(folder).as_posix(): row
                for name, row in _manifest(path).items()
                if (path.parent / name).resolve().is_relative_to(folder.resolve())
            }
    media = [path for path in files if path.suffix.lower() not in NOT_MEDIA]
    names = [path.relative_to(folder).as_posix() for path in media]
    return [
        _source(folder, name, described.get(name) or _text_beside(path), root)
        for name, path in zip(names, media, strict=True)
    ]


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _text_beside(path: Path) -> Mapping[str, str]:
    text = path.with_suffix(".txt")
    return {"caption": " ".join(text.read_text(errors="replace").split())} if text.is_file() else {}


def _manifest(path: Path) -> dict[str, Mapping[str, str]]:
    """Rows of a manifest by path; numbers and truth values become text, empty cells are left out."""
    rows: list[dict[str, Any]]
    if path.suffix == ".csv":
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
    elif path.suffix == ".jsonl":
        rows = [json.loads(line) for line in path.read_text().splitlines() if line.strip()]
    else:
        rows = pq.read_table(path).to_pylist()
    texts = [{key: _text(value) for key, value in row.items() if key and value not in (None, "")} for row in rows]
    unnamed = [number for number, row in enumerate(texts, start=1) if "path" not in row and "file" not in row]
    if unnamed:
        raise ValueError(f"{path.name}: row {unnamed[0]} has no `path`")
    return {row.get("path") or row["file"]: row for row in texts}


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _source(folder: Path, name: str, row: Mapping[str, str], root: str) -> Source:
    path = folder / name
    split = row.get("split", "")
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return Source(
        root=root,
        path=Path(name).as_posix(),
        size_bytes=path.stat().st_size,
        sha256=sha256,
        caption=row.get("caption", ""),
        licence=row.get("licence", row.get("license", "")),
        split=split if split in SPLITS else "",
        attributes={key: value for key, value in row.items() if key not in KNOWN | DERIVED},
    )
