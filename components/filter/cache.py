"""What looks at clips gave before, kept by what decides it: bytes of shards, formats, networks, code.

A shard of clips has one file, named by the hash of its bytes, captions included, so that shards that a later addition
leaves as they are need no second look. Limits, splits, licences and threads decide nothing here. What was looked at is
what a look would give again; a file that is damaged counts as none, and the folder is safe to delete at any time.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from components.common import artifacts, codelock
from components.filter.config import Config
from components.filter.rules import Scores
from components.filter.scoring import Seen

NAMES = [field.name for field in fields(Scores)]
DIGEST_BYTES = hashlib.sha256().digest_size  # before the table in each file


class Cache:
    """One file for each shard: a row for each of its clips that was looked at."""

    def __init__(self, folder: Path, config: Config, pretrained: Path):
        code = codelock.modules("filter", "scoring")
        decisive = json.dumps([asdict(config.formats), _networks(config, pretrained), code], sort_keys=True)
        self.folder = folder / hashlib.sha256(decisive.encode()).hexdigest()[:16]

    def get(self, shard: str) -> dict[int, Seen]:
        """What was seen of the clips of a shard, by their rows in it; `shard` is its SHA-256."""
        table = _read(self._path(shard))
        return {row["row"]: _seen(row) for row in table.to_pylist()} if table is not None else {}

    def put(self, shard: str, seen: Mapping[int, Seen]) -> None:
        """Keep what was seen of a shard, whole or not at all."""
        rows = [
            {"row": row, "source_sha256": one.source_sha256, "sureness": one.sureness}
            | {"fingerprint": one.fingerprint.tobytes()}
            | asdict(one.scores)
            for row, one in sorted(seen.items())
        ]
        sink = pa.BufferOutputStream()
        pq.write_table(pa.Table.from_pylist(rows), sink)
        content, path = sink.getvalue().to_pybytes(), self._path(shard)
        path.parent.mkdir(parents=True, exist_ok=True)
        artifacts.replace_file(path, hashlib.sha256(content).digest() + content)

    def _path(self, shard: str) -> Path:
        return self.folder / shard[:2] / f"{shard}.parquet"


def forget(folder: Path, source_sha256: str) -> None:
    """Delete, whatever decided it, what was seen of shards that hold clips of a source: fingerprints are pictures."""
    for path in folder.glob("*/*/*.parquet"):
        table = _read(path)
        if table is None or source_sha256 in table["source_sha256"].to_pylist():
            path.unlink(missing_ok=True)


def _networks(config: Config, pretrained: Path) -> list[list[object]]:
    """What judges clips: for each use the model, its labels, and the hashes of its files."""
    attribute = config.balance.attribute
    uses = [("match", config.match.model, ()), ("attribute", attribute.model, attribute.labels)]
    uses += [("aesthetic", config.aesthetic.model, config.aesthetic.labels)]
    uses += [("unsafe", config.unsafe.model, config.unsafe.labels)]
    files = artifacts.read_manifest(pretrained).files
    return [
        [use, model, labels, {name: digest for name, digest in files.items() if name.startswith(f"{model}/")}]
        for use, model, labels in uses
        if model
    ]


def _read(path: Path) -> pa.Table | None:
    """The table of a file, None where there is none or where it is not what was written."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    digest, table = content[:DIGEST_BYTES], content[DIGEST_BYTES:]
    return pq.read_table(pa.BufferReader(table)) if hashlib.sha256(table).digest() == digest else None


def _seen(row: dict[str, Any]) -> Seen:
    scores = Scores(**{name: row[name] for name in NAMES})
    return Seen(row["source_sha256"], scores, row["sureness"], np.frombuffer(row["fingerprint"], np.uint8))
