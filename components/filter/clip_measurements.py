"""Measurements of clips, shard by shard: from the cache of earlier runs, or computed now and cached.

A run that was stopped resumes at the shard where it stopped, and only the shards in flight are held in memory. The
scores of all clips combine what is measured of each alone with the comparison of its caption to all others.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np

from components.common import artifacts, runtime
from components.common.progress import progress
from components.filter import captions, data, duplicates, mapped, scoring
from components.filter.cache import MeasurementCache
from components.filter.config import Config
from components.filter.rules import ClipScores
from components.filter.scoring import Measurement
from components.media.arrays import Pixels

IN_FLIGHT = 16  # clips per thread that are measured ahead of the first shard in flight, where shards are small


@dataclass(frozen=True)
class MeasuredShard:
    """One shard in flight: clip indices by row, cached measurements, and those being computed."""

    sha256: str
    index_of: dict[int, int]
    done: dict[int, Measurement]
    running: dict[int, Future[Measurement]]


def scores(
    config: Config, clips: data.Clips, indices: Sequence[int], pretrained: Path
) -> tuple[list[ClipScores], Pixels]:
    """Return scores and fingerprints of the clips at `indices`, in that order; captions are compared among them."""
    shown = progress(measured(config, clips, indices, pretrained), total=len(indices), unit="clips", label="filter")
    prints_NB = mapped.empty((len(indices), duplicates.FINGERPRINT_BYTES), np.uint8)
    number_of = {index: number for number, index in enumerate(indices)}
    found: dict[int, tuple[ClipScores, float]] = {}
    for index, one in shown:
        prints_NB[number_of[index]] = one.fingerprint
        found[index] = one.scores, one.confidence or 0.0
    every = list(clips)
    wordings = captions.wordings((every[index].caption, every[index].source_sha256) for index in indices)

    def complete(index: int) -> ClipScores:
        (alone, confidence), caption = found[index], every[index].caption
        text = asdict(wordings[caption]) if caption in wordings else {}
        is_sure = confidence >= config.balance.attribute.min_probability
        return replace(alone, **text, attribute=alone.attribute if is_sure else None)

    return [complete(index) for index in indices], prints_NB


def measured(
    config: Config, clips: data.Clips, indices: Sequence[int], pretrained: Path
) -> Iterator[tuple[int, Measurement]]:
    """Yield clip indices with their measurements, shard by shard; networks are loaded only if a clip needs them."""
    cached = MeasurementCache(runtime.current().cache / "filter", config, pretrained)
    files = artifacts.read_manifest(clips.folder).files
    classifiers = cache(lambda: scoring.load_classifiers(config, pretrained))
    pool = ThreadPoolExecutor(config.threads)

    def started(sha256: str, index_of: dict[int, int]) -> MeasuredShard:
        done = cached.get(sha256)
        running = {
            row: pool.submit(scoring.measure, config, clips, index, classifiers())
            for row, index in index_of.items()
            if row not in done
        }
        return MeasuredShard(sha256, index_of, done, running)

    def finished(shard: MeasuredShard) -> Iterator[tuple[int, Measurement]]:
        for row, index in shard.index_of.items():
            if row in shard.running:
                shard.done[row] = shard.running[row].result()
            yield index, shard.done[row]
        if shard.running:
            cached.put(shard.sha256, shard.done)

    try:
        waiting: deque[MeasuredShard] = deque()
        for name, index_of in shards(clips, indices).items():
            waiting.append(started(files[name], index_of))
            while sum(len(shard.index_of) for shard in waiting) > IN_FLIGHT * config.threads:
                yield from finished(waiting.popleft())
        while waiting:
            yield from finished(waiting.popleft())
    finally:
        pool.shutdown(cancel_futures=True)


def shards(clips: data.Clips, indices: Sequence[int]) -> dict[str, dict[int, int]]:
    """Map the name of each shard with some of the clips to their rows and indices, in the order of the clips."""
    found: dict[str, dict[int, int]] = {}
    for index in indices:
        name, row = clips.shard(index)
        found.setdefault(name, {})[row] = index
    return found
