"""Outcomes of decoding files, from earlier runs, keyed by what determines them: bytes, parameters, code.

A cached outcome equals a new one; rejections that depend on the machine are never cached.
"""

import hashlib
import json
from dataclasses import asdict, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.ipc as ipc

from components.common import artifacts, codelock
from components.corpus.data import Source
from components.ingest import data
from components.ingest.config import Config
from components.ingest.worker import Outcome, Rejected


class OutcomeCache:
    """One Arrow file per source, in a folder that may be deleted at any time."""

    def __init__(self, folder: Path, config: Config):
        fixed = replace(config, threads=1, max_error_rate=0.0, shard_digits=1)  # these three change no outcome
        key = json.dumps([asdict(fixed), codelock.modules("ingest")], sort_keys=True)
        self.folder = folder / hashlib.sha256(key.encode()).hexdigest()[:16]

    def get(self, source: Source) -> Outcome | None:
        """Return the outcome of decoding this source, or None."""
        path = self._path(source)
        if not path.is_file():
            return None
        with pa.memory_map(str(path)) as file:
            table = ipc.open_file(file).read_all()
            metadata = table.schema.metadata or {}
            if b"reason" in metadata:
                return Rejected(metadata[b"reason"].decode(), metadata[b"detail"].decode())
            return data.rows_of(table)

    def put(self, source: Source, outcome: Outcome) -> None:
        """Store an outcome, whole or not at all."""
        if isinstance(outcome, Rejected):
            if not outcome.repeatable:
                return
            schema = data.SCHEMA.with_metadata({"reason": outcome.reason, "detail": outcome.detail})
            table = schema.empty_table()
        else:
            table = data.table_of(outcome)
        path = self._path(source)
        path.parent.mkdir(parents=True, exist_ok=True)
        sink = pa.BufferOutputStream()
        with ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table)
        artifacts.replace_file(path, sink.getvalue().to_pybytes())

    def _path(self, source: Source) -> Path:
        return self.folder / source.sha256[:2] / f"{source.sha256}.arrow"
