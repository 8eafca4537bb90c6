from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from components.filter import ops
from components.filter.data import Clip

VIDEO = Clip("a", "s", "video", "train", "", "", "", 17, "square", 0.0, 2.125, 64, 64, "none", 0.01, {})


def clips(*known: tuple[str, str, str]) -> list[Clip]:
    """Clips from (id, source, split)."""
    return [replace(VIDEO, clip_id=name, source_sha256=source, split=split) for name, source, split in known]


def test_of_near_duplicates_the_held_out_one_stays() -> None:
    found = clips(("a", "s1", "train"), ("b", "s2", "heldout"), ("c", "s3", "train"))
    assert ops.redundant(found, [(0, 1), (0, 2), (1, 2)]) == {0: 1, 2: 1}


def test_of_near_duplicates_the_captioned_the_longer_and_the_larger_one_stays() -> None:
    first, second = clips(("a", "s1", "train"), ("b", "s2", "train"))
    for better in (replace(second, caption="x"), replace(second, frames=41), replace(second, width_px=128)):
        assert ops.redundant([first, better], [(0, 1)]) == {0: 1}
    assert ops.redundant([first, second], [(0, 1)]) == {1: 0}


def test_of_a_chain_only_those_go_whose_twin_stays() -> None:
    found = clips(("a", "s1", "train"), ("b", "s2", "train"), ("c", "s3", "train"))
    assert ops.redundant(found, [(0, 1), (1, 2)]) == {1: 0}


def test_a_clip_that_was_kept_before_stays_whatever_comes() -> None:
    known, better = clips(("b", "s1", "train"), ("a", "s2", "heldout"))
    better = replace(better, caption="x", frames=41)
    assert ops.redundant([known, better], [(0, 1)]) == {0: 1}
    assert ops.redundant([known, better], [(0, 1)], baseline=1) == {1: 0}
    assert ops.redundant([known, known, better], [(0, 1)], baseline=2) == {}


def test_known_splits_never_change_and_duplicates_of_held_out_sources_are_held_out() -> None:
    found = clips(("a", "0" * 64, "train"), ("b", "f" * 64, "heldout"), ("c", "1" * 64, ""), ("d", "2" * 64, ""))
    assert ops.splits(found, [(1, 2)], heldout_share=0.0) == ["train", "heldout", "heldout", "train"]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_sources_that_share_a_duplicate_are_on_one_side(data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 12))
    digits = st.text("0123456789abcdef", min_size=8, max_size=8)
    sources = data.draw(st.lists(digits, min_size=count, max_size=count))
    found = clips(*((str(index), source, "") for index, source in enumerate(sources)))
    index = st.integers(0, count - 1)
    twins = data.draw(st.lists(st.tuples(index, index).map(sorted).map(tuple), max_size=8))
    chosen = ops.splits(found, twins, heldout_share=0.5)
    same = [(one, other) for one in range(count) for other in range(one) if sources[one] == sources[other]]
    assert all(chosen[one] == chosen[other] for one, other in [*twins, *same])


def test_the_held_out_share_is_about_what_was_asked_for() -> None:
    found = clips(*((str(n), f"{n * 2654435761 % 2**32:08x}", "") for n in range(1000)))
    share = ops.splits(found, [], heldout_share=0.1).count("heldout") / 1000
    assert 0.07 < share < 0.13
