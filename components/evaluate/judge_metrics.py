"""Measures of the judge: accuracy of attributes, similarity to the caption, distance to the real distribution.

Every name here ends with `[local-judge]`. Ceilings come from held-out real clips, as they are and after the visual
tokenizer.

Shapes: N samples, D features, B clips, T frames, H height, W width, C channels.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from components.evaluate.ops import Doubles, frechet_distance
from components.evaluate.records import Measure, Score
from components.generate.data import Sample
from components.judge.model import Judge
from components.media.arrays import Pixels

JUDGE = "[local-judge]"
BATCH_CLIPS = 32


@dataclass(frozen=True)
class JudgedSamples:
    """Samples of one task with the judge's features."""

    samples: Sequence[Sample]
    features: Tensor  # ND

    def unseen(self) -> "JudgedSamples":
        """Return the part whose attributes no training clip has together."""
        rows = [i for i, sample in enumerate(self.samples) if sample.unseen]
        return JudgedSamples([self.samples[i] for i in rows], self.features[rows])


@dataclass(frozen=True)
class ReferenceFeatures:
    """Features of held-out real clips, as they are and after the visual tokenizer."""

    attributes: Sequence[Mapping[str, str]]
    captions: Sequence[str]
    is_unseen: Sequence[bool]  # True if no training clip has these attributes together
    features: Tensor  # ND
    reconstructed: Tensor  # ND

    def unseen(self) -> "ReferenceFeatures":
        """Return the part whose attributes no training clip has together."""
        rows = [i for i, unseen in enumerate(self.is_unseen) if unseen]
        attributes, captions = [self.attributes[i] for i in rows], [self.captions[i] for i in rows]
        return ReferenceFeatures(
            attributes, captions, [True] * len(rows), self.features[rows], self.reconstructed[rows]
        )


@dataclass(frozen=True)
class Baseline:
    """Features of a trivial answer to the same task, sample by sample."""

    name: str
    features: Tensor  # ND


def features_of(judge: Judge, clips: Iterable[Pixels]) -> Tensor:
    """Return features (N, D) of clips of mixed sizes, in their order; a few clips at a time are in memory."""
    device = next(judge.parameters()).device
    found: dict[int, Tensor] = {}
    waiting: dict[tuple[int, ...], dict[int, Pixels]] = {}

    def judge_now(part: dict[int, Pixels]) -> None:
        frames_BTHWC = torch.from_numpy(np.stack(list(part.values()))).to(device)
        found.update(zip(part, judge.features(frames_BTHWC), strict=True))
        part.clear()

    for i, pixels in enumerate(clips):
        part = waiting.setdefault(pixels.shape, {})
        part[i] = pixels
        if len(part) == BATCH_CLIPS:
            judge_now(part)
    for part in waiting.values():
        if part:
            judge_now(part)
    return torch.stack([found[i] for i in sorted(found)])


def accuracies(
    judge: Judge,
    judged: JudgedSamples,
    real: ReferenceFeatures | None,
    *,
    suffix: str = "",
    baseline: Baseline | None = None,
) -> list[Measure]:
    """Measure accuracy for each attribute that the judge knows and that samples should have."""
    wanted = [sample.attributes for sample in judged.samples]
    right = correct(judge, judged.features, wanted)
    right_of_baseline = correct(judge, baseline.features, wanted) if baseline else None
    of_real = correct(judge, real.features, real.attributes) if real else {}
    of_reconstructed = correct(judge, real.reconstructed, real.attributes) if real else {}
    return [
        Measure(
            task=judged.samples[0].task,
            name=f"{name}_accuracy{suffix}{JUDGE}",
            unit="share",
            better="higher",
            sample_ids=[judged.samples[i].sample_id for i in found],
            values=list(found.values()),
            baselines=list(right_of_baseline[name].values()) if right_of_baseline else None,
            baseline_name=baseline.name if baseline else None,
            chance=1 / len(judge.values[name]),
            reconstruction_ceiling=_mean(of_reconstructed.get(name, {}).values()),
            real_ceiling=_mean(of_real.get(name, {}).values()),
        )
        for name, found in right.items()
        if found
    ]


def correct(judge: Judge, features_ND: Tensor, wanted: Sequence[Mapping[str, str]]) -> dict[str, dict[int, float]]:
    """Return attribute -> position -> 1 if the judge is right, else 0; positions without a known value are left out."""
    answers = judge.named(features_ND)
    return {
        name: {i: float(answers[name][i] == of[name]) for i, of in enumerate(wanted) if of.get(name) in kinds}
        for name, kinds in judge.values.items()
    }


def similarity(judge: Judge, judged: JudgedSamples, real: ReferenceFeatures | None, *, suffix: str = "") -> Measure:
    """Measure the cosine between samples and their prompts; chance is the mean cosine with the other prompts."""
    prompts = [sample.prompt for sample in judged.samples]
    cosine_NN = cosines(judge, judged.features, prompts)
    differs_NN = torch.tensor([[one != other for other in prompts] for one in prompts], device=cosine_NN.device)
    captioned = [i for i, caption in enumerate(real.captions) if caption] if real else []
    captions = [real.captions[i] for i in captioned] if real else []
    return Measure(
        task=judged.samples[0].task,
        name=f"clip_similarity{suffix}{JUDGE}",
        unit="",
        better="higher",
        sample_ids=[sample.sample_id for sample in judged.samples],
        values=cosine_NN.diag().tolist(),
        chance=_mean(cosine_NN[differs_NN].tolist()),
        reconstruction_ceiling=_mean(cosines(judge, real.reconstructed[captioned], captions).diag().tolist())
        if real
        else None,
        real_ceiling=_mean(cosines(judge, real.features[captioned], captions).diag().tolist()) if real else None,
    )


def cosines(judge: Judge, features_ND: Tensor, texts: Sequence[str]) -> Tensor:
    """Return the cosine of every clip (rows) with every text (columns)."""
    return F.normalize(features_ND, dim=1) @ F.normalize(judge.text_features(texts), dim=1).T


def distance(
    judged: JudgedSamples, real: ReferenceFeatures, *, trained: Baseline | None, trivial: Baseline | None
) -> Score:
    """Measure the Fréchet distance to the held-out real clips.

    The real ceiling is that of `trained`, real clips of the train split: zero is out of reach for so few samples. The
    bootstrap is biased for a distance, so there is no interval.
    """
    held_out = _doubles(real.features)
    return Score(
        name=f"frechet_distance{JUDGE}",
        task=judged.samples[0].task,
        value=frechet_distance(_doubles(judged.features), held_out),
        low=None,
        high=None,
        chance=None,
        baseline=frechet_distance(_doubles(trivial.features), held_out) if trivial else None,
        baseline_name=trivial.name if trivial else None,
        reconstruction_ceiling=frechet_distance(_doubles(real.reconstructed), held_out),
        real_ceiling=frechet_distance(_doubles(trained.features), held_out) if trained else None,
        n=len(judged.samples),
        unit="",
        better="lower",
    )


def _doubles(features_ND: Tensor) -> Doubles:
    features: Doubles = features_ND.double().cpu().numpy()
    return features


def _mean(values: Iterable[float]) -> float | None:
    known = list(values)
    return float(np.mean(known)) if known else None
