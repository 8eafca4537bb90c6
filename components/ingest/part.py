"""Decoding of one part of the files into the cache: several machines do this in parallel before one runs ingest."""

from pathlib import Path

from components.common.progress import progress
from components.ingest.config import Config
from components.ingest.stage import arrivals, outcomes


def run(config: Config, *, corpus: Path, sources: Path, part: int, parts: int) -> None:
    """Decode the files that belong to `part` (from 0) of `parts`, by their hashes.

    Files with the same bytes belong to one part. The machines must share VIDEOPOET_CACHE. A part that fails loses
    nothing: ingest decodes what is missing.
    """
    if not 0 <= part < parts:
        raise ValueError(f"part must lie in [0, {parts}), got {part}")
    arrived, roots = arrivals(corpus, sources)
    mine = [one for one in arrived if one.state == "present" and int(one.sha256[:8], 16) % parts == part]
    for _ in progress(
        outcomes(config, mine, roots), total=len(mine), unit="files", label=f"ingest part {part} of {parts}"
    ):
        pass
