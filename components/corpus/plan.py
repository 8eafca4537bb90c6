"""Seed -> content of each file of the corpus. Pure; shares are met exactly, not on average.

Of the 144 combinations of shape, color and motion, 24 (one motion for each shape and color) never occur in training,
although every word of their captions does.
"""

from dataclasses import dataclass
from itertools import product
from typing import Literal, TypeVar

import numpy as np

from components.common.random import seed_of
from components.corpus.config import Config

SHAPES = ("circle", "square", "triangle", "cross")
COLORS = ("red", "yellow", "green", "blue", "pink", "white")
MOTIONS = {
    "left": "moves to the left",
    "right": "moves to the right",
    "up": "moves up",
    "down": "moves down",
    "grows": "grows larger",
    "shrinks": "shrinks away",
}
VIDEO_CAPTIONS = (
    "a {color} {shape} {moves}",
    "the {color} {shape} {moves}",
    "a large {color} {shape} {moves}",
    "a video of a {color} {shape} that {moves}",
    "on a plain background a {color} {shape} {moves}",
    "a {shape} in {color} {moves}",
)
IMAGE_CAPTIONS = (
    "a {color} {shape}",
    "a picture of a {color} {shape}",
    "a {color} {shape} on a plain background",
    "a {shape} in {color}",
)
T = TypeVar("T")
Combination = tuple[str, str, str]


@dataclass(frozen=True)
class PlannedFile:
    """Content of one file. `motion` is empty for an image."""

    path: str
    shape: str
    color: str
    motion: str
    unseen: bool
    split: Literal["train", "heldout"]
    caption: str
    portrait: bool
    long: bool
    audio: Literal["audible", "silent", "none"]
    seed: int


def combinations() -> tuple[list[Combination], list[Combination]]:
    """Return the combinations that training may show, and those that it never does."""
    motions = list(MOTIONS)
    hidden = [
        (shape, color, motions[(COLORS.index(color) + 2 * SHAPES.index(shape)) % len(motions)])
        for shape, color in product(SHAPES, COLORS)
    ]
    return [triple for triple in product(SHAPES, COLORS, motions) if triple not in hidden], hidden


def items(config: Config) -> list[PlannedFile]:
    """Return all files, videos first, in the order of their names."""
    return _videos(config) + _images(config)


def _videos(config: Config) -> list[PlannedFile]:
    rng = np.random.default_rng(seed_of(config.seed, "videos"))
    seen, hidden = combinations()
    heldout, count = config.heldout_videos, config.videos
    # Half of the held-out videos show unseen combinations, as many different ones as possible; the others seen ones.
    unseen = _cycled(rng, hidden, (heldout + 1) // 2)
    triples = unseen + _cycled(rng, seen, heldout - len(unseen)) + _cycled(rng, seen, count - heldout)
    captioned = [True] * heldout + [not empty for empty in _share(rng, count - heldout, config.uncaptioned_share)]
    long, portrait = _share(rng, count, config.long_share), _share(rng, count, config.portrait_share)
    mute_share = config.silent_share + config.without_audio_share
    mute = _share(rng, count, mute_share)
    missing = iter(_share(rng, sum(mute), config.without_audio_share / max(mute_share, 1e-9)))
    made = []
    for index, (shape, color, motion) in enumerate(triples):
        template = VIDEO_CAPTIONS[int(rng.integers(len(VIDEO_CAPTIONS)))]
        made.append(
            PlannedFile(
                path=f"videos/{index:06d}.mp4",
                shape=shape,
                color=color,
                motion=motion,
                unseen=index < len(unseen),
                split="heldout" if index < heldout else "train",
                caption=template.format(shape=shape, color=color, moves=MOTIONS[motion]) if captioned[index] else "",
                portrait=portrait[index],
                long=long[index],
                audio=("none" if next(missing) else "silent") if mute[index] else "audible",
                seed=seed_of(config.seed, "video", index),
            )
        )
    return made


def _images(config: Config) -> list[PlannedFile]:
    rng = np.random.default_rng(seed_of(config.seed, "images"))
    pairs = _cycled(rng, list(product(SHAPES, COLORS)), config.images)
    portrait = _share(rng, config.images, config.portrait_share)
    shown = config.images - config.heldout_images
    captioned = [True] * config.heldout_images + [not bare for bare in _share(rng, shown, config.uncaptioned_share)]
    made = []
    for index, (shape, color) in enumerate(pairs):
        template = IMAGE_CAPTIONS[int(rng.integers(len(IMAGE_CAPTIONS)))]
        made.append(
            PlannedFile(
                path=f"images/{index:06d}.{'png' if index % 2 else 'jpg'}",
                shape=shape,
                color=color,
                motion="",
                unseen=False,
                split="heldout" if index < config.heldout_images else "train",
                caption=template.format(shape=shape, color=color) if captioned[index] else "",
                portrait=portrait[index],
                long=False,
                audio="none",
                seed=seed_of(config.seed, "image", index),
            )
        )
    return made


def _cycled(rng: np.random.Generator, choices: list[T], count: int) -> list[T]:
    """Return `count` choices, each as often as any other (± 1), in random order round by round."""
    drawn: list[T] = []
    while len(drawn) < count:
        drawn += [choices[int(index)] for index in rng.permutation(len(choices))]
    return drawn[:count]


def _share(rng: np.random.Generator, count: int, share: float) -> list[bool]:
    return [bool(number < round(count * share)) for number in rng.permutation(count)]
