"""Seed -> what each file of the corpus shows. Pure; shares are met exactly, not on average.

Of the 144 combinations of shape, colour and motion, 24 (one motion for each shape and colour) never occur in training.
Every word of the captions still does.
"""

from dataclasses import dataclass
from itertools import product
from typing import Literal, TypeVar

import numpy as np

from components.common.random import seed_of
from components.corpus.config import Config

SHAPES = ("circle", "square", "triangle", "cross")
COLOURS = ("red", "yellow", "green", "blue", "pink", "white")
MOTIONS = {
    "left": "moves to the left",
    "right": "moves to the right",
    "up": "moves up",
    "down": "moves down",
    "grows": "grows larger",
    "shrinks": "shrinks away",
}
VIDEO_CAPTIONS = (
    "a {colour} {shape} {moves}",
    "the {colour} {shape} {moves}",
    "a large {colour} {shape} {moves}",
    "a video of a {colour} {shape} that {moves}",
    "on a plain background a {colour} {shape} {moves}",
    "a {shape} in {colour} {moves}",
)
IMAGE_CAPTIONS = (
    "a {colour} {shape}",
    "a picture of a {colour} {shape}",
    "a {colour} {shape} on a plain background",
    "a {shape} in {colour}",
)
T = TypeVar("T")
Combination = tuple[str, str, str]


@dataclass(frozen=True)
class Item:
    """One file. `motion` is empty for an image."""

    path: str
    shape: str
    colour: str
    motion: str
    unseen: bool
    split: Literal["train", "heldout"]
    caption: str
    portrait: bool
    long: bool
    sound: Literal["audible", "silent", "none"]
    seed: int


def combinations() -> tuple[list[Combination], list[Combination]]:
    """The combinations that training may show, and those that it never does."""
    motions = list(MOTIONS)
    hidden = [
        (shape, colour, motions[(COLOURS.index(colour) + 2 * SHAPES.index(shape)) % len(motions)])
        for shape, colour in product(SHAPES, COLOURS)
    ]
    return [triple for triple in product(SHAPES, COLOURS, motions) if triple not in hidden], hidden


def items(config: Config) -> list[Item]:
    """Everything the corpus holds, videos first, in the order of their names."""
    return _videos(config) + _images(config)


def _videos(config: Config) -> list[Item]:
    rng = np.random.default_rng(seed_of(config.seed, "videos"))
    seen, hidden = combinations()
    heldout, count = config.heldout_videos, config.videos
    # Held out: every second one unseen, so that as many as possible of the unseen are there, then seen ones.
    unseen = _cycled(rng, hidden, (heldout + 1) // 2)
    triples = unseen + _cycled(rng, seen, heldout - len(unseen)) + _cycled(rng, seen, count - heldout)
    captioned = [True] * heldout + [not empty for empty in _share(rng, count - heldout, config.uncaptioned_share)]
    long, portrait = _share(rng, count, config.long_share), _share(rng, count, config.portrait_share)
    mute = _share(rng, count, config.silent_share + config.soundless_share)
    soundless = _share(rng, sum(mute), config.soundless_share / max(config.silent_share + config.soundless_share, 1e-9))
    order = iter(soundless)
    made = []
    for index, (shape, colour, motion) in enumerate(triples):
        template = VIDEO_CAPTIONS[int(rng.integers(len(VIDEO_CAPTIONS)))]
        made.append(
            Item(
                path=f"videos/{index:06d}.mp4",
                shape=shape,
                colour=colour,
                motion=motion,
                unseen=index < len(unseen),
                split="heldout" if index < heldout else "train",
                caption=template.format(shape=shape, colour=colour, moves=MOTIONS[motion]) if captioned[index] else "",
                portrait=portrait[index],
                long=long[index],
                sound=("none" if next(order) else "silent") if mute[index] else "audible",
                seed=seed_of(config.seed, "video", index),
            )
        )
    return made


def _images(config: Config) -> list[Item]:
    rng = np.random.default_rng(seed_of(config.seed, "images"))
    pairs = _cycled(rng, list(product(SHAPES, COLOURS)), config.images)
    portrait = _share(rng, config.images, config.portrait_share)
    shown = config.images - config.heldout_images
    captioned = [True] * config.heldout_images + [not bare for bare in _share(rng, shown, config.uncaptioned_share)]
    made = []
    for index, (shape, colour) in enumerate(pairs):
        template = IMAGE_CAPTIONS[int(rng.integers(len(IMAGE_CAPTIONS)))]
        made.append(
            Item(
                path=f"images/{index:06d}.{'png' if index % 2 else 'jpg'}",
                shape=shape,
                colour=colour,
                motion="",
                unseen=False,
                split="heldout" if index < config.heldout_images else "train",
                caption=template.format(shape=shape, colour=colour) if captioned[index] else "",
                portrait=portrait[index],
                long=False,
                sound="none",
                seed=seed_of(config.seed, "image", index),
            )
        )
    return made


def _cycled(rng: np.random.Generator, choices: list[T], count: int) -> list[T]:
    """`count` choices, each as often as any other (± 1), in random order round by round."""
    drawn: list[T] = []
    while len(drawn) < count:
        drawn += [choices[int(index)] for index in rng.permutation(len(choices))]
    return drawn[:count]


def _share(rng: np.random.Generator, count: int, share: float) -> list[bool]:
    return [bool(place < round(count * share)) for place in rng.permutation(count)]
