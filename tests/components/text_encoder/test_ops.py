"""Span corruption hides the asked share and loses nothing."""

from itertools import pairwise

import numpy as np
import pytest

from components.text_encoder import ops
from components.text_encoder.tokenization import END_ID, FIRST_SENTINEL_ID, SENTINELS

SENTINEL_IDS = range(FIRST_SENTINEL_ID, FIRST_SENTINEL_ID + SENTINELS)


def restored(source: list[int], target: list[int]) -> list[int]:
    """Put the hidden spans back where their sentinels stand."""
    spans: dict[int, list[int]] = {}
    for token in target[:-1]:
        if token in SENTINEL_IDS:
            spans[token] = []
        else:
            spans[list(spans)[-1]].append(token)
    return [token for piece in source[:-1] for token in spans.pop(piece, [piece])]


@pytest.mark.parametrize("length", [1, 2, 3, 7, 40])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.95])
def test_putting_the_spans_back_gives_the_caption(length: int, share: float) -> None:
    caption = list(range(100, 100 + length))
    for seed in range(20):
        draw = np.random.default_rng(seed)
        source, target = ops.corrupt(caption, noise_share=share, span_tokens=2, draw=draw)
        assert restored(source, target) == caption
        assert source[-1] == target[-1] == END_ID


def test_the_asked_share_is_hidden_in_spans_that_do_not_touch() -> None:
    caption = list(range(100, 140))
    for seed in range(20):
        draw = np.random.default_rng(seed)
        source, target = ops.corrupt(caption, noise_share=0.25, span_tokens=2, draw=draw)
        marks = [token in SENTINEL_IDS for token in source]
        assert len([token for token in target if token >= 100]) == 10
        assert sum(marks) == 5
        assert not any(left and right for left, right in pairwise(marks))


def test_every_place_can_be_hidden() -> None:
    draw = np.random.default_rng(0)
    hidden = {ops.corrupt([100, 101, 102], noise_share=0.3, span_tokens=1, draw=draw)[1][1] for _ in range(50)}
    assert hidden == {100, 101, 102}


def test_padding_fills_behind() -> None:
    assert ops.pad([[5], [6, 7]], -100).tolist() == [[5, -100], [6, 7]]
