"""Claim: reading in a shuffled order costs next to nothing, and trainings hardly wait for data.

    OMP_NUM_THREADS=2 python benchmarks/loader.py data/filtered data/tokens

Reads the artifacts of a run of the default profile. Clips: all training clips decoded one by one in a shuffled order,
beside every shard read from its beginning to its end and decoded as it comes. Tokens: batches of shuffled rows, beside
the same batches of neighboring rows. Both take turns, piece by piece, in core-seconds of one thread; medians.
Waiting: the share of the time of some steps of the image tokenizer's and the language model's training, with the
parameters of `params.yaml`.
"""

import io
import re
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow.parquet as pq
import recording
import torch

from components.common import params, runtime
from components.common.fit import Training, fit
from components.filter.data import Clips
from components.ingest.data import decode
from components.language_model import training as language_model
from components.language_model.data import TokenDataset
from components.language_model.mixture import Mixture
from components.language_model.model import Model as LanguageModel
from components.pretokenize.data import Tokens
from components.visual_tokenizer import data as visual_data
from components.visual_tokenizer import training as visual_tokenizer
from components.visual_tokenizer.model import Model as VisualModel

TURNS, STEPS, BATCHES = 5, 300, 200
PIECE = 100  # clips
END = object()
Work = Iterator[None]  # says when a piece of it is done


def shuffled_clips(clips: Clips) -> Work:
    """Decode all clips, in an order drawn by lot."""
    frames = clips.table["frames"].to_pylist()
    for number, index in enumerate(np.random.default_rng(0).permutation(len(clips)), 1):
        clips.stored(int(index), frames[index])
        if number % PIECE == 0:
            yield


def clips_in_order(clips: Clips) -> Work:
    """The same clips, shard by shard."""
    for path in sorted(clips.folder.glob("clips-*.parquet")):
        table = pq.read_table(path, columns=["media", "kind", "frames", "split"], memory_map=True, use_threads=False)
        for row in table.to_pylist():
            if row["split"] == clips.split:
                decode(row["media"], row["kind"], row["frames"], clips.formats)
        yield


def batches(mixture: Mixture, *, shuffled: bool) -> Work:
    """Read batches of the language model, of rows that lie anywhere or side by side."""
    for step in range(BATCHES):
        plan = mixture.plan(step)
        rows = mixture.rows[plan.spec.task.name][plan.spec.group]
        first = int(plan.rows[0]) % max(1, len(rows) - len(plan.rows) + 1)
        mixture.dataset.batch(plan.spec, plan.rows if shuffled else rows[first : first + len(plan.rows)])
        yield


def compared(name: str, count: int, ours: Callable[[], Work], in_order: Callable[[], Work]) -> None:
    """Print how fast ours is beside the floor: piece by piece in turn, so that both meet the same machine."""
    took: list[tuple[float, float]] = []
    for _ in range(TURNS):
        works, spent_s = [ours(), in_order()], [0.0, 0.0]
        unfinished = [0, 1]
        while unfinished:
            for which in list(unfinished):
                start_s = time.thread_time()
                if next(works[which], END) is END:
                    unfinished.remove(which)
                spent_s[which] += time.thread_time() - start_s
        took.append((spent_s[0], spent_s[1]))
    ours_s, floor_s = (statistics.median(all_s) for all_s in zip(*took, strict=True))
    speed = statistics.median(floor / our for our, floor in took)
    recording.record(f"{name} in a shuffled order, speed beside reading in order", speed, "×", "≥ 0.9")
    print(f"{count} {name}: in order {floor_s:.2f} s, shuffled {ours_s:.2f} s: {speed:.3f} of its speed", flush=True)


def waiting(name: str, training: Training[object]) -> None:
    """Print which share of some steps a training waits for batches."""
    said = io.StringIO()
    with TemporaryDirectory() as home, redirect_stderr(said), runtime.use(runtime.Runtime(Path(home), Path(home))):
        fit(training, steps=STEPS, seed=1, checkpoint_every_steps=STEPS, unit="steps", per_step=1)
    found = re.search(r"([\d.]+)% of the time waiting", said.getvalue())
    if found:
        recording.record(f"share of its time that the {name} waits for data", float(found[1]), "%", "≤ 1")
    print(f"{name}: {found and found[1]} % of {STEPS} steps waiting for data", flush=True)


def main(kept: Path, tokens: Path) -> None:
    read = params.read()
    clips = Clips(kept, split="train")
    compared("clips", len(clips), lambda: shuffled_clips(clips), lambda: clips_in_order(clips))
    config = params.build("language_model", "language_model.image_heavy", read)
    dataset, chosen = TokenDataset(Tokens(tokens), "train"), config.optimization
    mixture = Mixture(config.mix, dataset, seed=config.seed, batch_tokens=chosen.global_batch_tokens)
    shuffled, in_order = (partial(batches, mixture, shuffled=is_shuffled) for is_shuffled in (True, False))
    compared("batches of tokens", BATCHES, shuffled, in_order)
    model = LanguageModel(config.architecture, dataset.token_spec, chosen.head_chunk_tokens)
    waiting("language model", language_model.Training(model, mixture, chosen))
    images = params.build("visual_tokenizer", "visual_tokenizer.image", read)
    images = replace(images, losses=replace(images.losses, perceptual=0.0))
    torch.manual_seed(0)
    tokenizer = visual_tokenizer.Training(
        images, VisualModel(images.architecture), visual_data.Batches(images, kept), None
    )
    waiting("image tokenizer", tokenizer)


if __name__ == "__main__":
    recording.begin()
    if len(sys.argv) != 3:
        sys.exit("say where kept clips and tokens are: python benchmarks/loader.py data/filtered data/tokens")
    main(Path(sys.argv[1]), Path(sys.argv[2]))
