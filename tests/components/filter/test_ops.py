from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.common.formats import Formats
from components.corpus import ops as corpus_ops
from components.corpus.plan import Item
from components.filter import ops
from components.filter.data import Clip
from components.media import pixels, video

VIDEO = Clip("a", "s", "video", "train", "", "", "", 17, "square", 0.0, 2.125, 64, 64, "none", 0.01, {})


def rendered(seed: int = 1, **change: Any) -> np.ndarray:
    item = replace(Item("", "circle", "red", "left", False, "train", "", False, False, "none", seed), **change)
    path = corpus_ops.track(item, 1.0, np.linspace(0, 1, 17, dtype=np.float32))
    return corpus_ops.frames(item, path, 128, 128)


def pairs(*clips: np.ndarray) -> list[tuple[int, int]]:
    fingerprints = np.stack([ops.fingerprint(clip) for clip in clips])
    return ops.near_duplicates(fingerprints, ["video"] * len(clips), 0.006)


def test_a_copy_that_was_encoded_again_or_scaled_is_a_near_duplicate() -> None:
    clip = rendered()
    again = video.decode(video.encode_mp4(clip, fps=8, crf=26), fps=8, frames=17)
    smaller = pixels.crop_and_resize(clip, 96, 96)
    assert pairs(clip, again, smaller) == [(0, 1), (0, 2), (1, 2)]


@pytest.mark.parametrize(
    "change", [{"motion": "right"}, {"motion": "up"}, {"colour": "blue"}, {"shape": "square"}, {"seed": 2}]
)
def test_the_same_scene_with_another_motion_colour_or_shape_is_none(change: dict[str, Any]) -> None:
    assert pairs(rendered(), rendered(**change)) == []


def test_a_clip_and_its_reversal_are_none_and_a_picture_is_never_one_of_a_video() -> None:
    clip = rendered()
    assert pairs(clip, clip[::-1]) == []
    same = np.stack([ops.fingerprint(clip[:1])] * 2)
    assert ops.near_duplicates(same, ["video", "image"], 0.006) == []


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 40), max_size=25), st.sampled_from([0.01, 0.05, 0.1]))
def test_comparing_neighbours_only_misses_no_pair(levels: list[int], distance: float) -> None:
    prints = np.array([np.full((3, 8, 8, 3), level, np.uint8) for level in levels]).reshape(-1, 3, 8, 8, 3)
    every = [
        (i, j)
        for i in range(len(levels))
        for j in range(i + 1, len(levels))
        if np.float32(abs(levels[i] - levels[j]) / 255) < distance
    ]
    assert ops.near_duplicates(prints, ["image"] * len(levels), distance) == every


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
    assert ops.redundant([known, better], [(0, 1)], known=1) == {1: 0}
    assert ops.redundant([known, known, better], [(0, 1)], known=2) == {}


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


def test_an_empty_folder_has_no_pairs(formats: Formats) -> None:
    assert ops.near_duplicates(np.zeros((0, 3, 8, 8, 3), np.uint8), [], 0.006) == []
