"""How many held-out half codes a stage tells right, and how many one would without a model.

Two moments of decoding are measured: the first step, when all of the large clip is hidden, and the middle one. Beside
them stand chance (one value in all) and the most frequent value of the training pairs.
"""

import numpy as np
import torch

from components.common.random import seed_of
from components.nn.halves import half_sizes, split
from components.pretokenize.data import Codes, Pairs
from components.super_resolution.config import Config
from components.super_resolution.model import Model
from components.super_resolution.training import draw_batch, hidden_logits

HALVES = ("low_half", "high_half")
MOMENTS = {"start": 0.0, "middle": 0.5}


@torch.no_grad()
def token_accuracy(model: Model, pairs: Pairs, config: Config) -> dict[str, float]:
    """Return `accuracy_<half>_<moment>` over all held-out pairs, with `_chance` and `_most_frequent` per half."""
    bits, device = model.architecture.bits, next(model.parameters()).device
    split = np.array(pairs.split)
    held_out = np.flatnonzero(split == "heldout")
    metrics: dict[str, float] = {"heldout_pairs": len(held_out)}
    for moment, progress in MOMENTS.items():
        right, seen = np.zeros(2), 0
        for start in range(0, len(held_out), config.global_batch):
            rows = held_out[start : start + config.global_batch]
            draw = np.random.default_rng(seed_of(config.seed, "accuracy", start))
            at_B = np.full(len(rows), progress)
            batch = draw_batch(pairs, rows, draw, bits=bits, progress_B=at_B, low_noise=0.0)
            halves = hidden_logits(model, batch.to(device), bits)
            right += [int((logits.argmax(dim=-1) == target).sum()) for logits, target in halves]
            seen += len(halves[0][1])
        metrics |= {f"accuracy_{name}_{moment}": right[half] / seen for half, name in enumerate(HALVES)}
    return metrics | _without_model(pairs.hr[held_out], pairs.hr[split == "train"], bits)


def _without_model(held_out: Codes, train: Codes, bits: int) -> dict[str, float]:
    values: dict[str, float] = {}
    for half, (name, size) in enumerate(zip(HALVES, half_sizes(bits), strict=True)):
        told, known = (split(torch.from_numpy(codes), bits)[..., half].flatten() for codes in (held_out, train))
        most_frequent = torch.bincount(known, minlength=size).argmax()
        values[f"accuracy_{name}_chance"] = 1 / size
        values[f"accuracy_{name}_most_frequent"] = (told == most_frequent).double().mean().item()
    return values
