"""Claim: reading in a shuffled order costs next to nothing, and trainings hardly wait for data.

    OMP_NUM_THREADS=2 python benchmarks/loader.py data/filtered data/tokens

Reads the artefacts of a run of the default profile. Clips: all training clips decoded one by one in a shuffled order,
beside every shard read from its beginning to its end and decoded as it comes. Tokens: batches of shuffled rows, beside
the same batches of neighbouring rows. Both take turns, in core-seconds of one thread; medians. Waiting: the share of
the time of some steps of the image tokenizer's and the language model's training, with the parameters of `params.yaml`.
"""

import io
import re
import statistics
import sys
import time
from collections.abc import Callable
from contextlib import redirect_stderr
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow.parquet as pq
import torch

from components.common import params, runtime
from components.common.fit import Training, fit
from components.filter.data import Clips
from components.ingest.data import decode
from components.language_model import training as language_model
from components.language_model.data import Source
from components.language_model.mixture import Mixture
from components.language_model.model import Model as LanguageModel
from components.pretokenize.data import Tokens
from components.visual_tokenizer import data as visual_data
from components.visual_tokenizer import training as visual_tokenizer
from components.visual_tokenizer.model import Model as VisualModel

TURNS, STEPS, BATCHES = 5, 60, 200


def shuffled_clips(clips: Clips) -> None:
    """Decode all clips, in an order drawn by lot."""
    frames = clips.table["frames"].to_pylist()
    for index in np.random.default_rng(0).permutation(len(clips)):
        clips.stored(int(index), frames[index])


def clips_in_order(clips: Clips) -> None:
    """The same clips, shard by shard."""
    for path in sorted(clips.folder.glob("clips-*.parquet")):
        table = pq.read_table(path, columns=["media", "kind", "frames", "split"], memory_map=True, use_threads=False)
        for row in table.to_pylist():
            if row["split"] == clips.split:
                decode(row["media"], row["kind"], row["frames"], clips.formats)


def batches(mixture: Mixture, *, shuffled: bool) -> Callable[[], None]:
    """Read batches of the language model, of rows that lie anywhere or side by side."""
    choices = [mixture.choice(step) for step in range(BATCHES)]

    def read() -> None:
        for choice in choices:
            rows = mixture.rows[choice.draw.task.name][choice.draw.group]
            first = int(choice.rows[0]) % max(1, len(rows) - len(choice.rows) + 1)
            chosen = choice.rows if shuffled else rows[first : first + len(choice.rows)]
            mixture.source.batch(choice.draw, chosen)

    return read


def compared(name: str, ours: Callable[[], None], in_order: Callable[[], None]) -> None:
    """Print how fast ours is beside the floor."""
    took: dict[Callable[[], None], list[float]] = {ours: [], in_order: []}
    for _ in range(TURNS):
        for work, all_s in took.items():
            start_s = time.thread_time()
            work()
            all_s.append(time.thread_time() - start_s)
    ours_s, floor_s = (statistics.median(all_s) for all_s in took.values())
    print(f"{name}: in order {floor_s:.2f} s, shuffled {ours_s:.2f} s: {floor_s / ours_s:.3f} of its speed", flush=True)


def waiting(name: str, training: Training[object]) -> None:
    """Print which share of some steps a training waits for batches."""
    said = io.StringIO()
    with TemporaryDirectory() as home, redirect_stderr(said), runtime.use(runtime.Runtime(Path(home), Path(home))):
        fit(training, steps=STEPS, seed=1, checkpoint_every_steps=STEPS, unit="steps", per_step=1)
    found = re.search(r"([\d.]+)% of the time waiting", said.getvalue())
    print(f"{name}: {found and found[1]} % of {STEPS} steps waiting for data", flush=True)


def main(kept: Path, tokens: Path) -> None:
    read = params.read()
    clips = Clips(kept, split="train")
    compared(f"{len(clips)} clips", lambda: shuffled_clips(clips), lambda: clips_in_order(clips))
    config = params.build("language_model", "language_model.image_heavy", read)
    source, chosen = Source(Tokens(tokens), "train"), config.optimization
    mixture = Mixture(config.mix, source, seed=config.seed, batch_tokens=chosen.global_batch_tokens)
    compared(f"{BATCHES} batches of tokens", batches(mixture, shuffled=True), batches(mixture, shuffled=False))
    model = LanguageModel(config.architecture, source.facts, chosen.head_chunk_tokens)
    waiting("language model", language_model.Training(model, mixture, chosen))
    images = params.build("visual_tokenizer", "visual_tokenizer.image", read)
    images = replace(images, losses=replace(images.losses, perceptual=0.0))
    torch.manual_seed(0)
    tokenizer = visual_tokenizer.Training(
        images, VisualModel(images.architecture), visual_data.Batches(images, kept), None
    )
    waiting("image tokenizer", tokenizer)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("say where kept clips and tokens are: python benchmarks/loader.py data/filtered data/tokens")
    main(Path(sys.argv[1]), Path(sys.argv[2]))
