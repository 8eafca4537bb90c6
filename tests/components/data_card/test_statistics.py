import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.data_card.statistics import (
    EDGES,
    MOST_VALUES,
    OTHERS,
    ArrivedAndKept,
    BinCounts,
    StageCounts,
    Statistics,
    bins,
    from_json,
    tally,
    to_json,
)

NUMBERS = st.one_of(st.none(), st.floats(-1e6, 1e9), st.sampled_from(EDGES))


def card() -> Statistics:
    return Statistics(
        StageCounts(3, 2, {"empty_file": 1}),
        StageCounts(4, 3, {"too_still": 1}),
        ArrivedAndKept({"sources": 2}, {"sources": 2}),
        {"kind": ArrivedAndKept({"video": 4}, {"video": 3})},
        {"motion": BinCounts(bins([0.0, 0.1, 0.2, None]), bins([0.1, 0.2, None]))},
        ["match"],
    )


@given(st.lists(NUMBERS))
def test_every_value_falls_into_one_bin(values: list[float | None]) -> None:
    counts = bins(values)
    assert sum(counts) == len(values)
    assert counts[-1] == values.count(None)


def test_a_bin_begins_with_its_edge() -> None:
    assert bins([EDGES[3]])[4] == 1
    assert bins([-0.1])[0] == 1
    assert bins([EDGES[-1]])[-2] == 1


@given(st.lists(st.sampled_from([str(number) for number in range(60)]), max_size=200))
def test_a_tally_loses_nothing_and_is_never_long(values: list[str]) -> None:
    counts = tally(values)
    assert sum(counts.values()) == len(values)
    assert len(counts) <= MOST_VALUES + 1
    assert list(tally(values[::-1]).items()) == list(counts.items())
    assert (OTHERS in counts) == (len(set(values)) > MOST_VALUES)


def test_a_card_comes_back_as_it_was_written() -> None:
    assert from_json(json.loads(json.dumps(to_json(card())))) == card()


@pytest.mark.parametrize("change", [{"version": 0}, {"edges": [0.0, 1.0]}, {"more": 1}])
def test_a_card_that_was_counted_in_another_way_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="counted in another way"):
        from_json(to_json(card()) | change)


def test_counts_that_do_not_come_out_even_are_refused() -> None:
    with pytest.raises(ValueError, match="9 arrived, but 4 were kept and 3 dropped"):
        StageCounts(9, 4, {"too_still": 3})
