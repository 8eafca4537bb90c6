"""corpus + sources -> clips.

Every file that arrives, refused ones included, either gives clips or is listed in the quarantine with its reason, so
that kept + sum(dropped) = arrived. Sources that are gone or forgotten do not arrive. Of files with the same bytes one
is used. Clips come in the order of their batches, so that a later addition leaves earlier shards unchanged; order and
bytes do not depend on the number of files decoded in parallel.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from itertools import islice
from pathlib import Path
from queue import SimpleQueue

import pyarrow as pa
import pyarrow.parquet as pq

from components.common import artifacts, gates, runtime
from components.common.errors import DataError
from components.common.progress import progress
from components.corpus.data import TABLE, Source
from components.corpus.data import read as read_sources
from components.ingest import data, storage
from components.ingest.cache import OutcomeCache
from components.ingest.config import Config
from components.ingest.data import EncodedClip
from components.ingest.expectations import clips_expectations
from components.ingest.worker import Outcome, Rejected, Worker

QUARANTINE = pa.schema([(name, pa.string()) for name in ("id", "path", "stage", "reason", "detail")])
IN_FLIGHT = 4  # files per worker that are decoded ahead of the writer


def run(config: Config, *, corpus: Path, sources: Path, output: Path) -> artifacts.Summary:
    """Decode every source of both tables; raises DataError when too many are refused or a gate breaks."""
    arrived, roots = arrivals(corpus, sources)
    rejected: list[tuple[Source, Rejected]] = []
    with artifacts.fresh(output) as folder:
        decoded = progress(outcomes(config, arrived, roots), total=len(arrived), unit="files", label="ingest")
        clips = data.write(folder, _rows(decoded, rejected), shard_digits=config.shard_digits)
        _write_quarantine(folder / "quarantine.parquet", rejected)
        _stop_at_ceiling(config, rejected, len(arrived))
        counts = {"arrived": len(arrived), "kept": len(arrived) - len(rejected), "clips": clips}
        dropped = Counter(outcome.reason for _, outcome in rejected)
        summary = artifacts.describe(
            folder,
            "clips",
            inputs={"corpus": corpus, "sources": sources},
            counts=counts,
            dropped=dropped,
            facts=data.facts(config.formats),
        )
        gates.check(data.Clips(folder).table, clips_expectations(config.formats), "clips")
    return summary


def arrivals(corpus: Path, sources: Path) -> tuple[list[Source], Mapping[str, Path | str]]:
    """Return the sources of both tables by batch, and the root of each alias; raises ValueError for an unknown alias.

    Bytes that must be forgotten are refused under any other name.
    """
    roots: dict[str, Path | str] = {"": corpus, **runtime.current().roots}
    listed = read_sources(corpus / TABLE) + read_sources(sources)
    barred = {source.sha256 for source in listed if source.state == "forgotten"}
    arrived = [
        replace(source, state="refused", reason="forgotten", attributes={}) if source.sha256 in barred else source
        for source in sorted(listed, key=_order)
        if source.state in ("present", "refused")
    ]
    if unknown := sorted({source.root for source in arrived} - roots.keys()):
        raise ValueError(
            f"no folder is known for the sources of {', '.join(unknown)}: run `videopoet sources add`; in a cluster,"
            " name the volume claim that holds them under `media` in k8s/placement.yaml"
        )
    return arrived, roots


def _order(source: Source) -> tuple[int, str]:
    """Sort by batch, then by hash, so that a new name changes no order; a corpus keeps its own order."""
    return source.batch, source.sha256 if source.batch else ""


def outcomes(
    config: Config, arrived: list[Source], roots: Mapping[str, Path | str]
) -> Iterator[tuple[Source, Outcome]]:
    """Decode files in parallel and yield their outcomes in the order of arrival."""
    cache = OutcomeCache(runtime.current().cache / "ingest", config)
    scratch = runtime.current().scratch / "local copies"
    described: dict[str, Source] = {}  # of files with the same bytes, the first with a caption, and with a license
    for source in sorted(arrived, key=lambda source: (source.caption == "", source.license == "")):
        described.setdefault(source.sha256, source)
    with ExitStack() as stack:
        idle: SimpleQueue[Worker] = SimpleQueue()
        for _ in range(config.threads):
            idle.put(stack.enter_context(Worker(config)))

        def decode(source: Source) -> Outcome:
            if source.state == "refused":
                return Rejected(source.reason, source.attributes.get("detail", "it was named, but is not taken"))
            if described[source.sha256] is not source:
                return Rejected("duplicate", "the same bytes as another file")
            if (cached := cache.get(source)) is not None:
                return cached
            worker = idle.get()
            try:
                with storage.local_copy(source, roots[source.root], scratch) as path:
                    outcome = worker.outcome(path, source)
            except FileNotFoundError:
                return Rejected("missing_file", "there is nothing under its name", repeatable=False)
            finally:
                idle.put(worker)
            cache.put(source, outcome)
            return outcome

        pool = stack.enter_context(ThreadPoolExecutor(config.threads))
        waiting = iter(arrived)
        while batch := list(islice(waiting, IN_FLIGHT * config.threads)):
            yield from zip(batch, pool.map(decode, batch), strict=True)


def _rows(decoded: Iterator[tuple[Source, Outcome]], rejected: list[tuple[Source, Rejected]]) -> Iterator[EncodedClip]:
    for source, outcome in decoded:
        if isinstance(outcome, Rejected):
            rejected.append((source, outcome))
        else:
            yield from (_described(row, source) for row in outcome)


def _described(row: EncodedClip, source: Source) -> EncodedClip:
    clip = replace(
        row.clip,
        caption=source.caption,
        license=source.license,
        root=source.root,
        split=source.split,
        attributes={**source.attributes, **({"language": source.language} if source.language else {})},
    )
    return replace(row, clip=clip, batch=source.batch)


def _write_quarantine(path: Path, rejected: list[tuple[Source, Rejected]]) -> None:
    rows = [
        {
            "id": source.sha256,
            "path": f"{source.root}/{source.path}".lstrip("/"),
            "stage": "ingest",
            "reason": outcome.reason,
            "detail": outcome.detail,
        }
        for source, outcome in rejected
    ]
    pq.write_table(pa.Table.from_pylist(rows, schema=QUARANTINE), path, use_dictionary=False)


def _stop_at_ceiling(config: Config, rejected: list[tuple[Source, Rejected]], arrived: int) -> None:
    wrong = [(source, outcome) for source, outcome in rejected if outcome.reason not in ("duplicate", "forgotten")]
    if len(wrong) <= config.max_error_rate * arrived:
        return
    reasons = Counter(outcome.reason for _, outcome in wrong).most_common()
    first = "; ".join(f"{source.path}: {outcome.reason} ({outcome.detail})" for source, outcome in wrong[:5])
    raise DataError(
        f"{len(wrong)} of {arrived} files were refused, more than ingest.max_error_rate = {config.max_error_rate}"
        f" allows: {', '.join(f'{count} {reason}' for reason, count in reasons)}. First ones: {first}"
    )
