"""Accuracy and retrieval of the judge on held-out real clips, each with chance.

`unseen` counts the held-out clips whose combination of attribute values no training clip has.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from components.filter.combinations import TrainedCombinations
from components.judge.examples import Examples
from components.judge.model import Judge


@torch.no_grad()
def metrics(judge: Judge, train: Examples, heldout: Examples) -> dict[str, float]:
    """Return metrics by name; an attribute or a kind of clip that does not occur has no entry."""
    features_ND = _features(judge, heldout)
    values: dict[str, float] = {"heldout_clips": len(heldout)}
    trained, kinds_of = TrainedCombinations(train.attributes, judge.values), judge.values.keys()
    unseen = np.array([kinds_of <= found.keys() and trained.lack(found) for found in heldout.attributes], bool)
    for name, scores_NK in judge.logits(features_ND).items():
        kinds = judge.values[name]
        answers = [kinds[i] for i in scores_NK.argmax(dim=1).tolist()]
        right = np.array([of.get(name) == answer for of, answer in zip(heldout.attributes, answers, strict=True)], bool)
        asked = np.array([of.get(name) in kinds for of in heldout.attributes], bool)
        rows = {"": ~heldout.is_image, "_images": heldout.is_image, "_unseen": unseen & ~heldout.is_image}
        for suffix, rows_N in rows.items():
            if (asked & rows_N).any():
                values[f"accuracy_{name}{suffix}"] = float(right[asked & rows_N].mean())
                values[f"accuracy_{name}{suffix}_n"] = int((asked & rows_N).sum())
        values[f"accuracy_{name}_chance"] = 1 / len(kinds)
    captioned = [i for i, caption in enumerate(heldout.captions) if caption and not heldout.is_image[i]]
    if captioned:
        captions = [heldout.captions[i] for i in captioned]
        values |= retrieval(features_ND[captioned], judge.text(judge.vocabulary.ids(captions)), captions)
    return values


def retrieval(video_ND: Tensor, text_ND: Tensor, captions: Sequence[str]) -> dict[str, float]:
    """Return the share of clips whose nearest caption equals their own, and of captions whose nearest clip has them."""
    scores_NN = F.normalize(video_ND, dim=1) @ F.normalize(text_ND, dim=1).T
    same_NN = torch.tensor([[one == other for other in captions] for one in captions])
    rows = torch.arange(len(captions))
    return {
        "retrieval_video_to_text": same_NN[rows, scores_NN.argmax(dim=1)].float().mean().item(),
        "retrieval_text_to_video": same_NN[rows, scores_NN.argmax(dim=0)].float().mean().item(),
        "retrieval_chance": same_NN.float().mean().item(),
        "retrieval_n": len(captions),
    }


def _features(judge: Judge, examples: Examples) -> Tensor:
    features_ND = torch.zeros(len(examples), judge.video.out.out_features)
    shapes = [(image, orientation) for image in (False, True) for orientation in ("square", "portrait")]
    for shape in shapes:
        of_shape = [i for i in range(len(examples)) if (examples.is_image[i], examples.orientations[i]) == shape]
        for start in range(0, len(of_shape), 64):
            part = of_shape[start : start + 64]
            features_ND[part] = judge.features(torch.from_numpy(np.stack([examples.pixels(i) for i in part])))
    return features_ND
