from typing import get_args

import numpy as np
import pytest

from components.pretokenize import regions
from components.pretokenize.config import Region

FRAMES_THWC = np.random.default_rng(0).integers(1, 255, (5, 16, 8, 3), np.uint8)


@pytest.mark.parametrize("region", get_args(Region))
def test_a_condition_shows_the_visible_part_and_nothing_of_the_hidden_one(region: Region):
    masked_HW = regions.masked(region, 16, 8)
    other_THWC = FRAMES_THWC.copy()
    other_THWC[:, masked_HW] = 255 - other_THWC[:, masked_HW]
    shown_THWC = regions.condition(FRAMES_THWC, region)
    np.testing.assert_array_equal(shown_THWC[:, ~masked_HW], FRAMES_THWC[:, ~masked_HW])
    np.testing.assert_array_equal(shown_THWC, regions.condition(other_THWC, region))


@pytest.mark.parametrize("shape", ["center", "horizontal", "vertical"])
def test_outpainting_hides_what_inpainting_shows(shape: str):
    inside = regions.masked(f"inpaint_{shape}", 16, 8)  # type: ignore[arg-type]
    np.testing.assert_array_equal(inside, ~regions.masked(f"outpaint_{shape}", 16, 8))  # type: ignore[arg-type]


def test_the_center_is_the_middle_half_of_both_sides():
    masked_HW = regions.masked("inpaint_center", 16, 8)
    assert masked_HW[4:12, 2:6].all()
    assert masked_HW.sum() == 8 * 4


def test_the_nearest_visible_pixel_spreads_over_the_hidden_part():
    inside_THWC = regions.condition(FRAMES_THWC, "inpaint_horizontal")
    np.testing.assert_array_equal(inside_THWC[:, 4:8], FRAMES_THWC[:, [3, 3, 3, 3]])
    np.testing.assert_array_equal(inside_THWC[:, 8:12], FRAMES_THWC[:, [12, 12, 12, 12]])
    outside_THWC = regions.condition(FRAMES_THWC, "outpaint_center")
    np.testing.assert_array_equal(outside_THWC[:, 0, 0], FRAMES_THWC[:, 4, 2])
    np.testing.assert_array_equal(outside_THWC[:, 8, 7], FRAMES_THWC[:, 8, 5])


def test_a_mask_of_any_shape_is_filled_from_what_it_leaves():
    masked_HW = np.ones((16, 8), bool)
    masked_HW[3, 5] = False
    filled_THWC = regions.filled(FRAMES_THWC, masked_HW)
    np.testing.assert_array_equal(filled_THWC, np.broadcast_to(FRAMES_THWC[:, 3:4, 5:6], FRAMES_THWC.shape))


def test_a_mask_that_hides_everything_cannot_be_filled():
    with pytest.raises(ValueError, match="hides the whole frame"):
        regions.filled(FRAMES_THWC, np.ones((16, 8), bool))
