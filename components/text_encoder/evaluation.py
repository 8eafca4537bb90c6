"""What a text encoder knows, on held-out captions, with chance beside it."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from components.common.random import seed_of
from components.text_encoder import ops
from components.text_encoder.data import Encoder
from components.text_encoder.tokenization import END_ID, FIRST_SENTINEL_ID, SENTINELS
from components.text_encoder.training import Training, corrupted, inputs

ROUNDS = 4  # random corruptions of every held-out caption
BATCH = 64
MOST_VALUES = 32  # an attribute with more is a name or a number, not a class


@torch.no_grad()
def denoising(training: Training, tokens: Sequence[Sequence[int]], seed: int) -> dict[str, float]:
    """Share of hidden tokens that are guessed right, each given those before it; chance names the commonest one."""
    model = training.model.cpu().eval()
    right, hidden = 0, []
    for number in range(ROUNDS):
        draw = np.random.default_rng(seed_of(seed, "evaluation", number))
        for start in range(0, len(tokens), BATCH):
            batch = corrupted(tokens[start : start + BATCH], training.config, draw)
            guess_BN: Tensor = model(**inputs(batch.source, batch.target)).logits.argmax(-1)
            sentinel_BN = (batch.target >= FIRST_SENTINEL_ID) & (batch.target < FIRST_SENTINEL_ID + SENTINELS)
            counted_BN = (batch.target != ops.IGNORED) & (batch.target != END_ID) & ~sentinel_BN
            right += int((guess_BN == batch.target)[counted_BN].sum())
            hidden.append(batch.target[counted_BN])
    tokens_N = torch.cat(hidden)
    return {
        "denoising_accuracy": right / len(tokens_N),
        "denoising_chance": float(tokens_N.bincount().max()) / len(tokens_N),
    }


def neighbours(
    encoder: Encoder, asked: Mapping[str, Mapping[str, str]], known: Mapping[str, Mapping[str, str]], limit: int
) -> dict[str, float]:
    """How often the nearest other caption (cosine of mean vectors) shares each attribute, and how often any does."""
    near_MN = means(encoder, list(asked), limit) @ means(encoder, list(known), limit).T
    same_MN = torch.tensor([[text == other for other in known] for text in asked])
    nearest = near_MN.masked_fill(same_MN, -2).argmax(1).tolist()
    answers = list(known.values())
    metrics = {}
    for name in sorted({name for attributes in asked.values() for name in attributes}):
        values = [attributes.get(name, "") for attributes in asked.values()]
        others = [attributes.get(name, "") for attributes in answers]
        if len({*values, *others}) > MOST_VALUES:
            continue
        stated = [row for row, value in enumerate(values) if value]
        agree = [values[row] == others[nearest[row]] for row in stated]
        shares = [others.count(values[row]) / len(others) for row in stated]
        metrics[f"nearest_same_{name}"] = float(np.mean(agree))
        metrics[f"nearest_same_{name}_chance"] = float(np.mean(shares))
    return metrics


def means(encoder: Encoder, texts: Sequence[str], limit: int) -> Tensor:
    """Mean vector of each text, of length 1: (B, D)."""
    rows = []
    for start in range(0, len(texts), BATCH):
        vectors_BND, lengths_B = encoder.encode(texts[start : start + BATCH], limit)
        rows.append(F.normalize(vectors_BND.sum(1) / lengths_B[:, None].clamp(min=1), dim=1))
    return torch.cat(rows)
