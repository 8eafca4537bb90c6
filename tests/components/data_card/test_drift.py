from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.data_card.drift import drifts, explained_by_chance, index
from components.data_card.statistics import ArrivedAndKept, StageCounts, Statistics, bins, tally
from tests.components.data_card.test_statistics import card

COUNTS = st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 1000), min_size=1).filter(
    lambda counts: any(counts.values())
)


@given(COUNTS, COUNTS)
def test_the_index_is_zero_for_equal_shares_and_the_same_both_ways(
    before: dict[str, int], after: dict[str, int]
) -> None:
    assert index(before, {value: 7 * count for value, count in before.items()}) == pytest.approx(0, abs=1e-12)
    assert index(before, after) == pytest.approx(index(after, before))
    assert index(before, after) >= 0


def test_the_index_is_that_of_its_definition() -> None:
    before, after = {"a": 50, "b": 50}, {"a": 75, "b": 25}
    assert index(before, after) == pytest.approx(0.25 * np.log(1.5) - 0.25 * np.log(0.5))


def test_a_new_value_of_a_tenth_is_no_large_shift_and_one_of_a_fifth_is() -> None:
    assert index({"a": 100}, {"a": 90, "b": 10}) < 0.25 < index({"a": 100}, {"a": 80, "b": 20})


def test_chance_alone_rarely_passes_its_bound_and_large_samples_have_little_of_it() -> None:
    random = np.random.default_rng(3)
    shares, passed = [0.4, 0.3, 0.2, 0.1], 0
    for _ in range(500):
        before, after = (dict(zip("abcd", map(int, random.multinomial(60, shares)), strict=True)) for _ in range(2))
        passed += index(before, after) > explained_by_chance(4, 60, 60)
    assert passed <= 5
    assert explained_by_chance(4, 100_000, 100_000) < 0.001


def shifted(kind: dict[str, int], sources: int) -> Statistics:
    made = ArrivedAndKept({"sources": sources}, {"sources": sources})
    return replace(card(), totals=made, shares={"kind": ArrivedAndKept(kind, kind)})


def test_a_column_breaks_the_gate_only_if_it_moved_further_than_chance_can() -> None:
    few = drifts(shifted({"video": 9, "image": 1}, 10), shifted({"video": 4, "image": 6}, 10))
    many = drifts(shifted({"video": 900, "image": 100}, 1000), shifted({"video": 400, "image": 600}, 1000))
    assert few[0].column == many[0].column == "kind"
    assert few[0].index == many[0].index > 1
    assert not few[0].breaks(0.25)
    assert many[0].breaks(0.25)
    assert not many[0].breaks(2.0)


def test_what_moved_most_is_named_with_its_shares() -> None:
    found = drifts(shifted({"a": 8, "b": 2}, 9), shifted({"a": 3, "b": 7}, 9))
    shift = next(drift.shift for drift in found if drift.column == "kind")
    assert (shift.value, shift.before, shift.after) == ("a", 0.8, 0.3)


def test_scores_and_outcomes_are_compared_and_new_sources_may_come() -> None:
    before = replace(card(), totals=ArrivedAndKept({"sources": 10**6}, {"sources": 10**6}))
    after = replace(
        before,
        clips=StageCounts(4, 1, {"too_still": 3}),
        shares={"kind": before.shares["kind"], "source": ArrivedAndKept({}, {"new": 1})},
        scores={"motion": replace(before.scores["motion"], kept=bins([5.0, 5.0, 5.0]))},
    )
    before = replace(before, shares=before.shares | {"source": ArrivedAndKept({}, tally(["old"]))})
    broken = {drift.column for drift in drifts(before, after) if drift.breaks(0.25)}
    assert broken == {"outcome", "motion"}
