"""Statistics of the data, as card.json holds them; a later card is compared with them.

Every count is of whole things, so that cards of equal data are equal; a score is counted in bins that are the same for
all scores and all time. What was not measured has a bin of its own, so that each column adds up to all clips.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

VERSION = 2
MOST_VALUES = 40  # of a column in the card; the rest are counted together
OTHERS = "(others)"
EDGES = (0.0, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, *(tenth / 10 for tenth in range(1, 10)))
EDGES += tuple(digit * 10.0**power for power in range(6) for digit in (1, 1.5, 2, 3, 5, 7))
BINS = len(EDGES) + 2  # below the first edge, from each edge on, and not measured


@dataclass(frozen=True)
class StageCounts:
    """Counts of a stage: kept + dropped = arrived."""

    arrived: int
    kept: int
    dropped: Mapping[str, int]

    def __post_init__(self) -> None:
        if self.arrived != self.kept + sum(self.dropped.values()):
            raise ValueError(
                f"{self.arrived} arrived, but {self.kept} were kept and {sum(self.dropped.values())} dropped:"
                " run the stage that counts them again"
            )


@dataclass(frozen=True)
class ArrivedAndKept:
    """The same count of arrived and of kept clips."""

    arrived: Mapping[str, int]
    kept: Mapping[str, int]


@dataclass(frozen=True)
class BinCounts:
    """Clips by bins of a score: those that arrived, and those that are kept; `BINS` numbers each."""

    arrived: Sequence[int]
    kept: Sequence[int]


@dataclass(frozen=True)
class Statistics:
    """The numbers of a card."""

    files: StageCounts
    clips: StageCounts
    totals: ArrivedAndKept  # sources, videos, images, seconds and so on
    shares: Mapping[str, ArrivedAndKept]  # column -> value -> clips
    scores: Mapping[str, BinCounts]
    rules_off: Sequence[str]


def bins(values: Iterable[float | None]) -> list[int]:
    """Count values by bin."""
    counts = [0] * BINS
    for value in values:
        counts[-1 if value is None else bisect_right(EDGES, value)] += 1
    return counts


def tally(values: Sequence[str]) -> dict[str, int]:
    """Count values, the most frequent first; rare ones beyond `MOST_VALUES` together."""
    counts: dict[str, int] = {}
    for value in values:
        counts[value] = counts.get(value, 0) + 1
    ordered = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    if rest := sum(count for _, count in ordered[MOST_VALUES:]):
        return dict([*ordered[:MOST_VALUES], (OTHERS, rest)])
    return dict(ordered)


def to_json(statistics: Statistics) -> dict[str, Any]:
    """Return the content of card.json."""
    return {"version": VERSION, "edges": list(EDGES), **asdict(statistics)}


def from_json(content: Mapping[str, Any]) -> Statistics:
    """Read the content of card.json; raises ValueError if another version wrote it."""
    known = {"version", "edges", *(field.name for field in fields(Statistics))}
    if content.get("version") != VERSION or set(content) != known or content["edges"] != list(EDGES):
        raise ValueError("another version counted in another way")
    return Statistics(
        StageCounts(**content["files"]),
        StageCounts(**content["clips"]),
        ArrivedAndKept(**content["totals"]),
        {name: ArrivedAndKept(**counts) for name, counts in content["shares"].items()},
        {name: BinCounts(**counts) for name, counts in content["scores"].items()},
        content["rules_off"],
    )
