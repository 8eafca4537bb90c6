"""Samples -> groups of cards, one group a task, super-resolution last.

A card shows what was given, what was made, and the truth, all at one width: that of the widest where one of them is
larger than a base clip (super-resolution at its true size, the base beside it enlarged), otherwise `base_width_px`.
Cards are picked evenly from all samples, never by how they look.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from components.language_model.tasks import TASKS
from components.report.ops import words
from components.report.records import Media, Sample

SUPER_RESOLUTION: Final = "super_resolution"


@dataclass(frozen=True)
class Shown:
    """A clip or picture in a card, with its size on the page."""

    role: str
    media: Media
    width: int
    height: int

    @property
    def enlarged(self) -> bool:
        """Whether single pixels should stay visible."""
        return self.width > self.media.width_px

    @property
    def label(self) -> str:
        """The role, and the true size."""
        return f"{self.role}, {self.media.width_px}×{self.media.height_px}"


@dataclass(frozen=True)
class Card:
    """A sample and what stands beside it."""

    sample: Sample
    shown: tuple[Shown, ...]


@dataclass(frozen=True)
class Group:
    """A task's cards, out of `total` samples."""

    name: str
    title: str
    description: str
    total: int
    cards: tuple[Card, ...]


def groups(samples: Sequence[Sample], *, each: int, base_width_px: int, width_px: int) -> tuple[Group, ...]:
    """Group samples in the order in which tasks first appear, `each` cards at most; base clips are `width_px` wide."""
    bases = {sample.subject: sample for sample in samples if sample.stage != SUPER_RESOLUTION}
    named: dict[str, list[Sample]] = {}
    for sample in sorted(samples, key=lambda sample: sample.stage == SUPER_RESOLUTION):
        named.setdefault(SUPER_RESOLUTION if sample.stage == SUPER_RESOLUTION else sample.task, []).append(sample)
    found = []
    for name, members in named.items():
        cards = []
        for sample in evenly(members, each):
            base = bases.get(sample.subject) if name == SUPER_RESOLUTION else None
            cards.append(Card(sample, _shown(sample, base, base_width_px, width_px)))
        found.append(Group(name, words.title(name), description(name), len(members), tuple(cards)))
    return tuple(found)


def evenly(samples: Sequence[Sample], wanted: int) -> list[Sample]:
    """Pick `wanted` samples at equal distances, the first and the last among them."""
    if len(samples) <= wanted:
        return list(samples)
    return [samples[number * (len(samples) - 1) // max(1, wanted - 1)] for number in range(wanted)]


def description(name: str) -> str:
    """Say what a task is given and what it makes; nothing of a name that is no task of the language model."""
    if name == SUPER_RESOLUTION:
        return "Each stage doubles height and width. Shown at its true size; the base beside it is enlarged."
    if name not in TASKS:
        return ""
    task = TASKS[name]
    given = [
        text
        for text, there in (
            ("words", task.text),
            ("a first frame", task.frames == "first"),
            ("the first frames", task.frames == "any"),
            ("a video", task.frames == "whole"),
            ("a video with its middle hidden", task.masked == "inpaint"),
            ("the middle of a video", task.masked == "outpaint"),
            ("optical flow and depth", task.structure),
            ("a sound", task.sound == "whole"),
            ("the sound of its start", task.sound == "start"),
        )
        if there
    ]
    visual = ("a picture" if task.media == "image" else "a video") if task.makes_visual else ""
    made = words.listed([*([visual] if visual else []), *(["its sound"] if task.makes_audio else [])])
    return f"From {words.listed(given) or 'nothing'}: {made}."


def _shown(sample: Sample, base: Sample | None, base_width_px: int, width_px: int) -> tuple[Shown, ...]:
    parts = [
        ("given", sample.condition),
        ("base", base.made if base else None),
        ("super-resolved" if sample.stage == SUPER_RESOLUTION else "made", sample.made),
        ("truth", sample.truth),
    ]
    there = [(role, media) for role, media in parts if media is not None]
    widest = max(media.width_px for _, media in there)
    width = widest if widest > width_px else base_width_px
    return tuple(Shown(role, media, width, round(media.height_px * width / media.width_px)) for role, media in there)
