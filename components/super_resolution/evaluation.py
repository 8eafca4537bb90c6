"""Accuracy of a super-resolution stage on held-out factors of codes, with two baselines.

Two moments of decoding are measured: the first step, when the whole high-resolution clip is masked, and the middle one.
The baselines are chance (one value in all) and the most frequent value of the training pairs.
"""

import numpy as np
import torch

from components.common.random import seed_of
from components.nn.factorization import factor_sizes, split
from components.pretokenize.data import Codes, Pairs
from components.super_resolution.config import Config
from components.super_resolution.model import Model
from components.super_resolution.training import masked_batch, masked_logits

FACTORS = ("low_factor", "high_factor")
MOMENTS = {"start": 0.0, "middle": 0.5}


@torch.no_grad()
def token_accuracy(model: Model, pairs: Pairs, config: Config) -> dict[str, float]:
    """Return `accuracy_<factor>_<moment>` over all held-out pairs, with `_chance` and `_most_frequent` per factor."""
    bits, device = model.architecture.bits, next(model.parameters()).device
    split = np.array(pairs.split)
    held_out = np.flatnonzero(split == "heldout")
    metrics: dict[str, float] = {"heldout_pairs": len(held_out)}
    for moment, progress in MOMENTS.items():
        right, seen = np.zeros(2), 0
        for start in range(0, len(held_out), config.global_batch_pairs):
            rows = held_out[start : start + config.global_batch_pairs]
            draw = np.random.default_rng(seed_of(config.seed, "accuracy", start))
            at_B = np.full(len(rows), progress)
            batch = masked_batch(pairs, rows, draw, bits=bits, progress_B=at_B, lr_noise=0.0)
            factors = masked_logits(model, batch.to(device), bits)
            right += [int((logits.argmax(dim=-1) == target).sum()) for logits, target in factors]
            seen += len(factors[0][1])
        metrics |= {f"accuracy_{name}_{moment}": right[factor] / seen for factor, name in enumerate(FACTORS)}
    return metrics | _without_model(pairs.hr[held_out], pairs.hr[split == "train"], bits)


def _without_model(held_out: Codes, train: Codes, bits: int) -> dict[str, float]:
    values: dict[str, float] = {}
    for factor, (name, size) in enumerate(zip(FACTORS, factor_sizes(bits), strict=True)):
        wanted, known = (split(torch.from_numpy(codes), bits)[..., factor].flatten() for codes in (held_out, train))
        most_frequent = torch.bincount(known, minlength=size).argmax()
        values[f"accuracy_{name}_chance"] = 1 / size
        values[f"accuracy_{name}_most_frequent"] = (wanted == most_frequent).double().mean().item()
    return values
