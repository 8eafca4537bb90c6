"""Text overlays found in generated images, with the font that Pillow brings."""

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from components.filter import measures, overlays
from components.media.arrays import Pixels
from tests.components.filter.test_measures import camera

PLACE, LINE = (20, 220), "Where are you going tomorrow?"


def written(clip: Pixels, text: str = LINE, level: int = 255, size_px: int = 18) -> Pixels:
    """The same text, with an edge around it, at the same place of all frames."""
    font, made = ImageFont.load_default(size_px), []
    for frame in clip:
        image = Image.fromarray(frame)
        edge = 0 if level > 127 else 255
        ImageDraw.Draw(image).text(PLACE, text, (level,) * 3, font, stroke_width=1, stroke_fill=(edge,) * 3)
        made.append(np.asarray(image))
    return np.stack(made)


def score(clip: Pixels) -> float:
    return measures.measure_frames(clip, 8).text_overlay


@pytest.fixture
def moving() -> Pixels:
    """Soft spots that a camera goes past, 256 px high and wide."""
    return camera([4] * 8).repeat(2, axis=1).repeat(2, axis=2)


@pytest.mark.parametrize("level", [255, 0])
def test_a_subtitle_is_found_and_takes_about_its_share_of_the_picture(moving: Pixels, level: int) -> None:
    box = ImageFont.load_default(18).getbbox(LINE)
    share = (box[2] - box[0]) * (box[3] - box[1]) / 256**2
    assert score(moving) == 0
    for clip in (moving, moving[:1]):  # a still image has the geometry alone
        assert share / 2 < score(written(clip, level=level)) < share * 2


def test_more_text_takes_more_of_the_picture(moving: Pixels) -> None:
    assert score(written(moving, "Where are you going?")) < score(written(moving, LINE))
    assert score(written(moving, LINE, size_px=14)) < score(written(moving, LINE))


def test_a_subtitle_that_changes_or_goes_within_the_clip_is_found(moving: Pixels) -> None:
    first, then = written(moving), written(moving, "Into the mountains, at dawn.")
    assert score(np.concatenate([first[:5], then[5:]])) > 0.01
    assert score(np.concatenate([first[:5], moving[5:]])) > 0.01


def test_text_on_a_thing_that_passes_by_is_not_laid_over(moving: Pixels) -> None:
    signed = written(moving)
    passing = np.stack([np.roll(frame, -8 * t, axis=0) for t, frame in enumerate(signed)])
    assert score(passing[:1]) > 0.01
    assert score(passing) == 0


def test_a_line_that_stands_upright_is_not_seen(moving: Pixels) -> None:
    assert score(written(moving).transpose(0, 2, 1, 3)) == 0


def test_the_size_of_the_frames_does_not_count(moving: Pixels) -> None:
    clip = written(moving)
    assert score(clip.repeat(2, axis=1).repeat(2, axis=2)) == pytest.approx(score(clip), abs=0.002)


@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_plain_picture_has_none(level: int) -> None:
    assert overlays.text_overlay(np.full((3, 256, 300), level, np.uint8)) == 0


@pytest.mark.parametrize("seed", range(3))
def test_the_score_is_a_share_whatever_is_shown(seed: int) -> None:
    rng = np.random.default_rng(seed)
    noise = rng.integers(0, 256, (3, 256, 256), np.uint8)
    lines = np.kron(rng.integers(0, 2, (16, 128)), np.ones((8, 2))).astype(np.uint8) * 255
    lines[np.arange(256)[:128] // 8 % 2 == 0] = 0
    for gray_SHW in (noise, np.stack([lines, lines])):
        assert 0 <= overlays.text_overlay(gray_SHW) <= 1
