"""token shards -> one stage of super-resolution.

The folder holds the averaged weights, the loss curve, and the accuracy on held-out factors of codes, given the
low-resolution clip and none, or half, of the high-resolution one, with chance and the most frequent value.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from components.common import artifacts, runtime
from components.common.artifacts import Summary
from components.common.errors import DataError
from components.common.fit import fit
from components.common.random import seed_of
from components.pretokenize.data import Pairs, Tokens
from components.super_resolution import data, evaluation
from components.super_resolution.config import Config
from components.super_resolution.model import Architecture, Model
from components.super_resolution.training import Training


def run(config: Config, *, tokens: Path, output: Path) -> Summary:
    """Train on the pairs of `config.stage`; raises DataError if a split has none."""
    shards = Tokens(tokens)
    pairs = shards.pairs(config.stage)
    if missing := {"train", "heldout"} - set(pairs.split):
        raise DataError(f"no {config.stage} pairs in split {sorted(missing)}: raise pretokenize.pairs")
    torch.manual_seed(seed_of(config.seed, "weights"))
    model = Model(_architecture(config, pairs, shards.facts))
    training = Training(config, pairs, model)
    history = fit(
        training,
        steps=config.optimization.steps,
        seed=config.seed,
        checkpoint_every_steps=config.checkpoint_every_steps,
        unit="tokens",
        per_step=config.global_batch_pairs * int(np.prod(model.architecture.grid)),
    )
    parameters = sum(parameter.numel() for parameter in model.parameters())
    metrics = evaluation.token_accuracy(training.ema.eval(), pairs, config) | {"parameters": parameters}
    with artifacts.fresh(output) as folder:
        data.save(folder, training.ema)
        history.write_csv(folder / "losses.csv")
        artifacts.write_json(folder / "metrics.json", metrics)
        runtime.current().tracker.file(folder / "metrics.json")
        counts = {"steps": config.optimization.steps, "train_pairs": len(training.rows), "parameters": parameters}
        return artifacts.describe(folder, "super_resolution", inputs={"tokens": tokens}, counts=counts)


def _architecture(config: Config, pairs: Pairs, facts: Mapping[str, Any]) -> Architecture:
    _, frames, rows, columns = pairs.hr.shape
    return Architecture(
        bits=facts["codebook_bits"],
        text_width=facts["text_width"],
        grid=(frames, rows, columns),
        windows=config.windows,
        width=config.width,
        heads=config.heads,
        feed_forward_width=config.feed_forward_width,
        blocks=config.blocks,
        subpixel_conditioning=config.subpixel_conditioning,
    )
