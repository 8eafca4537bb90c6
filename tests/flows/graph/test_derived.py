"""A graph is derived from another without a copied stage."""

import pytest
import yaml

from flows.graph.derived import StageChange, derive, expanded

GRAPH = yaml.safe_load("""
stages:
  clips:
    cmd: python -m components clips --params clips --sources data/sources --output data/clips
    deps: [codelock/clips.json, data/sources]
    params: [clips, formats]
    outs: [data/clips]
  tune:
    matrix:
      set: [a, b, c]
    cmd: >-
      python -m components tune --params tune.${item.set}
      --clips data/clips --base models/net --output models/${item.set}
    deps: [codelock/tune.json, data/clips, models/net]
    params: ["tune.${item.set}", formats]
    outs: ["models/${item.set}"]
  score:
    cmd: python -m components score --params score --clips data/clips --model models/a --output metrics
    deps: [codelock/score.json, data/clips, models/a]
    params: [score]
    outs: [metrics]
    meta: {gate: true}
metrics: [metrics/metrics.json, models/a/metrics.json]
plots:
  - models/b/losses.csv: {x: step, y: loss}
""")


def test_a_matrix_is_spelled_out():
    found = expanded(GRAPH)
    assert list(found) == ["clips", "tune@a", "tune@b", "tune@c", "score"]
    assert found["tune@b"]["outs"] == ["models/b"]
    assert found["tune@b"]["cmd"].endswith("--params tune.b --clips data/clips --base models/net --output models/b")
    assert "matrix" not in found["tune@b"]


def test_what_is_not_changed_is_as_it_was():
    assert derive(GRAPH, list(expanded(GRAPH))) == GRAPH


def test_a_part_of_a_matrix_may_be_kept_and_what_nothing_makes_is_not_shown():
    found = derive(GRAPH, ["tune@a", "tune@c"])
    assert list(found["stages"]) == ["tune"]
    assert found["stages"]["tune"] == GRAPH["stages"]["tune"] | {"matrix": {"set": ["a", "c"]}}
    assert found["metrics"] == ["models/a/metrics.json"]
    assert "plots" not in found


def test_a_stage_gets_another_name_section_and_inputs():
    change = StageChange(
        name="study", section="study.narrow", params=("study.seed",), inputs={"base": "base/net", "known": "k"}
    )
    found = derive(GRAPH, ["tune@b", "score"], {"tune@b": change}, plots=["models/b/other.csv"])
    assert list(found["stages"]) == ["study", "score"]
    assert found["stages"]["study"] == {
        "cmd": "python -m components tune --params study.narrow --clips data/clips --known k --base base/net"
        " --output models/b",
        "deps": ["codelock/tune.json", "data/clips", "k", "base/net"],
        "params": ["study.narrow", "study.seed", "formats"],
        "outs": ["models/b"],
    }
    assert found["plots"] == [{"models/b/losses.csv": {"x": "step", "y": "loss"}}, "models/b/other.csv"]


def test_the_graph_that_is_derived_from_stays_as_it_was():
    before = yaml.safe_dump(GRAPH)
    derive(GRAPH, ["tune@a", "clips"], {"clips": StageChange(section="other", inputs={"sources": "x"})})
    assert yaml.safe_dump(GRAPH) == before


def test_an_unknown_stage_is_answered_with_the_known_ones():
    with pytest.raises(ValueError, match=r"no stage tune in dvc.yaml: choose from clips, tune@a"):
        derive(GRAPH, ["tune"])
