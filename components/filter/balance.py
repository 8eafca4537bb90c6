"""Captions and labels of training clips -> how often each is drawn. Pure.

A concept is a word that captions of enough clips say, filling words apart. By raking, as polls are weighted, each
frequent concept and label gets a factor of at most 1 that brings it down to the largest share of the draws that it may
have; a clip weighs the product of its factors. Factors are found together, since what falls lifts all else. A clip that
says no concept and has no label has the mean weight.

Laws: weights have the mean 1, and none is above the cap or below its inverse, so that no clip vanishes; a clip with
fewer frequent concepts among the same ones never weighs less; the order of the clips changes nothing; and where nothing
is too frequent every weight is 1 to the bit. If too little else is there, shares end above what they may be.

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

from components.filter.config import Balance

WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
Weights = NDArray[np.float32]  # so few digits that every machine finds the same
Exact = NDArray[np.float64]
Feature = tuple[str, str]  # "concept" or "attribute", and its name
DIGITS = 9
ROUNDS, STEP, ENOUGH = 100, 0.5, 1.001  # of raking: at most so many, each so much of the way, until so near
LOWEST = -600  # logarithm that is still a number


@dataclass(frozen=True)
class Share:
    """What some training clips have in common, and how much of all draws they are."""

    of: str  # "concept" or "attribute"
    name: str  # of an attribute, "" if none was told
    clips: int
    share_before: float  # if all clips are drawn alike
    share_after: float


def words(caption: str) -> frozenset[str]:
    """The words of a caption, whatever their case. Text without spaces between words is taken as one."""
    return frozenset(WORD.findall(unicodedata.normalize("NFKC", caption).casefold()))


def counts(captions: Iterable[str], config: Balance) -> Mapping[str, int]:
    """Concept -> clips that say it."""
    found = Counter(word for caption in captions for word in words(caption))
    return {word: clips for word, clips in found.items() if clips >= config.min_clips and word not in config.filling}


def weights(captions: Sequence[str], labels: Sequence[str], config: Balance) -> Weights:
    """How often each clip is drawn while one of the average is drawn once; `labels` are "" where none was told."""
    weights_N = np.ones(len(captions), np.float32)
    most, kinds = frequent(captions, labels, config)
    told = Counter(kind for kind in kinds if kind is not None)
    if most and told:
        every = sorted(told)
        place = {feature: column for column, feature in enumerate(most)}
        columns = [place[feature] for kind in every for feature in kind]
        ends = np.cumsum([0, *map(len, every)])
        has_GF = sparse.csr_array((np.ones(len(columns)), columns, ends), (len(every), len(most)))
        clips_G = np.array([told[kind] for kind in every], np.float64)
        weight_of = dict(
            zip(every, raked(has_GF, clips_G, np.array(list(most.values())), config.max_draws), strict=True)
        )
        weights_N[:] = [1 if kind is None else weight_of[kind] for kind in kinds]
    return weights_N


def frequent(
    captions: Sequence[str], labels: Sequence[str], config: Balance
) -> tuple[dict[Feature, float], list[tuple[Feature, ...] | None]]:
    """What might get more of the draws than it may, with what it may; and which of that each clip has.

    None stands for a clip that says no concept and has no label.
    """
    known = counts(captions, config) if config.limits["concept"] else {}
    by_label = labels if config.limits["attribute"] else [""] * len(labels)
    told = sum(1 for caption, label in zip(captions, by_label, strict=True) if label or known.keys() & words(caption))
    least = config.max_share * told / config.max_draws  # what fewer clips say cannot become too frequent
    most = {("concept", word): config.max_share for word, clips in known.items() if clips > least}
    most |= {("attribute", label): config.attribute.max_share for label in set(by_label) - {""}}
    kinds: list[tuple[Feature, ...] | None] = []
    for caption, label in zip(captions, by_label, strict=True):
        said = [("concept", word) for word in words(caption) if word in known]
        features = [*said, ("attribute", label)] if label else said
        kinds.append(tuple(sorted(feature for feature in features if feature in most)) if features else None)
    return dict(sorted(most.items())), kinds


def raked(has_GF: sparse.csr_array, clips_G: Exact, most_F: Exact, max_draws: float) -> Exact:
    """Weight of each kind, so that no feature has more than its share of the draws where that can be."""
    logs_F = np.zeros(len(most_F))
    for _ in range(ROUNDS):
        weights_G = capped(has_GF @ logs_F, clips_G, max_draws)
        excess_F = (has_GF.T @ (weights_G * clips_G)) / clips_G.sum() / most_F
        if excess_F.max() <= ENOUGH and (excess_F >= 1 / ENOUGH)[logs_F < 0].all():
            break
        logs_F = np.minimum(0, logs_F - STEP * np.log(np.maximum(excess_F, np.finfo(float).tiny)))
    return weights_G


def capped(logs_G: Exact, clips_G: Exact, most: float) -> Exact:
    """Scale to the mean 1 over all clips; none comes out above `most` or below its inverse."""
    if most == 1 or logs_G.min() == logs_G.max():
        return np.ones(len(logs_G))
    raw_G = np.exp(np.maximum(logs_G - logs_G.max(), LOWEST))
    order_G = raw_G.argsort(kind="stable")
    rising_G = raw_G[order_G]
    clips = np.concatenate([[0], clips_G[order_G].cumsum()])
    mass = np.concatenate([[0], (clips_G[order_G] * rising_G).cumsum()])

    def bounds(scale: Exact) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        return rising_G.searchsorted(1 / most / scale), rising_G.searchsorted(most / scale, side="right")

    bends = np.sort(np.concatenate([1 / most / rising_G, most / rising_G]))  # where a kind reaches a bound
    low, high = bounds(bends)
    sums = clips[low] / most + bends * (mass[high] - mass[low]) + most * (clips[-1] - clips[high])
    after = max(1, int((sums >= clips[-1]).argmax()))
    low, high = bounds(np.sqrt(bends[after - 1 : after]) * np.sqrt(bends[after : after + 1]))
    free = mass[high] - mass[low]
    scale = (clips[-1] - clips[low] / most - most * (clips[-1] - clips[high])) / free if free[0] else bends[after]
    scaled_G: Exact = np.clip(raw_G * scale, 1 / most, most)
    return scaled_G


def effective_clips(weights_N: Weights) -> float:
    """How many clips drawn alike would vary as much (Kish's effective sample size)."""
    exact = weights_N.astype(np.float64)
    return fsum(exact) ** 2 / fsum(exact**2) if len(exact) else 0.0


def shares(captions: Sequence[str], labels: Sequence[str], weights_N: Weights, config: Balance) -> list[Share]:
    """Before and after: concepts and then, where a model tells them, labels; the most frequent of each first."""
    known = counts(captions, config)
    said = ((word for word in words(caption) if word in known) for caption in captions)
    found = list(_shares("concept", said, weights_N))
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
