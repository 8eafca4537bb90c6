"""Two cards -> how far each column moved, and whether that is more than chance. Pure.

The population stability index adds (b - a) ln(b / a) over the shares a before and b after. Between samples of n and m
independent things from one population of k values it is about chi² with k - 1 degrees of freedom, times 1/n + 1/m
(Yurdakul and Naranjo, 2020); clips of one source are alike, so the things are sources.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import log

from scipy.special import chdtri

from components.data_card.statistics import EDGES, Statistics

FLOOR = 0.01  # smaller shares count as this: what is rare, or new, would weigh without bound
ALLOWED_BY_CHANCE = 0.001  # how often chance alone passes its bound
FREE = ("source", "split")  # columns that may move: new sources are what a run is for, the filter makes the split


@dataclass(frozen=True)
class Shift:
    """The value of a column whose share moved most."""

    value: str
    before: float
    after: float


@dataclass(frozen=True)
class Drift:
    """Distance that a column moved, and the part that chance explains; `shift` is the largest shift."""

    column: str
    index: float
    chance: float
    shift: Shift
    gated: bool

    def breaks(self, most: float) -> bool:
        """Return True if it moved further than `most`, and further than chance explains."""
        return self.gated and self.index > max(most, self.chance)


def drifts(before: Statistics, after: Statistics) -> list[Drift]:
    """Compare every column that both cards have, the largest drift first."""
    sources = (before.totals.kept["sources"], after.totals.kept["sources"])
    arrived = (before.totals.arrived["sources"], after.totals.arrived["sources"])
    found = [_drift("outcome", _outcomes(before), _outcomes(after), *arrived)]
    for column in sorted(before.shares.keys() & after.shares.keys()):
        found.append(_drift(column, before.shares[column].kept, after.shares[column].kept, *sources))
    for column in sorted(before.scores.keys() & after.scores.keys()):
        was, now = (_named(card.scores[column].kept) for card in (before, after))
        found.append(_drift(column, was, now, *sources))
    return sorted(found, key=lambda drift: (-drift.index, drift.column))


def index(before: Mapping[str, int], after: Mapping[str, int]) -> float:
    """Return the population stability index of two counts by value."""
    a, b = _shares(before), _shares(after)
    values = sorted({value for counts in (before, after) for value, count in counts.items() if count})
    floored = ((max(a.get(value, 0.0), FLOOR), max(b.get(value, 0.0), FLOOR)) for value in values)
    return sum((y - x) * log(y / x) for x, y in floored)


def explained_by_chance(values: int, n: int, m: int) -> float:
    """Return the bound that the index of k = `values` in n and m things exceeds once in a thousand times by chance."""
    if values < 2 or not n or not m:
        return 0.0
    return float(chdtri(values - 1, ALLOWED_BY_CHANCE)) * (1 / n + 1 / m)


def _drift(column: str, before: Mapping[str, int], after: Mapping[str, int], n: int, m: int) -> Drift:
    a, b = _shares(before), _shares(after)
    moved = sorted({*a, *b}, key=lambda value: (-abs(b.get(value, 0.0) - a.get(value, 0.0)), value))
    shift = Shift(moved[0], a.get(moved[0], 0.0), b.get(moved[0], 0.0)) if moved else Shift("", 0.0, 0.0)
    counted = sum(max(a.get(value, 0.0), b.get(value, 0.0)) > FLOOR for value in moved)  # the rest add nothing
    chance = explained_by_chance(counted, n, m)
    return Drift(column, round(index(before, after), 6), round(chance, 6), shift, column not in FREE)


def _shares(counts: Mapping[str, int]) -> dict[str, float]:
    total = sum(counts.values())
    return {value: count / total for value, count in counts.items() if count}


def _outcomes(card: Statistics) -> dict[str, int]:
    return {"kept": card.clips.kept, **card.clips.dropped}


def _named(counts: Sequence[int]) -> dict[str, int]:
    names = [f"below {EDGES[0]:g}"]
    names += [f"{low:g} to {high:g}" for low, high in pairwise(EDGES)]
    names += [f"{EDGES[-1]:g} and more", "not measured"]
    return {name: count for name, count in zip(names, counts, strict=True) if count}
