"""corpus + sources -> clips.

Every file that arrives, or was named and refused, either gives clips or stands in the quarantine with its reason, so
that kept + sum(dropped) = arrived. What is gone or forgotten does not arrive. Of files with the same bytes one is
taken. Clips come in the order of their batches, so that a later addition leaves earlier shards as they are; order and
bytes do not depend on how many files are decoded side by side.
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
from components.ingest import data, places
from components.ingest.cache import Cache
from components.ingest.config import Config
from components.ingest.data import Row
from components.ingest.expectations import clips_expectations
from components.ingest.worker import Outcome, Refused, Worker

QUARANTINE = pa.schema([(name, pa.string()) for name in ("id", "path", "stage", "reason", "detail")])
IN_FLIGHT = 4  # files per worker that are decoded ahead of being written


def run(config: Config, *, corpus: Path, sources: Path, output: Path) -> artifacts.Summary:
    """Decode every source of both tables; raises DataError when too many are refused or a gate breaks."""
    arrived, roots = arrivals(corpus, sources)
    refused: list[tuple[Source, Refused]] = []
    with artifacts.fresh(output) as folder:
        taken = progress(outcomes(config, arrived, roots), total=len(arrived), unit="files", label="ingest")
        clips = data.write(folder, _rows(taken, refused), shard_digits=config.shard_digits)
        _write_quarantine(folder / "quarantine.parquet", refused)
        _stop_at_ceiling(config, refused, len(arrived))
        counts = {"arrived": len(arrived), "kept": len(arrived) - len(refused), "clips": clips}
        dropped = Counter(outcome.reason for _, outcome in refused)
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
    """What there is in both tables, by batch, and where each alias lies; raises ValueError if one is not known.

    Bytes that must be forgotten are refused under any other name.
    """
    roots: dict[str, Path | str] = {"": corpus, **runtime.current().roots}
    listed = read_sources(corpus / TABLE) + read_sources(sources)
    barred = {source.sha256 for source in listed if source.state == "forgotten"}
    arrived = [
        replace(source, state="refused", reason="forgotten", attributes={}) if source.sha256 in barred else source
        for source in sorted(listed, key=_place)
        if source.state in ("present", "refused")
    ]
    if unknown := sorted({source.root for source in arrived} - roots.keys()):
        raise ValueError(
            f"no folder is known for the sources of {', '.join(unknown)}: run `videopoet sources add`; in a cluster,"
            " name the volume claim that holds them under `media` in k8s/placement.yaml"
        )
    return arrived, roots


def _place(source: Source) -> tuple[int, str]:
    """Where it comes: by its batch, then by its bytes, so that a new name changes no order; a corpus as it is."""
    return source.batch, source.sha256 if source.batch else ""


def outcomes(
    config: Config, arrived: list[Source], roots: Mapping[str, Path | str]
) -> Iterator[tuple[Source, Outcome]]:
    """Decode files side by side and give their outcomes in the order of arrival."""
    cache = Cache(runtime.current().cache / "ingest", config)
    scratch = runtime.current().scratch / "at hand"
    described: dict[str, Source] = {}  # of files with the same bytes the first of those with a caption, and a licence
    for source in sorted(arrived, key=lambda source: (source.caption == "", source.licence == "")):
        described.setdefault(source.sha256, source)
    with ExitStack() as stack:
        idle: SimpleQueue[Worker] = SimpleQueue()
        for _ in range(config.threads):
            idle.put(stack.enter_context(Worker(config)))

        def decode(source: Source) -> Outcome:
            if source.state == "refused":
                return Refused(source.reason, source.attributes.get("detail", "it was named, but is not taken"))
            if described[source.sha256] is not source:
                return Refused("duplicate", "the same bytes as another file")
            if (cached := cache.get(source)) is not None:
                return cached
            worker = idle.get()
            try:
                with places.at_hand(source, roots[source.root], scratch) as path:
                    outcome = worker.outcome(path, source)
            except FileNotFoundError:
                return Refused("missing_file", "there is nothing under its name", repeatable=False)
            finally:
                idle.put(worker)
            cache.put(source, outcome)
            return outcome

        pool = stack.enter_context(ThreadPoolExecutor(config.threads))
        waiting = iter(arrived)
        while batch := list(islice(waiting, IN_FLIGHT * config.threads)):
            yield from zip(batch, pool.map(decode, batch), strict=True)


def _rows(taken: Iterator[tuple[Source, Outcome]], refused: list[tuple[Source, Refused]]) -> Iterator[Row]:
    for source, outcome in taken:
        if isinstance(outcome, Refused):
            refused.append((source, outcome))
        else:
            yield from (_labelled(row, source) for row in outcome)


def _labelled(row: Row, source: Source) -> Row:
    clip = replace(
        row.clip,
        caption=source.caption,
        licence=source.licence,
        root=source.root,
        split=source.split,
        attributes={**source.attributes, **({"language": source.language} if source.language else {})},
    )
    return replace(row, clip=clip, batch=source.batch)


def _write_quarantine(path: Path, refused: list[tuple[Source, Refused]]) -> None:
    rows = [
        {
            "id": source.sha256,
            "path": f"{source.root}/{source.path}".lstrip("/"),
            "stage": "ingest",
            "reason": outcome.reason,
            "detail": outcome.detail,
        }
        for source, outcome in refused
    ]
    pq.write_table(pa.Table.from_pylist(rows, schema=QUARANTINE), path, use_dictionary=False)


def _stop_at_ceiling(config: Config, refused: list[tuple[Source, Refused]], arrived: int) -> None:
    wrong = [(source, outcome) for source, outcome in refused if outcome.reason not in ("duplicate", "forgotten")]
    if len(wrong) <= config.max_error_rate * arrived:
        return
    reasons = Counter(outcome.reason for _, outcome in wrong).most_common()
    first = "; ".join(f"{source.path}: {outcome.reason} ({outcome.detail})" for source, outcome in wrong[:5])
    raise DataError(
        f"{len(wrong)} of {arrived} files were refused, more than ingest.max_error_rate = {config.max_error_rate}"
        f" allows: {', '.join(f'{count} {reason}' for reason, count in reasons)}. First ones: {first}"
    )
