from dataclasses import replace

import pytest

from flows.graph.graph import Graph, Stage, flat


def stage(name: str, *parents: str, **params: object) -> Stage:
    deps = tuple(f"out/{parent}" for parent in parents)
    return Stage(name, f"make {name}", deps, params, (f"out/{name}",), parents)


GRAPH = Graph.of([stage("d", "b", "c@x"), stage("b", "a"), stage("c@x", "a"), stage("c@y", "a"), stage("a")])


def test_parents_come_before_children():
    places = {name: place for place, name in enumerate(GRAPH.by_name)}
    assert all(places[parent] < places[stage.name] for stage in GRAPH.stages for parent in stage.parents)


def test_stages_that_may_come_in_any_order_keep_that_of_the_file():
    assert list(Graph.of([stage("z"), stage("y"), stage("x")]).by_name) == ["z", "y", "x"]


def test_what_reads_the_data_of_a_gate_waits_for_it_and_what_makes_them_does_not():
    gate = replace(stage("gate", "kept", "raw"), is_gate=True)
    other = replace(stage("other", "kept"), is_gate=True)
    found = Graph.of([stage("learn", "kept"), stage("later", "learn"), gate, other, stage("kept", "raw"), stage("raw")])
    parents = {name: each.parents for name, each in found.by_name.items()}
    assert parents["learn"] == ("kept", "gate", "other")
    assert parents["kept"] == ("raw",)
    assert parents["later"] == ("learn",)
    assert parents["gate"] == ("kept", "raw")
    assert [each.name for each in found.upstream_of(["learn"])] == ["raw", "kept", "gate", "other", "learn"]
    assert found.chains["gate"] > found.chains["learn"]


def test_a_target_brings_what_it_needs_and_nothing_else():
    assert [found.name for found in GRAPH.upstream_of(["b"])] == ["a", "b"]
    assert GRAPH.upstream_of([]) == GRAPH.stages


def test_a_family_means_all_its_members():
    assert GRAPH.matching(["c"]) == ("c@x", "c@y")
    assert GRAPH.matching(["c@y"]) == ("c@y",)


def test_an_unknown_target_is_answered_with_the_known_ones():
    with pytest.raises(ValueError, match=r"no stage `q`.*c@x"):
        GRAPH.matching(["q"])


def test_threads_are_those_of_the_stages_own_section():
    assert stage("a", formats={"fps": 8}, a={"threads": 3}).threads == 3
    assert stage("a", formats={"fps": 8}).threads == 1


def test_flat_parameters_have_dotted_names():
    assert flat({"a": {"b": {"c": 1}}, "d": [2], "e": {}}) == {"a.b.c": 1, "d": [2], "e": {}}


def test_a_chain_is_the_longest_line_of_stages_to_the_end():
    assert GRAPH.chains == {"a": 3, "b": 2, "c@x": 2, "c@y": 1, "d": 1}
