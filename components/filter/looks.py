"""Clips -> what was seen of them, shard by shard: by an earlier run, or now and kept for the next.

A run that was stopped goes on at the shard, and memory is that of the shards in work. The scores of all clips are then
what each has alone and what its caption is among the others.
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
from components.filter.cache import Cache
from components.filter.config import Config
from components.filter.rules import Scores
from components.filter.scoring import Seen

IN_FLIGHT = 16  # clips per thread that are looked at beyond the first shard in work, where shards are small


@dataclass(frozen=True)
class Shard:
    """One shard in work: its clips by their rows, what is known of them, and what is being looked at."""

    sha256: str
    places: dict[int, int]
    known: dict[int, Seen]
    looks: dict[int, Future[Seen]]


def scores(
    config: Config, clips: data.Clips, places: Sequence[int], pretrained: Path
) -> tuple[list[Scores], data.Pixels]:
    """Scores and fingerprints of some clips, in their order; captions are compared within all of them."""
    shown = progress(looks(config, clips, places, pretrained), total=len(places), unit="clips", label="filter")
    prints_NB = mapped.empty((len(places), duplicates.FINGERPRINT_BYTES), np.uint8)
    number_of = {place: number for number, place in enumerate(places)}
    seen: dict[int, tuple[Scores, float]] = {}
    for place, one in shown:
        prints_NB[number_of[place]] = one.fingerprint
        seen[place] = one.scores, one.sureness or 0.0
    known = list(clips)
    wordings = captions.wordings((known[place].caption, known[place].source_sha256) for place in places)

    def whole(place: int) -> Scores:
        (alone, sureness), caption = seen[place], known[place].caption
        said = asdict(wordings[caption]) if caption in wordings else {}
        is_sure = sureness >= config.balance.attribute.min_probability
        return replace(alone, **said, attribute=alone.attribute if is_sure else None)

    return [whole(place) for place in places], prints_NB


def looks(config: Config, clips: data.Clips, places: Sequence[int], pretrained: Path) -> Iterator[tuple[int, Seen]]:
    """Places of clips with what is seen of them, by shards; clips side by side, networks only where there is need."""
    kept = Cache(runtime.current().cache / "filter", config, pretrained)
    files = artifacts.read_manifest(clips.folder).files
    judge = cache(lambda: scoring.judge_of(config, pretrained))
    pool = ThreadPoolExecutor(config.threads)

    def begun(sha256: str, of_shard: dict[int, int]) -> Shard:
        known = kept.get(sha256)
        missing = {row: place for row, place in of_shard.items() if row not in known}
        at_work = {row: pool.submit(scoring.look, config, clips, place, judge()) for row, place in missing.items()}
        return Shard(sha256, of_shard, known, at_work)

    def ended(shard: Shard) -> Iterator[tuple[int, Seen]]:
        for row, place in shard.places.items():
            if row in shard.looks:
                shard.known[row] = shard.looks[row].result()
            yield place, shard.known[row]
        if shard.looks:
            kept.put(shard.sha256, shard.known)

    try:
        waiting: deque[Shard] = deque()
        for name, of_shard in shards(clips, places).items():
            waiting.append(begun(files[name], of_shard))
            while sum(len(shard.places) for shard in waiting) > IN_FLIGHT * config.threads:
                yield from ended(waiting.popleft())
        while waiting:
            yield from ended(waiting.popleft())
    finally:
        pool.shutdown(cancel_futures=True)


def shards(clips: data.Clips, places: Sequence[int]) -> dict[str, dict[int, int]]:
    """Name of each shard that some clips lie in -> their rows there, with their places, in the order of the clips."""
    found: dict[str, dict[int, int]] = {}
    for place in places:
        name, row = clips.shard(place)
        found.setdefault(name, {})[row] = place
    return found
