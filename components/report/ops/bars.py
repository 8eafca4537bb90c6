"""A score and its reference points -> places on a line.

Right is better, whatever the measure. Places are shares of the line, 0 left and 1 right.
"""

from dataclasses import dataclass
from typing import Final

from components.common.pages import formatting
from components.evaluate.records import Score

PADDING = 0.06
NAMES: Final = {
    "chance": "chance",
    "baseline": "baseline",
    "reconstruction": "real clips through the tokenizer",
    "real": "real clips",
}


@dataclass(frozen=True)
class Mark:
    """A known number beside the value."""

    kind: str  # chance, baseline, reconstruction or real
    place: float
    label: str


@dataclass(frozen=True)
class ScoreBar:
    """Places of the value, its interval and its marks; `label` says the same in words."""

    value: float
    interval: tuple[float, float] | None
    marks: tuple[Mark, ...]
    label: str


def bar(score: Score) -> ScoreBar:
    """Place a score: shares on 0 to 1, other units between the extremes of all that is known."""
    numbers = {
        "chance": score.chance,
        "baseline": score.baseline,
        "reconstruction": score.reconstruction_ceiling,
        "real": score.real_ceiling,
    }
    known = {kind: value for kind, value in numbers.items() if value is not None}
    extent = [score.value, *known.values(), *(end for end in (score.low, score.high) if end is not None)]
    low, high = (0.0, 1.0) if score.unit == "share" else (min(extent), max(extent))
    room = PADDING * (high - low) or 1.0

    def place(value: float) -> float:
        share = (value - low + room) / (high - low + 2 * room)
        return round(min(max(1 - share if score.better == "lower" else share, 0.0), 1.0), 4)

    interval = None
    if score.low is not None and score.high is not None:
        left, right = sorted((place(score.low), place(score.high)))
        interval = (left, right)
    marks = tuple(Mark(kind, place(value), formatting.quantity(value, score.unit)) for kind, value in known.items())
    return ScoreBar(place(score.value), interval, marks, _label(score, marks))


def _label(score: Score, marks: tuple[Mark, ...]) -> str:
    """Everything that the line shows, in words."""
    parts = [formatting.quantity(score.value, score.unit)]
    if score.low is not None and score.high is not None:
        low = formatting.quantity(score.low, score.unit, bare=True)
        parts.append(f"95 % interval {low} to {formatting.quantity(score.high, score.unit)}")
    return "; ".join(parts + [f"{NAMES[mark.kind]} {mark.label}" for mark in marks])
