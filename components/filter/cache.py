"""Measurements of clips from earlier runs, keyed by what determines them: bytes of shards, formats, networks, code.

Each shard has one file, named by the SHA-256 of its bytes, captions included, so shards that a later addition leaves
unchanged are not measured again. Limits, splits, licenses and threads are not part of the key. A cached measurement
equals a new one; a damaged file counts as absent; the folder may be deleted at any time.
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
from components.filter.rules import ClipScores
from components.filter.scoring import Measurement

NAMES = [field.name for field in fields(ClipScores)]
DIGEST_BYTES = hashlib.sha256().digest_size  # before the table in each file


class MeasurementCache:
    """One file per shard, with a row for each of its clips that was measured."""

    def __init__(self, folder: Path, config: Config, pretrained: Path):
        code = codelock.modules("filter", "scoring")
        key = json.dumps([asdict(config.formats), _networks(config, pretrained), code], sort_keys=True)
        self.folder = folder / hashlib.sha256(key.encode()).hexdigest()[:16]

    def get(self, shard: str) -> dict[int, Measurement]:
        """Return the measurements of a shard's clips by row; `shard` is its SHA-256."""
        table = _read(self._path(shard))
        return {row["row"]: _measurement(row) for row in table.to_pylist()} if table is not None else {}

    def put(self, shard: str, measurements: Mapping[int, Measurement]) -> None:
        """Store the measurements of a shard, whole or not at all."""
        rows = [
            {"row": row, "source_sha256": one.source_sha256, "confidence": one.confidence}
            | {"fingerprint": one.fingerprint.tobytes()}
            | asdict(one.scores)
            for row, one in sorted(measurements.items())
        ]
        sink = pa.BufferOutputStream()
        pq.write_table(pa.Table.from_pylist(rows), sink)
        content, path = sink.getvalue().to_pybytes(), self._path(shard)
        path.parent.mkdir(parents=True, exist_ok=True)
        artifacts.replace_file(path, hashlib.sha256(content).digest() + content)

    def _path(self, shard: str) -> Path:
        return self.folder / shard[:2] / f"{shard}.parquet"


def forget(folder: Path, source_sha256: str) -> None:
    """Delete the measurements, under any key, of shards with clips of a source: fingerprints are small images."""
    for path in folder.glob("*/*/*.parquet"):
        table = _read(path)
        if table is None or source_sha256 in table["source_sha256"].to_pylist():
            path.unlink(missing_ok=True)


def _networks(config: Config, pretrained: Path) -> list[list[object]]:
    """Model, labels and file hashes of each network in use."""
    attribute = config.balance.attribute
    uses = [("clip_score", config.clip_score.model, ()), ("attribute", attribute.model, attribute.labels)]
    uses += [("aesthetic", config.aesthetic.model, config.aesthetic.labels)]
    uses += [("unsafe", config.unsafe.model, config.unsafe.labels)]
    files = artifacts.read_manifest(pretrained).files
    return [
        [use, model, labels, {name: digest for name, digest in files.items() if name.startswith(f"{model}/")}]
        for use, model, labels in uses
        if model
    ]


def _read(path: Path) -> pa.Table | None:
    """Read the table of a file; None if the file is missing or damaged."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    digest, table = content[:DIGEST_BYTES], content[DIGEST_BYTES:]
    return pq.read_table(pa.BufferReader(table)) if hashlib.sha256(table).digest() == digest else None


def _measurement(row: dict[str, Any]) -> Measurement:
    scores = ClipScores(**{name: row[name] for name in NAMES})
    return Measurement(row["source_sha256"], scores, row["confidence"], np.frombuffer(row["fingerprint"], np.uint8))
