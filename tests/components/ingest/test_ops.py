import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.common.formats import Formats
from components.ingest import ops

Picture = tuple[float, ops.Pixels]


def shots(*lengths: int) -> list[Picture]:
    """Shots of slowly changing flat colour, one every 1/8 s; neighbours differ strongly."""
    pictures = []
    for number, length in enumerate(lengths):
        for index in range(length):
            level = (200 if number % 2 else 40) + index % 3
            pictures.append((len(pictures) / 8, np.full((16, 16, 3), level, np.uint8)))
    return pictures


def lengths(pictures: list[Picture], formats: Formats, most: int = 99) -> list[tuple[float, int]]:
    spans = ops.spans(pictures, formats, most=most, shot_change=0.11)
    return [(span.start_s, len(span.pixels)) for span in spans]


def test_a_short_shot_gives_nothing_and_a_longer_one_the_largest_span_that_fits(formats: Formats) -> None:
    assert lengths(shots(16), formats) == []
    assert lengths(shots(17), formats) == [(0.0, 17)]
    assert lengths(shots(40), formats) == [(0.0, 17), (17 / 8, 17)]
    assert lengths(shots(41), formats) == [(0.0, 41)]
    assert lengths(shots(41 + 18), formats) == [(0.0, 41), (41 / 8, 17)]


def test_no_span_crosses_a_change_of_shot(formats: Formats) -> None:
    assert lengths(shots(20, 10, 17), formats) == [(0.0, 17), (30 / 8, 17)]


def test_no_more_is_read_than_is_needed(formats: Formats) -> None:
    read = []

    def endless():
        for picture in shots(1000):
            read.append(picture)
            yield picture

    spans = ops.spans(endless(), formats, most=1, shot_change=0.11)
    assert [len(span.pixels) for span in spans] == [41]
    assert len(read) <= 42


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(1, 60), max_size=6), st.integers(1, 5))
def test_spans_are_in_order_of_known_lengths_and_within_one_shot(parts: list[int], most: int) -> None:
    formats = Formats(8, 17, 41, 32, 32, 56, 32, 8000, 16)
    pictures = shots(*parts)
    shot_of = [number for number, length in enumerate(parts) for _ in range(length)]
    end = 0
    found = lengths(pictures, formats, most)
    assert len(found) <= most
    for start_s, frames in found:
        start = round(start_s * 8)
        assert frames in (17, 41)
        assert start >= end
        end = start + frames
        # A shot of a single picture has no history to stand out from, so cuts beside it may be missed.
        if min(parts) > 4:
            assert len({*shot_of[start:end]}) == 1


def test_a_fade_and_a_fast_camera_are_no_cuts() -> None:
    fade = [np.full((16, 16, 3), 8 * level, np.uint8) for level in range(30)]
    shots_seen = ops.Shots(0.02)
    assert not any(shots_seen.changed(picture) for picture in fade)
    scene = np.random.default_rng(0).integers(0, 255, (16, 600, 3), np.uint8)
    pan = [scene[:, 10 * step : 10 * step + 64] for step in range(30)]
    shots_seen = ops.Shots(0.11)
    assert not any(shots_seen.changed(picture) for picture in pan)


def test_motion_is_nothing_for_a_still_and_grows_with_change() -> None:
    still = np.full((17, 32, 32, 3), 90, np.uint8)
    assert ops.motion(still) == ops.motion(still[:1]) == 0
    flicker = still.copy()
    flicker[::2] += 51
    assert ops.motion(flicker) == pytest.approx(0.2, abs=1e-3)


def test_orientation_is_the_shape_that_loses_less(formats: Formats) -> None:
    assert ops.orientation(720, 1280, formats) == "square"
    assert ops.orientation(100, 100, formats) == "square"
    assert ops.orientation(1280, 720, formats) == "portrait"


def test_sound_is_audible_silent_or_absent() -> None:
    assert ops.audio_state(None) == "none"
    assert ops.audio_state(np.zeros(10, np.float32)) == "silent"
    assert ops.audio_state(np.full(10, 0.01, np.float32)) == "audible"


def test_a_clip_id_names_source_and_span() -> None:
    one = ops.clip_id("a" * 64, 1.0, 17, 8)
    assert len(one) == 64
    assert one == ops.clip_id("a" * 64, 1.0000001, 17, 8)
    assert (
        len(
            {
                one,
                ops.clip_id("b" * 64, 1.0, 17, 8),
                ops.clip_id("a" * 64, 2.0, 17, 8),
                ops.clip_id("a" * 64, 1.0, 41, 8),
            }
        )
        == 4
    )
