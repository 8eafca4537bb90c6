"""What is measured of made-up frames, whose motion, blur, light and bars are known."""

import numpy as np
import pytest

from components.filter import measures
from components.media.arrays import Pixels


def texture(height_px: int = 128, width_px: int = 128) -> Pixels:
    """Soft spots, which flow can follow."""
    import cv2

    noise = np.random.default_rng(0).integers(0, 256, (height_px // 4, width_px // 4, 3), np.uint8)
    spots: Pixels = cv2.resize(noise, (width_px, height_px), interpolation=cv2.INTER_CUBIC)
    return spots


def camera(steps_px: list[int]) -> Pixels:
    """A camera over the texture that goes right by so many pixels from frame to frame."""
    wide = texture(width_px=512)
    places = 128 + np.cumsum([0, *steps_px])
    return np.stack([wide[:, place : place + 128] for place in places])


def test_speed_is_in_widths_a_second() -> None:
    speed, jitter = measures.movement(camera([4] * 16), fps=8)
    assert speed == pytest.approx(4 * 8 / 128, rel=0.1)
    assert jitter == 0


def test_speed_does_not_depend_on_the_size_of_the_frames() -> None:
    slow = camera([2] * 8)
    large = slow.repeat(2, axis=1).repeat(2, axis=2)
    assert measures.movement(large, 8)[0] == pytest.approx(measures.movement(slow, 8)[0], rel=0.1)


def test_a_shaking_camera_is_jittery_and_one_that_turns_back_once_is_not() -> None:
    assert measures.movement(camera([4, -4] * 8), 8)[1] > 0.95
    assert measures.movement(camera([4] * 8 + [-4] * 8), 8)[1] < 0.15


def test_noise_on_a_still_picture_has_no_way_to_turn_back_from() -> None:
    noise = np.random.default_rng(1).normal(0, 3, (8, 128, 128, 3))
    speed, jitter = measures.movement((texture() + noise).clip(0, 255).astype(np.uint8), 8)
    assert jitter == 0
    assert speed < 0.05


def test_a_still_picture_does_not_move() -> None:
    measure = measures.measure_frames(texture()[None], 8)
    assert (measure.speed, measure.jitter) == (0, 0)


def test_blur_takes_sharpness_and_one_sharp_still_is_enough() -> None:
    import cv2

    sharp = texture()
    blurred = cv2.GaussianBlur(sharp, (0, 0), 6)
    of_sharp, of_blurred = (measures.measure_frames(image[None], 8).sharpness for image in (sharp, blurred))
    assert of_blurred < 10 < 50 < of_sharp
    assert measures.measure_frames(np.stack([blurred, blurred, sharp]), 8).sharpness == of_sharp


def test_shares_without_light_and_with_nothing_but_light() -> None:
    image = np.full((1, 128, 128, 3), 128, np.uint8)
    image[:, :32], image[:, 96:112] = 0, 255
    measure = measures.measure_frames(image, 8)
    assert (measure.dark, measure.bright) == (0.25, 0.125)


@pytest.mark.parametrize("level", [0, 255, 128])
def test_bars_of_any_color_are_measured_along_both_sides(level: int) -> None:
    clip = camera([4] * 4)
    clip[:, :16], clip[:, 112:] = level, level
    assert measures.measure_frames(clip, 8).letterbox == pytest.approx(0.25, abs=0.02)
    assert measures.measure_frames(clip.transpose(0, 2, 1, 3), 8).letterbox == pytest.approx(0.25, abs=0.02)


def test_a_thing_that_moves_over_a_plain_ground_leaves_no_bars() -> None:
    clip = np.full((9, 128, 128, 3), 90, np.uint8)
    for t in range(9):
        clip[t, 40:88, 4 + 8 * t : 52 + 8 * t] = 200
    assert measures.measure_frames(clip, 8).letterbox == 0
    assert measures.measure_frames(clip[:1] * 0, 8).letterbox == 0
