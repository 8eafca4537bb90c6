"""One part of the clips, looked at for the cache: what several machines do side by side before one runs filter."""

from pathlib import Path

from components.common.progress import progress
from components.filter import known as past
from components.filter import looks
from components.filter.config import Config
from components.filter.stage import opened


def run(config: Config, *, clips: Path, pretrained: Path, part: int, parts: int, known: Path | None = None) -> None:
    """Look at the clips of every `parts`-th shard from number `part` on.

    The machines must share VIDEOPOET_CACHE and, where networks judge, be of one kind. Nothing is lost with a part that
    fails: filter looks at what is not there.
    """
    if not 0 <= part < parts:
        raise ValueError(f"part must lie in [0, {parts}), got {part}")
    arrived = opened(config, clips)
    sources = {clip.source_sha256 for clip in past.clips(known)} if known else set[str]()
    new = [place for place, clip in enumerate(arrived) if clip.source_sha256 not in sources]
    mine = [place for rows in list(looks.shards(arrived, new).values())[part::parts] for place in rows.values()]
    looked_at = looks.looks(config, arrived, mine, pretrained)
    for _ in progress(looked_at, total=len(mine), unit="clips", label=f"filter part {part} of {parts}"):
        pass
