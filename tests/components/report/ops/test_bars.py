"""On every line, right is better."""

from typing import Any

from components.evaluate.records import Score
from components.report.ops.bars import bar
from components.report.ops.figures import figures

EMPTY: dict[str, Any] = dict.fromkeys(
    ("low", "high", "chance", "baseline", "baseline_name", "reconstruction_ceiling", "real_ceiling")
)


def score(value: float, **others: Any) -> Score:
    return Score(**EMPTY | {"name": "m", "task": "t", "value": value, "n": 9, "unit": "", "better": "higher"} | others)


def test_a_lower_distance_stands_further_right() -> None:
    drawn = bar(score(12.0, baseline=60.0, real_ceiling=2.0, better="lower"))
    places = {mark.kind: mark.place for mark in drawn.marks}
    assert places["baseline"] < drawn.value < places["real"]


def test_shares_are_drawn_from_nothing_to_all() -> None:
    drawn = bar(score(0.5, chance=0.0, real_ceiling=1.0, low=0.4, high=0.6, unit="share"))
    assert drawn.value == 0.5
    assert drawn.interval is not None
    assert drawn.interval[0] < 0.5 < drawn.interval[1]
    assert 0 < drawn.marks[0].place < drawn.marks[-1].place < 1


def test_a_number_that_stands_alone_is_drawn_in_the_middle() -> None:
    assert bar(score(7.0)).value == 0.5


def test_chance_and_count_stand_beside_the_figure_that_they_belong_to() -> None:
    accuracy, clips = figures({"accuracy": 0.9, "accuracy_chance": 0.25, "accuracy_n": 96, "clips_n": 12})
    assert (accuracy.chance, accuracy.n) == (0.25, 96)
    assert accuracy.bar is not None
    assert (clips.title, clips.bar) == ("Clips n", None)
