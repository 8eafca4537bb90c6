"""Span corruption hides the asked share and loses nothing."""

from itertools import pairwise

import numpy as np
import pytest

from components.text_encoder import ops
from components.text_encoder.tokenization import FIRST_SENTINEL_ID, SENTINELS

SENTINEL_IDS = range(FIRST_SENTINEL_ID, FIRST_SENTINEL_ID + SENTINELS)


def restored(source: list[int], caption: list[int], masked: list[bool]) -> list[int]:
    """Put the masked spans back in place of their sentinels."""
    starts = [place for place, out in enumerate(masked) if out and not (place and masked[place - 1])]
    whole: list[int] = []
    for token in source:
        if token not in SENTINEL_IDS:
            whole.append(token)
            continue
        place = starts.pop(0)
        while place < len(caption) and masked[place]:
            whole.append(caption[place])
            place += 1
    return whole


@pytest.mark.parametrize("length", [1, 2, 3, 7, 40])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.95])
def test_putting_the_spans_back_gives_the_caption(length: int, share: float) -> None:
    caption = list(range(100, 100 + length))
    for seed in range(20):
        draw = np.random.default_rng(seed)
        source, masked = ops.corrupt(caption, noise_share=share, span_tokens=2, draw=draw)
        assert restored(source, caption, masked) == caption
        assert len(masked) == length
        assert [token for token in source if token >= 100] == [
            token for token, out in zip(caption, masked, strict=True) if not out
        ]


def test_the_asked_share_is_hidden_in_spans_that_do_not_touch() -> None:
    caption = list(range(100, 140))
    for seed in range(20):
        draw = np.random.default_rng(seed)
        source, masked = ops.corrupt(caption, noise_share=0.25, span_tokens=2, draw=draw)
        marks = [token in SENTINEL_IDS for token in source]
        assert sum(masked) == 10
        assert sum(marks) == 5
        assert not any(left and right for left, right in pairwise(marks))


def test_every_place_can_be_hidden() -> None:
    draw = np.random.default_rng(0)
    masked = {ops.corrupt([1, 1, 1], noise_share=0.3, span_tokens=1, draw=draw)[1].index(True) for _ in range(50)}
    assert masked == {0, 1, 2}


def test_padding_fills_behind() -> None:
    assert ops.pad([[5], [6, 7]], -100).tolist() == [[5, -100], [6, 7]]
