"""Quality of a text encoder on held-out captions, with chance beside each metric."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from components.common.random import seed_of
from components.text_encoder.data import CaptionEncoder
from components.text_encoder.training import Training, corrupted, inputs

ROUNDS = 4  # random corruptions of every held-out caption
BATCH = 64


@torch.no_grad()
def denoising(training: Training, tokens: Sequence[Sequence[int]], seed: int) -> dict[str, float]:
    """Return the share of masked tokens predicted correctly, each given those before it; chance is the commonest."""
    model = training.model.cpu().eval()
    right, masked = 0, []
    for number in range(ROUNDS):
        draw = np.random.default_rng(seed_of(seed, "evaluation", number))
        for start in range(0, len(tokens), BATCH):
            batch = corrupted(tokens[start : start + BATCH], training.config, draw)
            guess_BN: Tensor = model(**inputs(batch.source, batch.target)).logits.argmax(-1)
            right += int((guess_BN == batch.target)[batch.masked].sum())
            masked.append(batch.target[batch.masked])
    tokens_N = torch.cat(masked)
    return {
        "denoising_accuracy": right / len(tokens_N),
        "denoising_chance": float(tokens_N.bincount().max()) / len(tokens_N),
    }


def neighbors(
    encoder: CaptionEncoder,
    queries: Mapping[str, Mapping[str, str]],
    known: Mapping[str, Mapping[str, str]],
    limit: int,
) -> dict[str, float]:
    """Return how often the nearest other caption (cosine of mean vectors) shares each attribute, with chance."""
    near_MN = means(encoder, list(queries), limit) @ means(encoder, list(known), limit).T
    same_MN = torch.tensor([[text == other for other in known] for text in queries])
    nearest = near_MN.masked_fill(same_MN, -2).argmax(1).tolist()
    answers = list(known.values())
    metrics = {}
    for name in sorted({name for attributes in queries.values() for name in attributes}):
        others = [attributes.get(name, "") for attributes in answers]
        rows = {text: row for row, text in enumerate(queries)}
        said = [(rows[text], value) for text, value in _said(queries, name).items()]
        if said:
            metrics[f"nearest_same_{name}"] = float(np.mean([others[nearest[row]] == value for row, value in said]))
            chance = float(np.mean([others.count(value) / len(others) for _, value in said]))
            metrics[f"nearest_same_{name}_chance"] = chance
    return metrics


@torch.no_grad()
def readable(
    encoder: CaptionEncoder,
    queries: Mapping[str, Mapping[str, str]],
    known: Mapping[str, Mapping[str, str]],
    limit: int,
) -> dict[str, float]:
    """Return the share of attributes in captions that a linear map of the mean vector, fitted on `known`, predicts."""
    metrics = {}
    for name in sorted({name for attributes in queries.values() for name in attributes}):
        taught, tested = _said(known, name), _said(queries, name)
        values = sorted(set(taught.values()))
        if len(values) > 1 and tested:
            x_ND = F.pad(means(encoder, list(taught), limit), (0, 1), value=1.0).double()
            y_NV = torch.tensor([[value == other for other in values] for value in taught.values()]).double()
            map_DV = torch.linalg.solve(x_ND.T @ x_ND + 1e-3 * torch.eye(x_ND.shape[1]).double(), x_ND.T @ y_NV)
            guess_N = (F.pad(means(encoder, list(tested), limit), (0, 1), value=1.0).double() @ map_DV).argmax(1)
            right = [values[guess] == value for guess, value in zip(guess_N.tolist(), tested.values(), strict=True)]
            metrics[f"readable_{name}"] = float(np.mean(right))
    return metrics


def _said(captions: Mapping[str, Mapping[str, str]], name: str) -> dict[str, str]:
    """Return captions that contain the value of an attribute, with the value."""
    return {text: found[name] for text, found in captions.items() if found.get(name) in text.split()}


def means(encoder: CaptionEncoder, texts: Sequence[str], limit: int) -> Tensor:
    """Return the mean vector of each text, normalized to length 1: (B, D)."""
    rows = []
    for start in range(0, len(texts), BATCH):
        vectors_BND, lengths_B = encoder.encode(texts[start : start + BATCH], limit)
        rows.append(F.normalize(vectors_BND.sum(1) / lengths_B[:, None].clamp(min=1), dim=1))
    return torch.cat(rows)
