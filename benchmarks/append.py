"""Claim: of a set that grows by a tenth only the tenth is read and decoded, and no shard that was there changes.

    OMP_NUM_THREADS=1 python benchmarks/append.py [FILES]

Renders FILES (1 000) small videos and pictures of the embedded corpus, adds nine tenths of them as somebody's folder
and takes them in, then adds the rest and takes in the whole; then takes in the whole again with an empty cache. Prints
how many shards of ingest and filter stayed as they were, and what ingest took after the append beside a full one.
"""

import os
import shutil
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from components.common import artifacts, params, runtime
from components.corpus import data as corpus_data
from components.corpus import stage as corpus
from components.filter import stage as filter_stage
from components.ingest import stage as ingest
from components.ingest.worker import Worker
from components.pretrained import stage as pretrained
from flows import sources
from flows.workspace import PARAMS, Workspace


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
    decoded, append_s = taken_in(read, "cache")
    after = shards()
    again, whole_s = taken_in(read, "new cache")
    assert shards() == after, "the cache changed bytes"
    same = sum(after.get(name) == digest for name, digest in before.items())
    print(f"{same} of {len(before)} old shards (clips and kept clips) unchanged, {len(after) - len(before)} new ones")
    print(f"{decoded} files decoded by the append, {again} by a full ingest: {decoded / again:.2f}x")
    print(f"ingest after the append {append_s:.1f} s, in full {whole_s:.1f} s: {append_s / whole_s:.2f}x")


def empty() -> None:
    """A corpus of nothing, so that all files are somebody's."""
    with artifacts.fresh(Path("corpus")) as folder:
        corpus_data.write(folder / corpus_data.TABLE, [])
        artifacts.describe(folder, "corpus", inputs={}, counts={})


def taken_in(read: Mapping[str, Any], cache: str) -> tuple[int, float]:
    """Ingest and filter; returns how many files were decoded, and the seconds that ingest took."""
    decoded = 0
    outcome = Worker.outcome

    def counted(worker: Worker, path: Path, source: corpus_data.Source) -> object:
        nonlocal decoded
        decoded += 1
        return outcome(worker, path, source)

    Worker.outcome = counted  # type: ignore[method-assign, assignment] # counts on the way
    roots = {"mine": Path("here").absolute()}
    try:
        with runtime.use(runtime.Runtime(Path("scratch").absolute(), Path(cache).absolute(), roots)):
            ingest_config = params.build("ingest", "ingest", read)
            start_s = time.perf_counter()
            ingest.run(ingest_config, corpus=Path("corpus"), sources=sources.TABLE, output=Path("clips"))
            took_s = time.perf_counter() - start_s
            pretrained.run(params.build("pretrained", "pretrained", read), output=Path("pretrained"))
            config = params.build("filter", "filter", read)
            filter_stage.run(config, clips=Path("clips"), pretrained=Path("pretrained"), output=Path("kept"))
    finally:
        Worker.outcome = outcome  # type: ignore[method-assign]
    return decoded, took_s


def shards() -> dict[str, str]:
    """Every shard of clips and of kept clips, by its hash."""
    return {str(path): artifacts.hash_file(path) for path in Path().glob("*/clips-*.parquet")}


if __name__ == "__main__":
    values = params.read(Path(PARAMS))
    with TemporaryDirectory() as folder:
        os.chdir(folder)
        Path("data").mkdir()
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000, values)
        os.chdir("/")
        shutil.rmtree(folder, ignore_errors=True)
