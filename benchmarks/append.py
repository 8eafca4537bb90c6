"""Claim: of a set that grows by a tenth only the tenth is read, decoded and looked at, and no old shard changes.

    OMP_NUM_THREADS=1 python benchmarks/append.py [FILES]

Renders FILES (1 000) small videos and pictures of the embedded corpus, adds nine tenths of them as somebody's folder
and takes them in, then adds the rest and takes in the whole; then takes in the whole again with an empty cache. Prints
how many shards of ingest and filter stayed as they were, and what ingest and filter took after the append beside full
ones; for the filter, which writes all that it keeps, also what it takes when only a limit was changed.
"""

import os
import shutil
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import recording

from components.common import artifacts, params, runtime
from components.corpus import data as corpus_data
from components.corpus import stage as corpus
from components.filter import data as filter_data
from components.filter import stage as filter_stage
from components.ingest import stage as ingest
from components.ingest.worker import Worker
from components.media.arrays import Pixels
from components.pretrained import stage as pretrained
from flows.machine.workspace import PARAMS, Workspace
from flows.runs import sources


@dataclass
class Taken:
    """What one run of ingest and filter did."""

    decoded: int = 0  # files
    looked_at: int = 0  # clips
    ingest_s: float = 0.0
    filter_s: float = 0.0


def main(files: int, read: Mapping[str, Any]) -> None:
    """Print the claim's figures; `read` are the parameters."""
    config = params.build("corpus", "corpus", read)
    videos = files * 6 // 10
    config = replace(
        config, videos=videos, images=files - videos, heldout_videos=videos // 10, heldout_images=files // 20
    )
    corpus.run(config, output=Path("rendered"))
    empty()
    for name in ("here", "later"):
        Path(name).mkdir()
    for number, path in enumerate(sorted(Path("rendered").rglob("*.*"))):
        if path.parent.name in ("videos", "images"):
            path.rename(Path("later" if number % 10 == 0 else "here") / path.name)
    workspace, home = Workspace(Path.cwd()), Path("here").absolute()
    print(sources.add(workspace, str(home), "mine"))
    taken_in(read, "cache")
    before = shards()
    for path in Path("later").iterdir():
        path.rename(home / path.name)
    print(sources.add(workspace, str(home), "mine"))
    append = taken_in(read, "cache")
    after = shards()
    whole = taken_in(read, "new cache")
    assert shards() == after, "the cache changed bytes"
    limit = taken_in(read, "cache", min_sharpness=read["filter"]["visual"]["min_sharpness"] + 1)
    same = sum(after.get(name) == digest for name, digest in before.items())
    claim = "old shards that an append of a tenth leaves unchanged"
    recording.record(claim, same, f"of {len(before)}", f"= {len(before)}")
    print(f"{same} of {len(before)} old shards (clips and kept clips) unchanged, {len(after) - len(before)} new ones")
    for what, name in (("files decoded", "decoded"), ("clips looked at", "looked_at")):
        few, every = getattr(append, name), getattr(whole, name)
        print(f"{few} {what} by the append, {every} in full: {few / every:.2f}x")
    for what, name in (("ingest", "ingest_s"), ("filter", "filter_s")):
        few_s, every_s = getattr(append, name), getattr(whole, name)
        print(f"{what} after the append {few_s:.1f} s, in full {every_s:.1f} s: {few_s / every_s:.2f}x")
        recording.record(f"{what} after the append ÷ all of it with an empty cache", few_s / every_s, "×")
    claim = "filter after a changed limit ÷ all of it with an empty cache"
    recording.record(claim, limit.filter_s / whole.filter_s, "×")
    print(
        f"filter after a changed limit: {limit.looked_at} clips looked at, {limit.filter_s:.1f} s:"
        f" {limit.filter_s / whole.filter_s:.2f}x"
    )


def empty() -> None:
    """A corpus of nothing, so that all files are somebody's."""
    with artifacts.fresh(Path("corpus")) as folder:
        corpus_data.write(folder / corpus_data.TABLE, [])
        artifacts.describe(folder, "corpus", inputs={}, counts={})


def taken_in(read: Mapping[str, Any], cache: str, **limits: float) -> Taken:
    """Ingest and filter, with other limits of the image."""
    found = Taken()
    roots = {"mine": Path("here").absolute()}
    with counted(found), runtime.use(runtime.Runtime(Path("scratch").absolute(), Path(cache).absolute(), roots)):
        ingest_config = params.build("ingest", "ingest", read)
        start_s = time.perf_counter()
        ingest.run(ingest_config, corpus=Path("corpus"), sources=sources.TABLE, output=Path("clips"))
        found.ingest_s = time.perf_counter() - start_s
        pretrained.run(params.build("pretrained", "pretrained", read), output=Path("pretrained"))
        config = params.build("filter", "filter", read)
        config = replace(config, visual=replace(config.visual, **limits))
        start_s = time.perf_counter()
        filter_stage.run(config, clips=Path("clips"), pretrained=Path("pretrained"), output=Path("kept"))
        found.filter_s = time.perf_counter() - start_s
    return found


@contextmanager
def counted(found: Taken) -> Iterator[None]:
    """Count on the way which files are decoded and which clips."""
    outcome, stored = Worker.outcome, filter_data.Clips.stored

    def one_file(worker: Worker, path: Path, source: corpus_data.Source) -> object:
        found.decoded += 1
        return outcome(worker, path, source)

    def one_clip(clips: filter_data.Clips, index: int, frames: int) -> Pixels:
        found.looked_at += 1
        return stored(clips, index, frames)

    Worker.outcome = one_file  # type: ignore[method-assign, assignment]
    filter_data.Clips.stored = one_clip  # type: ignore[method-assign]
    try:
        yield
    finally:
        Worker.outcome, filter_data.Clips.stored = outcome, stored  # type: ignore[method-assign]


def shards() -> dict[str, str]:
    """Every shard of clips and of kept clips, by its hash."""
    return {str(path): artifacts.hash_file(path) for path in Path().glob("*/clips-*.parquet")}


if __name__ == "__main__":
    recording.begin()
    values = params.read(Path(PARAMS))
    with TemporaryDirectory() as folder:
        os.chdir(folder)
        Path("data").mkdir()
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000, values)
        os.chdir("/")
        shutil.rmtree(folder, ignore_errors=True)
