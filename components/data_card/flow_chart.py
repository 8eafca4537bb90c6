"""Counts by reason -> a Sankey diagram, places only. Pure.

From left to right: files, clips, splits. Dropped files and clips fall from the stream to a list below it.
Lengths are pixels.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from components.data_card.statistics import StageCounts

Kind = Literal["stream", "lost"]
WIDTH, TOP, STREAM, BAR, ROOM = 1080.0, 34.0, 150.0, 10.0, 22.0
FILES_X, CLIPS_X, SPLITS_X = 2.0, 430.0, 920.0  # left sides of the bars
FALL = 130.0  # from a bar to the list of what it lost
LEAST = 3.0  # height of what would be too thin to see
GAP = 8.0  # between splits


@dataclass(frozen=True)
class FlowNode:
    """A bar with its label beside it, or `above` it."""

    x: float
    y: float
    height: float
    kind: Kind
    name: str
    count: int
    above: bool = False


@dataclass(frozen=True)
class FlowRibbon:
    """A flow: the `d` of an SVG path."""

    path: str
    kind: Kind
    name: str
    count: int


@dataclass(frozen=True)
class FlowChart:
    """A finished diagram."""

    width: float
    height: float
    nodes: tuple[FlowNode, ...]
    ribbons: tuple[FlowRibbon, ...]


def flow_chart(files: StageCounts, clips: StageCounts, splits: Mapping[str, int]) -> FlowChart:
    """Draw the counts of both stages; `splits` divide the clips that are kept."""
    nodes = [FlowNode(FILES_X, TOP, STREAM, "stream", "files", files.arrived, above=True)]
    nodes.append(FlowNode(CLIPS_X, TOP, STREAM, "stream", "clips", clips.arrived, above=True))
    taken = STREAM * files.kept / files.arrived if files.arrived else 0.0
    ribbons = [_ribbon((FILES_X, TOP, taken), (CLIPS_X, TOP, STREAM), "stream", "taken in", files.kept)]
    fallen = _fall(files, FILES_X, taken)
    y, y_to = TOP, TOP
    for name, count in splits.items():
        height = STREAM * count / clips.arrived if clips.arrived else 0.0
        ribbons.append(_ribbon((CLIPS_X, y, height), (SPLITS_X, y_to, height), "stream", name, count))
        nodes.append(FlowNode(SPLITS_X, y_to, max(height, LEAST), "stream", name, count))
        y, y_to = y + height, y_to + max(height + GAP, ROOM)
    fallen += _fall(clips, CLIPS_X, y - TOP)
    nodes += [node for node, _ in fallen]
    ribbons += [ribbon for _, ribbon in fallen]
    height = max(node.y + max(node.height, ROOM) for node in nodes)
    return FlowChart(WIDTH, round(height + 4, 1), tuple(nodes), tuple(ribbons))


def _fall(counts: StageCounts, x: float, stream: float) -> list[tuple[FlowNode, FlowRibbon]]:
    """Draw what leaves the bar at `x` below its first `stream` pixels, the most frequent reason first."""
    y, y_to, found = TOP + stream, TOP + STREAM + ROOM, []
    for reason, count in sorted(counts.dropped.items(), key=lambda item: (-item[1], item[0])):
        height = STREAM * count / counts.arrived
        shown = max(height, LEAST)
        found.append(
            (
                FlowNode(x + FALL, round(y_to, 1), round(shown, 1), "lost", reason, count),
                _ribbon((x, y, max(height, LEAST / 2)), (x + FALL, y_to, shown), "lost", reason, count),
            )
        )
        y, y_to = y + height, y_to + max(shown + 4, ROOM)
    return found


def _ribbon(start: Sequence[float], end: Sequence[float], kind: Kind, name: str, count: int) -> FlowRibbon:
    """Draw a band from the right side of the bar at `start` to `end`; both are (x, y, height)."""
    (x, y, high), (to_x, to_y, to_high) = start, end
    x += BAR
    half = (x + to_x) / 2
    path = (
        f"M{x:.1f} {y:.1f}C{half:.1f} {y:.1f} {half:.1f} {to_y:.1f} {to_x:.1f} {to_y:.1f}"
        f"V{to_y + to_high:.1f}C{half:.1f} {to_y + to_high:.1f} {half:.1f} {y + high:.1f} {x:.1f} {y + high:.1f}Z"
    )
    return FlowRibbon(path, kind, name, count)
