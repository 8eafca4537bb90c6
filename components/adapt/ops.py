"""Which clips are good examples of text and picture, and what can be learnt from those there are.

A clip is a good example if the base model, told its caption, expects its tokens much more than without. Clips whose
caption says little about them, or says something else, come last. No outside model and no label is needed.

Shapes: B sequences, N positions, D width.
"""

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from components.language_model.config import Mix
from components.language_model.data import Draw, Rows, Source
from components.language_model.model import Batch, Facts, Model
from components.language_model.tasks import TASKS


@torch.inference_mode()
def caption_gains(model: Model, source: Source, group: str, rows: Rows, batch: int) -> NDArray[np.float64]:
    """How much knowing the caption lowers each clip's loss, in nats per token."""
    draw = Draw(TASKS["text-to-video" if source.groups[group].visual.shape[1] > 1 else "text-to-image"], group, 0)
    gains = []
    for start in range(0, len(rows), batch):
        some = rows[start : start + batch]
        without = np.ones(len(some), np.bool_)
        told, untold = (source.batch(draw, some, hide).to(model.norm.weight.device) for hide in (None, without))
        gains.append(sequence_losses(model, untold) - sequence_losses(model, told))
    return torch.cat(gains).double().cpu().numpy()


def sequence_losses(model: Model, batch: Batch) -> Tensor:
    """Mean negative log-likelihood of each sequence's output codes, (B,)."""
    hidden_BND, losses = model.hidden(batch), []
    for run in batch.layout.runs:
        before_BND = hidden_BND[:, run.start - 1 : run.start + run.length - 1]
        codes_BN = batch.ids[:, run.start : run.start + run.length] - run.ids.start
        losses.append(model.head(run).losses(before_BND, codes_BN))
    return torch.cat(losses, dim=1).mean(dim=1)


def best(rows: Rows, scores: NDArray[np.float64], share: float) -> Rows:
    """The `share` of rows with the highest scores, at least one, in their own order."""
    count = max(1, round(len(rows) * share))
    return np.sort(rows[np.argsort(-scores, kind="stable")[:count]])


def reads(known: Facts, found: Facts) -> bool:
    """Whether a model that knows `known` can be trained on tokens of which `found` is true."""
    shared = known.shapes.keys() & found.shapes.keys()
    same = all(known.shapes[name] == found.shapes[name] for name in shared)
    return same and replace(found, shapes=known.shapes) == known


def possible(mix: Mix, source: Source) -> Mix:
    """The mix with no steps for pictures, or for videos, where no clip qualifies for any such task."""
    have = {TASKS[name].media for name in mix.tasks for group in source.groups if len(source.rows(TASKS[name], group))}
    match sorted(have):
        case ["image"]:
            return replace(mix, image_share=1.0)
        case ["video"]:
            return replace(mix, image_share=0.0)
        case _:
            return mix
