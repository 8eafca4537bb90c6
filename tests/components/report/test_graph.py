"""dvc.yaml read as a graph."""

from pathlib import Path

import pytest

from components.report import graph

ROOT = Path(__file__).parents[3]


def of(tmp_path: Path, text: str) -> graph.StageGraph:
    (tmp_path / "dvc.yaml").write_text(text)
    return graph.read(tmp_path / "dvc.yaml")


def test_a_matrix_is_spelled_out_and_paths_make_the_edges(tmp_path: Path) -> None:
    text = """
stages:
  first: # says what it does
    cmd: python -m components first --output a
    outs: [a]
  second:
    matrix: {set: [x, y]}
    cmd: python -m components second --clips a/part --output b_${item.set}
    deps: [a/part, elsewhere]
    outs: ["b_${item.set}"]
"""
    first, x, y = of(tmp_path, text).stages
    assert (first.name, first.description, first.parents) == ("first", "says what it does", ())
    assert [(s.name, s.outputs, s.parents) for s in (x, y)] == [
        ("second@x", ("b_x",), ("first",)),
        ("second@y", ("b_y",), ("first",)),
    ]


def test_an_edge_that_a_longer_way_implies_is_not_drawn(tmp_path: Path) -> None:
    text = """
stages:
  a: {cmd: a, outs: [a]}
  b: {cmd: b, deps: [a], outs: [b]}
  c: {cmd: c, deps: [a, b], outs: [c]}
"""
    assert of(tmp_path, text).edges() == [("a", "b"), ("b", "c")]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "holds no stages"),
        (
            "stages: {a: {cmd: a, deps: [b], outs: [a]}, b: {cmd: b, deps: [a], outs: [b]}}",
            "runs in a circle: a → b → a",
        ),
    ],
)
def test_a_file_that_is_no_graph_says_why(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        of(tmp_path, text).edges()


def test_the_repositorys_own_graph_names_the_producers_of_what_the_report_reads() -> None:
    found = graph.read(ROOT / "dvc.yaml")
    producers = found.producers("report")
    assert (producers["clips"], producers["visual_tokenizer"], producers["text_to_video"]) == (
        "filter",
        "visual_tokenizer_video",
        "adapt@t2i_t2v",
    )
    assert ("evaluate", "report") in found.edges()
