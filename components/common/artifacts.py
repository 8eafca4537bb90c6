"""An output folder as an artifact: complete or absent, and described by its manifest.

The manifest names every file with its hash, so the hash of the manifest is the identity of the folder.
Nothing in it depends on when, where or how fast the folder was made.
"""

import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

MANIFEST = "manifest.json"
SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Summary:
    """Counts of a stage: items written, and items dropped by reason."""

    counts: dict[str, int] = field(default_factory=dict)
    dropped: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Manifest:
    """The description of an artifact."""

    schema_version: int
    kind: str
    inputs: dict[str, str]
    counts: dict[str, int]
    dropped: dict[str, int]
    facts: dict[str, Any]
    files: dict[str, str]


@contextmanager
def fresh(output: Path) -> Iterator[Path]:
    """Give a new folder beside `output` that replaces it only if the block succeeds.

    Leftovers of an earlier, killed attempt are removed. On failure nothing stays and `output` is untouched.
    """
    output = output.absolute()
    beside = output.with_name(f".{output.name}.partial")
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir(parents=True)
    try:
        yield beside
        if not (beside / MANIFEST).exists():
            raise AssertionError(f"{output.name}: describe() must be the last call before the folder is whole")
        for path in sorted(beside.rglob("*")):
            _sync(path)
        _sync(beside)
        shutil.rmtree(output, ignore_errors=True)
        beside.rename(output)
        _sync(output.parent)
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        raise


def describe(
    folder: Path,
    kind: str,
    *,
    inputs: Mapping[str, Path | None],
    counts: Mapping[str, int],
    dropped: Mapping[str, int] | None = None,
    facts: Mapping[str, Any] | None = None,
) -> Summary:
    """Write `folder`'s manifest, hashing every file in it; `inputs` that are None were not given and are left out."""
    manifest = Manifest(
        SCHEMA_VERSION,
        kind,
        {name: digest(path) for name, path in sorted(inputs.items()) if path is not None},
        dict(sorted(counts.items())),
        dict(sorted((dropped or {}).items())),
        dict(facts or {}),
        {str(path.relative_to(folder)): hash_file(path) for path in sorted(folder.rglob("*")) if path.is_file()},
    )
    write_json(folder / MANIFEST, asdict(manifest))
    return Summary(manifest.counts, manifest.dropped)


def read_manifest(folder: Path) -> Manifest:
    """Read an artifact's manifest; raises ValueError if the folder is not a whole artifact of this version."""
    path = folder / MANIFEST
    if not path.is_file():
        raise ValueError(f"{folder} is not a finished artifact (it has no {MANIFEST}): run the stage that makes it")
    values = json.loads(path.read_text())
    if values.get("schema_version") != SCHEMA_VERSION:
        raise ValueError(f"{path} has schema version {values.get('schema_version')}, this code reads {SCHEMA_VERSION}")
    return Manifest(**values)


def digest(path: Path) -> str:
    """Return the identity of an artifact as hex: the hash of a folder's manifest, or of a single file's bytes."""
    if path.is_file():
        return hash_file(path)
    read_manifest(path)
    return hash_file(path / MANIFEST)


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file's bytes as hex, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_json(path: Path, value: Any) -> None:
    """Write JSON with sorted keys, so that equal values are equal bytes; NaN and infinity raise ValueError."""
    path.write_text(json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n")


def replace_file(path: Path, content: bytes) -> None:
    """Write `content` to `path` so that a reader, or a crash, sees the old bytes or the new ones, never a part.

    Several processes may write the same path at once, from several machines too: the last one wins.
    """
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")
    try:
        beside.write_bytes(content)
        _sync(beside)
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
