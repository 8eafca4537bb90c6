"""A training's numbers -> the geometry of a small chart.

The vertical axis is logarithmic where a curve of positive numbers spans more than `LOGARITHMIC`; ticks are round.
Coordinates are pixels of the chart's own view box, origin at the upper left.
"""

import math
from dataclasses import dataclass

from components.common.pages import formatting
from components.report.records import Points

LOGARITHMIC = 30.0
MOST_MARKS = 7


@dataclass(frozen=True)
class Frame:
    """The size of a chart and the room around its plot."""

    width: float
    height: float
    left: float
    right: float
    top: float
    bottom: float


LARGE = Frame(320, 160, 38, 14, 8, 22)
SMALL = Frame(150, 44, 2, 2, 4, 4)


@dataclass(frozen=True)
class Tick:
    """A mark on an axis."""

    place: float
    label: str


@dataclass(frozen=True)
class Chart:
    """One curve; `line` is the `points` of an SVG polyline."""

    name: str
    frame: Frame
    line: str
    first: str
    last: str
    steps: tuple[Tick, ...]
    values: tuple[Tick, ...]
    logarithmic: bool


def chart(name: str, points: Points, frame: Frame = LARGE) -> Chart:
    """Draw a curve of at least one point."""
    steps, values = [step for step, _ in points], [value for _, value in points]
    low, high = min(values), max(values)
    logarithmic = low > 0 and high / low > LOGARITHMIC
    across = _Axis(min(steps), max(steps), frame.left, frame.width - frame.right, False)
    up = _Axis(low, high, frame.height - frame.bottom, frame.top, logarithmic)
    return Chart(
        name=name,
        frame=frame,
        line=" ".join(f"{across.place(step):.1f},{up.place(value):.1f}" for step, value in points),
        first=formatting.number(values[0]),
        last=formatting.number(values[-1]),
        steps=across.ticks(6),
        values=up.ticks(5),
        logarithmic=logarithmic,
    )


@dataclass(frozen=True)
class _Axis:
    low: float
    high: float
    start: float
    end: float
    logarithmic: bool

    def place(self, value: float) -> float:
        if self.high == self.low:
            return (self.start + self.end) / 2
        share = (self._scaled(value) - self._scaled(self.low)) / (self._scaled(self.high) - self._scaled(self.low))
        return self.start + share * (self.end - self.start)

    def ticks(self, wanted: int) -> tuple[Tick, ...]:
        """Round numbers within the axis; the ends themselves if it holds no round one."""
        marks = self._decades() if self.logarithmic else round_numbers(self.low, self.high, wanted)
        return tuple(Tick(round(self.place(mark), 1), formatting.number(mark)) for mark in marks or [self.low])

    def _decades(self) -> list[float]:
        exponents = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
        for digits in ((1, 2, 5), (1,)):
            marks = [digit * 10.0**exponent for exponent in exponents for digit in digits]
            within = [mark for mark in marks if self.low <= mark <= self.high]
            if len(within) <= MOST_MARKS:
                break
        return within

    def _scaled(self, value: float) -> float:
        return math.log10(value) if self.logarithmic else value


def round_numbers(low: float, high: float, wanted: int) -> list[float]:
    """Multiples of 1, 2 or 5 times a power of ten between two numbers, about `wanted` of them."""
    if high <= low:
        return []
    rough = (high - low) / wanted
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(digit * power for digit in (1, 2, 5, 10) if digit * power >= rough)
    first, last = math.ceil(low / step), math.floor(high / step)
    return [float(f"{number * step:.12g}") for number in range(first, last + 1)]
