"""Captions and labels of training clips -> weight of each clip in the draws. Pure.

A concept is a word in the captions of enough clips that is no stopword. By raking, as polls are weighted, each frequent
concept and label gets a factor of at most 1 that lowers it to the greatest share of the draws that it may have; the
weight of a clip is the product of its factors. Factors are found jointly, since lowering one raises all others. A clip
without concept and label has the mean weight.

Invariants: the weights have mean 1, and none is above the cap or below its inverse, so no clip vanishes; a clip with
a subset of another's frequent concepts never weighs less; the order of the clips changes nothing; and where nothing is
too frequent every weight is exactly 1. If the other clips are too few, shares end above their limits.

Shapes: N clips, G kinds of clips that have the same frequent concepts and labels, F these concepts and labels.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import fsum

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from components.filter.config import Balancing

WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
Weights = NDArray[np.float32]  # so few digits that every machine finds the same
Exact = NDArray[np.float64]
Feature = tuple[str, str]  # "concept" or "attribute", and its name
DIGITS = 9
ROUNDS, STEP, ENOUGH = 100, 0.5, 1.001  # raking: most rounds, step of each, and ratio to the limit at which it ends
LOWEST = -600  # logarithm whose exponential is not 0


@dataclass(frozen=True)
class Share:
    """Share of the draws of the training clips with one concept or label."""

    of: str  # "concept" or "attribute"
    name: str  # of an attribute, "" for clips without a label
    clips: int
    share_before: float  # if all clips are drawn alike
    share_after: float


def words_of(caption: str) -> frozenset[str]:
    """Return the words of a caption in lower case. Text without spaces between words counts as one word."""
    return frozenset(WORD.findall(unicodedata.normalize("NFKC", caption).casefold()))


def counts(captions: Iterable[str], config: Balancing) -> Mapping[str, int]:
    """Count the clips of each concept."""
    found = Counter(word for caption in captions for word in words_of(caption))
    return {word: clips for word, clips in found.items() if clips >= config.min_clips and word not in config.stopwords}


def weights(captions: Sequence[str], labels: Sequence[str], config: Balancing) -> Weights:
    """Return the draws of each clip relative to the mean; `labels` are "" for clips without one."""
    weights_N = np.ones(len(captions), np.float32)
    most, kinds = frequent(captions, labels, config)
    count_of = Counter(kind for kind in kinds if kind is not None)
    if most and count_of:
        every = sorted(count_of)
        column_of = {feature: column for column, feature in enumerate(most)}
        columns = [column_of[feature] for kind in every for feature in kind]
        ends = np.cumsum([0, *map(len, every)])
        has_GF = sparse.csr_array((np.ones(len(columns)), columns, ends), (len(every), len(most)))
        clips_G = np.array([count_of[kind] for kind in every], np.float64)
        weight_of = dict(
            zip(every, raked(has_GF, clips_G, np.array(list(most.values())), config.max_draws), strict=True)
        )
        weights_N[:] = [1 if kind is None else weight_of[kind] for kind in kinds]
    return weights_N


def frequent(
    captions: Sequence[str], labels: Sequence[str], config: Balancing
) -> tuple[dict[Feature, float], list[tuple[Feature, ...] | None]]:
    """Return features that could exceed their share of the draws, with that share; and those that each clip has.

    None stands for a clip without concept and label.
    """
    known = counts(captions, config) if config.limits["concept"] else {}
    by_label = labels if config.limits["attribute"] else [""] * len(labels)
    described = sum(
        1 for caption, label in zip(captions, by_label, strict=True) if label or known.keys() & words_of(caption)
    )
    least = config.max_share * described / config.max_draws  # a concept of fewer clips cannot become too frequent
    most = {("concept", word): config.max_share for word, clips in known.items() if clips > least}
    most |= {("attribute", label): config.attribute.max_share for label in set(by_label) - {""}}
    kinds: list[tuple[Feature, ...] | None] = []
    for caption, label in zip(captions, by_label, strict=True):
        concepts = [("concept", word) for word in words_of(caption) if word in known]
        features = [*concepts, ("attribute", label)] if label else concepts
        kinds.append(tuple(sorted(feature for feature in features if feature in most)) if features else None)
    return dict(sorted(most.items())), kinds


def raked(has_GF: sparse.csr_array, clips_G: Exact, most_F: Exact, max_draws: float) -> Exact:
    """Return the weight of each kind so that, where possible, no feature has more than its share of the draws."""
    logs_F = np.zeros(len(most_F))
    for _ in range(ROUNDS):
        weights_G = capped(has_GF @ logs_F, clips_G, max_draws)
        excess_F = (has_GF.T @ (weights_G * clips_G)) / clips_G.sum() / most_F
        if excess_F.max() <= ENOUGH and (excess_F >= 1 / ENOUGH)[logs_F < 0].all():
            break
        logs_F = np.minimum(0, logs_F - STEP * np.log(np.maximum(excess_F, np.finfo(float).tiny)))
    return weights_G


def capped(logs_G: Exact, clips_G: Exact, most: float) -> Exact:
    """Scale weights to mean 1 over all clips, with none above `most` or below its inverse."""
    if most == 1 or logs_G.min() == logs_G.max():
        return np.ones(len(logs_G))
    raw_G = np.exp(np.maximum(logs_G - logs_G.max(), LOWEST))
    order_G = raw_G.argsort(kind="stable")
    rising_G = raw_G[order_G]
    clips = np.concatenate([[0], clips_G[order_G].cumsum()])
    mass = np.concatenate([[0], (clips_G[order_G] * rising_G).cumsum()])

    def bounds(scale: Exact) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        return rising_G.searchsorted(1 / most / scale), rising_G.searchsorted(most / scale, side="right")

    bends = np.sort(np.concatenate([1 / most / rising_G, most / rising_G]))  # scales at which a kind reaches a bound
    low, high = bounds(bends)
    sums = clips[low] / most + bends * (mass[high] - mass[low]) + most * (clips[-1] - clips[high])
    after = max(1, int((sums >= clips[-1]).argmax()))
    low, high = bounds(np.sqrt(bends[after - 1 : after]) * np.sqrt(bends[after : after + 1]))
    free = mass[high] - mass[low]
    scale = (clips[-1] - clips[low] / most - most * (clips[-1] - clips[high])) / free if free[0] else bends[after]
    scaled_G: Exact = np.clip(raw_G * scale, 1 / most, most)
    return scaled_G


def effective_clips(weights_N: Weights) -> float:
    """Return Kish's effective sample size: the number of equally weighted clips with the same variance."""
    exact = weights_N.astype(np.float64)
    return fsum(exact) ** 2 / fsum(exact**2) if len(exact) else 0.0


def shares(captions: Sequence[str], labels: Sequence[str], weights_N: Weights, config: Balancing) -> list[Share]:
    """Return shares before and after: concepts, then labels where a model gives them; most frequent first."""
    known = counts(captions, config)
    concepts = ((word for word in words_of(caption) if word in known) for caption in captions)
    found = list(_shares("concept", concepts, weights_N))
    if config.attribute.model:
        found += _shares("attribute", ([label] for label in labels), weights_N)
    return found


def _shares(of: str, names: Iterable[Iterable[str]], weights_N: Weights) -> Iterator[Share]:
    clips, drawn = Counter[str](), Counter[str]()
    for having, weight in zip(names, weights_N.tolist(), strict=True):
        for name in having:
            clips[name] += 1
            drawn[name] += weight
    every = fsum(weights_N)
    for name in sorted(clips, key=lambda name: (-clips[name], name)):
        before, after = clips[name] / len(weights_N), drawn[name] / every
        yield Share(of, name, clips[name], round(before, DIGITS), round(after, DIGITS))
