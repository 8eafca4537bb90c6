from typing import Any

from flows.graph.graph import Stage
from flows.runs.estimate import PastUsage, lines, on_gpus, past, wall


def stage(name: str, *parents: str, threads: int = 1, steps: int = 1) -> Stage:
    params = {name: {"threads": threads, "steps": steps}}
    return Stage(name, f"make {name}", (), params, (f"out/{name}",), parents)


def record(run: str, steps: int, **seconds: float) -> dict[str, Any]:
    """A run that took so many seconds of a stage, and twice as many core-seconds."""
    params = {name: {name: {"threads": 1, "steps": steps}} for name in seconds}
    return {
        "run": run * 16,
        "took": {name: {"seconds": value, "cpu_s": 2 * value} for name, value in seconds.items()},
        "stages": {name: {"params": params[name]} for name in seconds},
    }


def test_the_newest_record_with_the_same_parameters_counts():
    records = [record("c", 2, a=30.0), record("b", 1, a=20.0), record("a", 1, a=10.0)]
    assert past(stage("a"), records) == PastUsage("b" * 10, 20.0, 40.0, same_params=True)
    assert past(stage("a", steps=7), records) == PastUsage("c" * 10, 30.0, 60.0, same_params=False)
    assert past(stage("b"), records) is None


def test_a_stage_that_was_only_restored_says_nothing():
    restored = record("a", 1, a=10.0) | {"took": {"a": {}}}
    assert past(stage("a"), [restored]) is None


def test_gpu_hours_are_those_of_the_newest_record_in_which_there_were_gpus():
    held = record("b", 1, a=20.0)
    held["took"]["a"]["gpu_s"] = 7200.0
    records = [record("c", 1, a=30.0), held]
    assert on_gpus(stage("a"), records).gpu_s == 7200.0
    assert on_gpus(stage("a"), records[:1]) is None
    assert "2 GPU-hours" in next(lines([stage("a")], [held], cores=2))


def test_stages_go_side_by_side_where_threads_allow():
    stages = [stage("a"), stage("b", "a"), stage("c", "a"), stage("d", "b", "c")]
    known = {
        name: PastUsage("x", seconds, seconds, True) for name, seconds in {"a": 5, "b": 10, "c": 20, "d": 1}.items()
    }
    assert wall(stages, known, cores=2) == 26
    assert wall(stages, known, cores=1) == 36
    wide = [stage("a"), stage("b", "a", threads=2), stage("c", "a"), stage("d", "b", "c")]
    assert wall(wide, known, cores=2) == 36


def test_the_longest_chain_goes_first():
    stages = [stage("alone"), stage("first"), stage("second", "first")]
    known = {name: PastUsage("x", 10, 10, True) for name in ("alone", "first", "second")}
    assert wall(stages, known, cores=1) == 30
    assert wall(stages, known, cores=2) == 20


def test_the_words_name_what_is_not_known():
    stages = [stage("a"), stage("b", "a", steps=3), stage("c", "b")]
    said = list(lines(stages, [record("e", 1, a=100.0, b=50.0)], cores=2))
    assert said == [
        "estimate: 150 s with 2 cores, 300 core-seconds, 0 GPU-hours (from runs eeeeeeeeee)",
        "measured with other parameters: b",
        "not included, without a record: c",
    ]
    assert list(lines([], [], cores=2)) == []
