"""A graph -> rows of boxes in which every arrow points down and few cross.

Rows follow the longest way from a source. An arrow that spans rows passes through invisible boxes, one a row. The order
within a row is the one with the fewest crossings that barycenter sweeps find.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

SWEEPS = 24
UNSEEN_PX = 6.0  # width that a passing arrow keeps free

Edge = tuple[str, str]


@dataclass
class Layers:
    """Boxes in rows, invisible ones among them, and the boxes right above and below each."""

    rows: list[list[str]]
    widths: dict[str, float]
    above: dict[str, list[str]] = field(default_factory=dict)
    below: dict[str, list[str]] = field(default_factory=dict)
    ways: dict[Edge, list[str]] = field(default_factory=dict)  # arrow -> its boxes from top to bottom

    @property
    def unseen(self) -> set[str]:
        """Invisible boxes, which only keep room for a passing arrow."""
        return {name for way in self.ways.values() for name in way[1:-1]}

    def neighbors(self, name: str) -> list[str]:
        """Boxes of the rows above and below that an arrow joins to this one."""
        return self.above.get(name, []) + self.below.get(name, [])


def layers(widths: Mapping[str, float], edges: Sequence[Edge]) -> Layers:
    """Put boxes into rows and order the rows; `edges` must hold no cycle."""
    rank = ranks(list(widths), edges)
    found = Layers([[] for _ in range(max(rank.values(), default=0) + 1)], dict(widths))
    for name in widths:
        found.rows[rank[name]].append(name)
    for parent, child in edges:
        unseen = [f"{parent} > {child} > {row}" for row in range(rank[parent] + 1, rank[child])]
        for row, name in enumerate(unseen, rank[parent] + 1):
            found.rows[row].append(name)
            found.widths[name] = UNSEEN_PX
        way = found.ways[(parent, child)] = [parent, *unseen, child]
        for upper, lower in pairwise(way):
            found.below.setdefault(upper, []).append(lower)
            found.above.setdefault(lower, []).append(upper)
    found.rows = _ordered(found)
    return found


def ranks(names: Sequence[str], edges: Sequence[Edge]) -> dict[str, int]:
    """Row of each box: below all its parents; one without parents is just above its first child."""
    rank = dict.fromkeys(names, 0)
    for _ in names:
        for parent, child in edges:
            rank[child] = max(rank[child], rank[parent] + 1)
    for name in set(names) - {child for _, child in edges}:
        rank[name] = min((rank[child] - 1 for parent, child in edges if parent == name), default=0)
    return rank


def crossings(rows: Sequence[Sequence[str]], below: Mapping[str, Sequence[str]]) -> int:
    """Count the pairs of arrows that cross."""
    total = 0
    for upper, lower in pairwise(rows):
        place = {name: i for i, name in enumerate(lower)}
        ends = [place[child] for name in upper for child in sorted(below.get(name, []), key=place.__getitem__)]
        total += sum(before > after for i, after in enumerate(ends) for before in ends[:i])
    return total


def _ordered(found: Layers) -> list[list[str]]:
    """Sort each row by the mean place of its neighbors, downwards and upwards in turn; keep the best order seen."""
    rows = [list(row) for row in found.rows]
    best, fewest = [list(row) for row in rows], crossings(rows, found.below)
    for sweep in range(SWEEPS):
        if sweep % 2 == 0:
            for number in range(1, len(rows)):
                rows[number] = _sorted(rows[number], rows[number - 1], found.above)
        else:
            for number in reversed(range(len(rows) - 1)):
                rows[number] = _sorted(rows[number], rows[number + 1], found.below)
        if (count := crossings(rows, found.below)) < fewest:
            best, fewest = [list(row) for row in rows], count
    return best


def _sorted(row: Sequence[str], fixed: Sequence[str], neighbors: Mapping[str, Sequence[str]]) -> list[str]:
    place = {name: i for i, name in enumerate(fixed)}
    wanted: dict[str, float] = {name: i for i, name in enumerate(row)}
    for name in row:
        if joined := [place[other] for other in neighbors.get(name, [])]:
            wanted[name] = sum(joined) / len(joined)
    return sorted(row, key=wanted.__getitem__)
