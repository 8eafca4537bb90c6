import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.media import pixels

SIDES = st.integers(2, 400)


def test_a_clip_that_fits_is_left_alone() -> None:
    clip = np.zeros((2, 32, 32, 3), np.uint8)
    assert pixels.crop_and_resize(clip, 32, 32) is clip


def test_the_center_stays_and_the_sides_go() -> None:
    wide = np.zeros((1, 16, 48, 3), np.uint8)
    wide[:, :, 16:32] = 200
    assert (pixels.crop_and_resize(wide, 16, 16) == 200).all()


def test_shrinking_averages_instead_of_skipping() -> None:
    stripes = np.zeros((1, 64, 64, 3), np.uint8)
    stripes[:, :, ::2] = 200
    small = pixels.crop_and_resize(stripes, 8, 8)
    assert np.abs(small.astype(int) - 100).max() <= 4


@given(SIDES, SIDES, SIDES, SIDES)
def test_a_cover_is_even_never_larger_and_keeps_the_aspect(height: int, width: int, box_h: int, box_w: int) -> None:
    after_h, after_w = pixels.cover(height, width, box_h, box_w)
    assert after_h % 2 == 0
    assert after_w % 2 == 0
    assert after_h <= height + 1
    assert after_w <= width + 1
    if height >= box_h and width >= box_w:
        assert after_h >= box_h - 1
        assert after_w >= box_w - 1
        assert after_h <= box_h + 1 or after_w <= box_w + 1


@given(SIDES, SIDES, SIDES, SIDES)
def test_a_crop_box_has_the_aspect_and_lies_inside(height: int, width: int, to_h: int, to_w: int) -> None:
    left, top, right, bottom = pixels.crop_box(height, width, to_h, to_w)
    assert 0 <= left < right <= width
    assert 0 <= top < bottom <= height
    assert (right - left) * to_h == pytest.approx((bottom - top) * to_w)
