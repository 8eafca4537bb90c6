"""Measurement of one part of the clips into the cache: several machines do this in parallel before one runs filter."""

from pathlib import Path

from components.common.progress import progress
from components.filter import baseline_clips, clip_measurements
from components.filter.config import Config
from components.filter.stage import open_clips


def run(config: Config, *, clips: Path, pretrained: Path, part: int, parts: int, known: Path | None = None) -> None:
    """Measure the clips of every `parts`-th shard, starting at shard number `part`.

    The machines must share VIDEOPOET_CACHE and, where networks are used, be of one kind. A part that fails loses
    nothing: filter measures what is missing.
    """
    if not 0 <= part < parts:
        raise ValueError(f"part must lie in [0, {parts}), got {part}")
    arrived = open_clips(config, clips)
    sources = {clip.source_sha256 for clip in baseline_clips.clips(known)} if known else set[str]()
    new = [index for index, clip in enumerate(arrived) if clip.source_sha256 not in sources]
    shards = list(clip_measurements.shards(arrived, new).values())
    mine = [index for index_of in shards[part::parts] for index in index_of.values()]
    measured = clip_measurements.measured(config, arrived, mine, pretrained)
    for _ in progress(measured, total=len(mine), unit="clips", label=f"filter part {part} of {parts}"):
        pass
