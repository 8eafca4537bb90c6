"""The summary has one row a task, and its verdict follows from intervals."""

from pathlib import Path
from typing import Any

import pytest

from components.evaluate.records import Score
from components.report.ops.summary import HEADLINES, ROWS, reference, summary, verdict

EMPTY: dict[str, Any] = dict.fromkeys(
    ("low", "high", "chance", "baseline", "baseline_name", "reconstruction_ceiling", "real_ceiling")
)


def score(value: float, **others: Any) -> Score:
    plain = {"name": "motion_accuracy", "task": "text_to_video", "n": 96, "unit": "share", "better": "higher"}
    return Score(**EMPTY | plain | {"value": value} | others)


@pytest.mark.parametrize(
    ("changes", "outcome", "words"),
    [
        ({"low": 0.4, "high": 0.6, "chance": 0.25}, "better", "better than chance"),
        ({"low": 0.1, "high": 0.2, "chance": 0.25}, "worse", "worse than chance"),
        ({"low": 0.2, "high": 0.6, "chance": 0.25}, "unclear", "no clear difference from chance"),
        ({"low": 0.4, "high": 0.6, "chance": 0.25, "n": 4}, "unclear", "too few samples to compare with chance"),
        ({"low": 0.4, "high": 0.6}, "unclear", "no baseline to compare with"),
        ({"low": 2.0, "high": 3.0, "baseline": 4.0, "better": "lower"}, "better", "better than baseline"),
    ],
)
def test_the_whole_interval_must_be_beyond_the_reference(changes: dict[str, Any], outcome: str, words: str) -> None:
    found = verdict(score(0.5, **changes))
    assert (found.outcome, found.text) == (outcome, words)


def test_the_harder_of_chance_and_baseline_is_the_reference() -> None:
    found = reference(score(0.5, chance=0.2, baseline=0.3, baseline_name="copied first frame"))
    assert found is not None
    assert found.name == "copied first frame"


def test_each_task_has_one_row_and_its_headline_measure() -> None:
    names = ["color_accuracy[x]", "motion_accuracy[x]", "motion_accuracy_unseen[x]"]
    rows = summary([score(0.5, name=name) for name in names] + [score(0.5, task=f"task{i}") for i in range(9)])
    assert len(rows) == ROWS
    assert rows[0].score.name == "motion_accuracy[x]"
    assert len({row.score.task for row in rows}) == ROWS


def test_a_task_without_its_headline_shows_its_first_primary_score() -> None:
    (row,) = summary([score(0.5, name="new_measure_portrait"), score(0.5, name="new_measure")])
    assert row.score.name == "new_measure"


@pytest.mark.parametrize("name", sorted(set(HEADLINES.values())))
def test_every_headline_is_a_documented_measure(name: str) -> None:
    reference_page = Path(__file__).parents[4] / "docs/reference/metrics.md"
    assert f"`{name}`" in reference_page.read_text()
