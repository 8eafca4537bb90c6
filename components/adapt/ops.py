"""Selection of clips by how well their captions describe them; tasks that the clips allow.

A clip is a good example if the caption raises the probability that the base model gives to its tokens. Clips whose
caption says little about them, or something else, come last. No other model and no label is needed.

Shapes: B sequences, N positions, D width.
"""

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from components.language_model.config import Mix
from components.language_model.data import BatchSpec, Rows, TokenDataset
from components.language_model.model import Batch, Model, TokenSpec
from components.language_model.tasks import TASKS


@torch.inference_mode()
def caption_gains(model: Model, dataset: TokenDataset, group: str, rows: Rows, batch: int) -> NDArray[np.float64]:
    """Return how much the caption lowers the loss of each clip, in nats per token."""
    spec = BatchSpec(TASKS["text_to_video" if dataset.groups[group].visual.shape[1] > 1 else "text_to_image"], group, 0)
    gains = []
    for start in range(0, len(rows), batch):
        some = rows[start : start + batch]
        without = np.ones(len(some), np.bool_)
        with_text, without_text = (
            dataset.batch(spec, some, hide).to(model.norm.weight.device) for hide in (None, without)
        )
        gains.append(sequence_losses(model, without_text) - sequence_losses(model, with_text))
    return torch.cat(gains).double().cpu().numpy()


def sequence_losses(model: Model, batch: Batch) -> Tensor:
    """Return the mean negative log-likelihood of the output codes of each sequence, (B,)."""
    states_BND, losses = model.states(batch), []
    for span in batch.layout.spans:
        before_BND = states_BND[:, span.start - 1 : span.start + span.length - 1]
        codes_BN = batch.ids[:, span.start : span.start + span.length] - span.ids.start
        losses.append(model.head(span).losses(before_BND, codes_BN))
    return torch.cat(losses, dim=1).mean(dim=1)


def best(rows: Rows, scores: NDArray[np.float64], share: float) -> Rows:
    """Return the `share` of rows with the highest scores, at least one, in their own order."""
    count = max(1, round(len(rows) * share))
    return np.sort(rows[np.argsort(-scores, kind="stable")[:count]])


def is_compatible(known: TokenSpec, found: TokenSpec) -> bool:
    """Return True if a model of tokens `known` can be trained on tokens `found`."""
    shared = known.shapes.keys() & found.shapes.keys()
    same = all(known.shapes[name] == found.shapes[name] for name in shared)
    return same and replace(found, shapes=known.shapes) == known


def available_mix(mix: Mix, dataset: TokenDataset) -> Mix:
    """Return the mix without image steps, or without video steps, if no clip qualifies for any such task."""
    have = {
        TASKS[name].media for name in mix.tasks for group in dataset.groups if len(dataset.rows(TASKS[name], group))
    }
    match sorted(have):
        case ["image"]:
            return replace(mix, image_share=1.0)
        case ["video"]:
            return replace(mix, image_share=0.0)
        case _:
            return mix
