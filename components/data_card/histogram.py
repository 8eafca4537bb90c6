"""Clips by bins of a score, with the limits of the rules -> places on paper. Pure. Lengths are pixels."""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from components.common.pages import formatting
from components.data_card.data import ScoreLimit
from components.data_card.statistics import EDGES, BinCounts

WIDTH, HEIGHT, FLOOR, TOP, LEFT = 300.0, 132.0, 112.0, 14.0, 34.0  # bars stand on FLOOR, right of LEFT
LEAST = 2.0  # height of a bar that would be too thin to see
TICKS = 5


@dataclass(frozen=True)
class HistogramBar:
    """One bin: the height of its kept clips, and of the dropped clips on top of them."""

    x: float
    width: float
    dropped_px: float
    kept_px: float
    text: str


@dataclass(frozen=True)
class LimitLine:
    """The limit of a rule, and the range that it drops."""

    x: float
    out_x: float
    out_width: float
    text: str


@dataclass(frozen=True)
class Histogram:
    """A finished histogram."""

    score: str
    title: str
    unit: str
    bars: tuple[HistogramBar, ...]
    ticks: tuple[tuple[float, str], ...]
    counts: tuple[tuple[float, str], ...]  # ticks of the count axis
    limits: tuple[LimitLine, ...]
    unmeasured: int


def histogram(score: str, bins: BinCounts, bounds: Sequence[ScoreLimit]) -> Histogram:
    """Draw bins of equal width, from the first that is not empty, or has a limit, to the last."""
    mine = [bound for bound in bounds if bound.score == score]
    *measured, unmeasured = bins.arrived
    lines = [value for bound in mine for value in (bound.least, bound.most) if value is not None]
    used = [number for number, count in enumerate(measured) if count] + [bisect_right(EDGES, line) for line in lines]
    first, last = min(used, default=0), max(used, default=0)
    width = (WIDTH - LEFT) / (last - first + 1)
    highest = max(measured[first : last + 1], default=0) or 1

    def place(value: float) -> float:
        number = bisect_right(EDGES, value)
        if not 0 < number < len(EDGES):
            return round(LEFT + (number - first) * width, 1)
        low, high = EDGES[number - 1], EDGES[number]
        return round(LEFT + (number - first + (value - low) / (high - low)) * width, 1)

    bars = tuple(
        HistogramBar(
            round(LEFT + (number - first) * width, 1),
            round(width, 1),
            _height(measured[number] - bins.kept[number], highest),
            _height(bins.kept[number], highest),
            f"{_range(number)}: {measured[number]} arrived, {bins.kept[number]} kept",
        )
        for number in range(first, last + 1)
    )
    step = max(1, -(-(last - first + 1) // TICKS))
    ticks = tuple(
        (round(LEFT + (number - first) * width, 1), f"{EDGES[number - 1]:g}")
        for number in range(max(first, 1), last + 1, step)
    )
    limits = [_limit(bound.reason, "below", bound.least, place) for bound in mine if bound.least is not None]
    limits += [_limit(bound.reason, "above", bound.most, place) for bound in mine if bound.most is not None]
    unit = mine[0].unit if mine else ""
    title = formatting.title(score.removesuffix(f"_{unit}"))
    return Histogram(score, title, unit, bars, ticks, _count_ticks(highest), tuple(limits), unmeasured)


def _height(count: int, highest: int) -> float:
    exact = (FLOOR - TOP) * count / highest
    return round(max(exact, LEAST), 1) if count else 0.0


def _count_ticks(highest: int) -> tuple[tuple[float, str], ...]:
    """Return zero and up to three round numbers of clips."""
    power = 10 ** (len(str(highest)) - 1)
    step = next(step for step in (power, 2 * power, 5 * power) if highest / step < 4) if power > 1 or highest > 3 else 1
    return tuple(
        (round(FLOOR - (FLOOR - TOP) * count / highest, 1), formatting.number(count))
        for count in range(0, highest + 1, step)
    )


def _limit(reason: str, side: str, value: float, place: Callable[[float], float]) -> LimitLine:
    x = place(value)
    start, end = (LEFT, x) if side == "below" else (x, WIDTH)
    return LimitLine(x, start, round(end - start, 1), f"{reason}: {side} {value:g}")


def _range(number: int) -> str:
    if number == 0:
        return f"below {EDGES[0]:g}"
    return f"{EDGES[number - 1]:g} " + (f"to {EDGES[number]:g}" if number < len(EDGES) else "and more")
