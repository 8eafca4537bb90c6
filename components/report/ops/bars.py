"""A score among its marks -> places on a line.

Right is better, whatever the measure. Places are shares of the line, 0 left and 1 right.
"""

from dataclasses import dataclass

from components.common.pages import words
from components.evaluate.records import Score

PADDING = 0.06


@dataclass(frozen=True)
class Mark:
    """A known number beside the value."""

    kind: str  # chance, baseline, reconstruction or real
    place: float
    label: str


@dataclass(frozen=True)
class ScoreBar:
    """Where the value, its interval and its marks stand."""

    value: float
    interval: tuple[float, float] | None
    marks: tuple[Mark, ...]


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
    marks = tuple(Mark(kind, place(value), words.quantity(value, score.unit)) for kind, value in known.items())
    return ScoreBar(place(score.value), interval, marks)
