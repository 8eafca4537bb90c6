"""Rows of boxes -> places on paper, from top to bottom.

Every box moves as near to its neighbors as the order of its row allows. Equal graphs give equal places.
Lengths are pixels.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from components.report.ops.layers import Edge, Layers, layers

SWEEPS = 600
STILL_PX = 0.02  # moves that are not worth another sweep
STRAIGHTNESS = (1.0, 1.0, 30.0)  # of a piece of an arrow that joins no, one or two unseen boxes
BOX_HEIGHT_PX = 34.0
LAYER_PX = 62.0  # from the top of one row to the top of the next
GAP_PX = 18.0  # between boxes of a row, at least
MARGIN_PX = 6.0
PORT_PX = 14.0  # between arrows that end at the same box, at most


@dataclass(frozen=True)
class Box:
    """A stage on paper: its upper left corner and its width."""

    name: str
    x: float
    y: float
    width: float


@dataclass(frozen=True)
class GraphLayout:
    """A finished drawing; an arrow is the `d` of an SVG path."""

    width: float
    height: float
    boxes: tuple[Box, ...]
    arrows: dict[Edge, str]


def layered(widths: Mapping[str, float], edges: Sequence[Edge]) -> GraphLayout:
    """Place boxes of the given widths so that `edges`, which must hold no cycle, all point down."""
    found = layers(widths, edges)
    centers = _centers(found)
    left = min(centers[name] - found.widths[name] / 2 for name in centers) - MARGIN_PX
    centers = {name: center - left for name, center in centers.items()}
    right = max(centers[name] + found.widths[name] / 2 for name in centers) + MARGIN_PX
    tops = {name: MARGIN_PX + number * LAYER_PX for number, row in enumerate(found.rows) for name in row}
    boxes = tuple(Box(name, round(centers[name] - widths[name] / 2, 1), tops[name], widths[name]) for name in widths)
    height = (len(found.rows) - 1) * LAYER_PX + BOX_HEIGHT_PX + 2 * MARGIN_PX
    return GraphLayout(round(right, 1), height, boxes, _arrows(found, centers, tops))


def spread(wanted: Sequence[float], widths: Sequence[float], weights: Sequence[float]) -> list[float]:
    """Centers nearest to `wanted` (weighted least squares) that keep order and gaps, by pooling adjacent violators."""
    offsets = [0.0]
    for left, right in pairwise(widths):
        offsets.append(offsets[-1] + (left + right) / 2 + GAP_PX)
    pools: list[tuple[float, float, int]] = []  # mean shift of neighbors that touch, their weight and number
    for value, offset, weight in zip(wanted, offsets, weights, strict=True):
        mean, count = value - offset, 1
        while pools and pools[-1][0] > mean:
            before, more_weight, more = pools.pop()
            mean = (before * more_weight + mean * weight) / (more_weight + weight)
            weight, count = weight + more_weight, count + more
        pools.append((mean, weight, count))
    shifts = [mean for mean, _, count in pools for _ in range(count)]
    return [shift + offset for shift, offset in zip(shifts, offsets, strict=True)]


def _centers(found: Layers) -> dict[str, float]:
    """Middle of every box: rows pull each other straight, and unseen boxes pull hardest."""
    centers: dict[str, float] = dict.fromkeys(found.widths, 0.0)
    pull = {name: {other: _pull(found.unseen, name, other) for other in found.neighbors(name)} for name in centers}
    weights = {name: max(1.0, sum(pull[name].values())) for name in centers}
    for sweep in range(SWEEPS):
        before = dict(centers)
        for row in found.rows if sweep % 2 == 0 else reversed(found.rows):
            wanted = [
                sum(strength * centers[other] for other, strength in pull[name].items()) / weights[name]
                if pull[name]
                else centers[name]
                for name in row
            ]
            places = spread(wanted, [found.widths[name] for name in row], [weights[name] for name in row])
            centers.update(zip(row, places, strict=True))
        if all(abs(centers[name] - before[name]) < STILL_PX for name in centers):
            break
    return centers


def _pull(unseen: set[str], name: str, other: str) -> float:
    return STRAIGHTNESS[(name in unseen) + (other in unseen)]


def _arrows(found: Layers, centers: Mapping[str, float], tops: Mapping[str, float]) -> dict[Edge, str]:
    """Curves that leave and meet boxes upright and pass unseen boxes straight."""
    starts = _ports({edge: (way[0], centers[way[1]]) for edge, way in found.ways.items()}, found.widths)
    ends = _ports({edge: (way[-1], centers[way[-2]]) for edge, way in found.ways.items()}, found.widths)
    arrows = {}
    for edge, way in found.ways.items():
        x, y = centers[way[0]] + starts[edge], tops[way[0]] + BOX_HEIGHT_PX
        path = [f"M{x:.1f} {y:g}"]
        for name in way[1:]:
            last = name == way[-1]
            to_x, to_y = centers[name] + (ends[edge] if last else 0.0), tops[name]
            middle = (y + to_y) / 2
            path.append(f"C{x:.1f} {middle:g} {to_x:.1f} {middle:g} {to_x:.1f} {to_y:g}")
            x, y = to_x, to_y
            if not last:
                y += BOX_HEIGHT_PX
                path.append(f"V{y:g}")
        arrows[edge] = "".join(path)
    return arrows


def _ports(ends: Mapping[Edge, tuple[str, float]], widths: Mapping[str, float]) -> dict[Edge, float]:
    """Return the offset from the middle of its box at which each arrow meets it, in the order of the other ends."""
    ports: dict[Edge, float] = {}
    for box in sorted({box for box, _ in ends.values()}):
        meeting = sorted((edge for edge in ends if ends[edge][0] == box), key=lambda edge: ends[edge][1])
        step = min(PORT_PX, (widths[box] - PORT_PX) / len(meeting))
        ports |= {edge: (number - (len(meeting) - 1) / 2) * step for number, edge in enumerate(meeting)}
    return ports
