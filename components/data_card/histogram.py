"""Clips by bins of a score, with the limits of the rules -> places on paper. Pure. Lengths are pixels."""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from components.common.pages import words
from components.data_card.data import ScoreLimit
from components.data_card.statistics import EDGES, BinCounts

WIDTH, HEIGHT, FLOOR, TOP = 300.0, 132.0, 112.0, 14.0  # FLOOR is where bars stand
TICKS = 5


@dataclass(frozen=True)
class HistogramBar:
    """One bin: how high it is for what arrived, and for what is kept."""

    x: float
    width: float
    arrived_px: float
    kept_px: float
    words: str


@dataclass(frozen=True)
class LimitLine:
    """Where a rule draws the line, and from where to where it drops."""

    x: float
    out_x: float
    out_width: float
    words: str


@dataclass(frozen=True)
class Histogram:
    """A finished drawing."""

    score: str
    title: str
    unit: str
    bars: tuple[HistogramBar, ...]
    ticks: tuple[tuple[float, str], ...]
    limits: tuple[LimitLine, ...]
    unmeasured: int


def histogram(score: str, bins: BinCounts, bounds: Sequence[ScoreLimit]) -> Histogram:
    """Draw bins of equal width, from the first that is not empty, or has a limit, to the last."""
    mine = [bound for bound in bounds if bound.score == score]
    *measured, unmeasured = bins.arrived
    lines = [value for bound in mine for value in (bound.least, bound.most) if value is not None]
    used = [number for number, count in enumerate(measured) if count] + [bisect_right(EDGES, line) for line in lines]
    first, last = min(used, default=0), max(used, default=0)
    width = WIDTH / (last - first + 1)
    highest = max(measured[first : last + 1], default=0) or 1

    def place(value: float) -> float:
        number = bisect_right(EDGES, value)
        if not 0 < number < len(EDGES):
            return (number - first) * width
        low, high = EDGES[number - 1], EDGES[number]
        return round((number - first + (value - low) / (high - low)) * width, 1)

    bars = tuple(
        HistogramBar(
            round((number - first) * width, 1),
            round(width, 1),
            round((FLOOR - TOP) * measured[number] / highest, 1),
            round((FLOOR - TOP) * bins.kept[number] / highest, 1),
            f"{_range(number)}: {measured[number]} arrived, {bins.kept[number]} kept",
        )
        for number in range(first, last + 1)
    )
    step = max(1, -(-(last - first + 1) // TICKS))
    ticks = tuple(
        (round((number - first) * width, 1), f"{EDGES[number - 1]:g}")
        for number in range(max(first, 1), last + 1, step)
    )
    limits = [_limit(bound.reason, "below", bound.least, place) for bound in mine if bound.least is not None]
    limits += [_limit(bound.reason, "above", bound.most, place) for bound in mine if bound.most is not None]
    unit = mine[0].unit if mine else ""
    title = words.title(score.removesuffix(f"_{unit}"))
    return Histogram(score, title, unit, bars, ticks, tuple(limits), unmeasured)


def _limit(reason: str, side: str, value: float, place: Callable[[float], float]) -> LimitLine:
    x = place(value)
    start, end = (0.0, x) if side == "below" else (x, WIDTH)
    return LimitLine(x, start, round(end - start, 1), f"{reason}: {side} {value:g}")


def _range(number: int) -> str:
    if number == 0:
        return f"below {EDGES[0]:g}"
    return f"{EDGES[number - 1]:g} " + (f"to {EDGES[number]:g}" if number < len(EDGES) else "and more")
