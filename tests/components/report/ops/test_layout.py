"""The layout keeps arrows pointing down and boxes apart."""

from itertools import pairwise
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from components.report import graph, page
from components.report.ops import layers
from components.report.ops.layout import GAP_PX, layered, spread

ROOT = Path(__file__).parents[4]
NODES = [f"n{number}" for number in range(7)]
EDGES = st.lists(
    st.tuples(st.integers(0, 6), st.integers(0, 6)).filter(lambda pair: pair[0] < pair[1]), unique=True, max_size=14
).map(lambda pairs: [(NODES[a], NODES[b]) for a, b in pairs])


@settings(deadline=None, max_examples=30)
@given(EDGES)
def test_arrows_point_down_and_boxes_of_a_row_keep_apart(edges: list[layers.Edge]) -> None:
    layout = layered(dict.fromkeys(NODES, 40.0), edges)
    boxes = {box.name: box for box in layout.boxes}
    assert set(layout.arrows) == set(edges)
    assert all(boxes[parent].y < boxes[child].y for parent, child in edges)
    for left, right in pairwise(sorted(layout.boxes, key=lambda box: (box.y, box.x))):
        assert left.y != right.y or right.x - (left.x + left.width) >= GAP_PX - 0.2
    assert all(box.x >= 0 and box.x + box.width <= layout.width and box.y < layout.height for box in layout.boxes)


@settings(deadline=None, max_examples=30)
@given(EDGES)
def test_equal_graphs_give_equal_drawings(edges: list[layers.Edge]) -> None:
    assert layered(dict.fromkeys(NODES, 40.0), edges) == layered(dict.fromkeys(NODES, 40.0), edges)


def test_sweeps_untangle_what_can_be_untangled() -> None:
    found = layers.layers(dict.fromkeys("abxy", 40.0), [("a", "y"), ("b", "x")])
    assert layers.crossings(found.rows, found.below) == 0


def test_a_source_stands_just_above_what_first_needs_it() -> None:
    assert layers.ranks(["a", "b", "c", "late"], [("a", "b"), ("b", "c"), ("late", "c")])["late"] == 1


def test_spreading_moves_boxes_no_further_than_they_must() -> None:
    assert spread([0.0, 500.0], [40.0, 40.0], [1.0, 1.0]) == [0.0, 500.0]
    left, right = spread([10.0, 10.0], [40.0, 40.0], [1.0, 1.0])
    assert (left + right) / 2 == 10.0
    assert right - left == 40.0 + GAP_PX


def test_the_repositorys_own_graph_fits_a_page_and_crosses_little() -> None:
    found = graph.read(ROOT / "dvc.yaml")
    assert page.drawn(found).width < 1080
    rows = layers.layers({stage.name: 100.0 for stage in found.stages}, found.edges())
    assert layers.crossings(rows.rows, rows.below) <= 4
