import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.common.formats import Formats
from components.ingest import ops

TimedFrame = tuple[float, ops.Planes]
PLANES = np.zeros((24, 16), np.uint8)


def film(count: int) -> list[TimedFrame]:
    """Frames, one every 1/8 s."""
    return [(index / 8, PLANES) for index in range(count)]


def lengths(shots: list[int], formats: Formats, most: int = 99) -> list[tuple[float, int]]:
    """Start and length of the spans of shots of so many frames."""
    shot_of = [number for number, length in enumerate(shots) for _ in range(length)]
    spans = ops.spans(film(len(shot_of)), formats, most=most, shot=lambda time_s: shot_of[round(time_s * 8)])
    return [(span.start_s, len(span.planes)) for span in spans]


def test_a_short_shot_gives_nothing_and_a_longer_one_the_largest_span_that_fits(formats: Formats) -> None:
    assert lengths([16], formats) == []
    assert lengths([17], formats) == [(0.0, 17)]
    assert lengths([40], formats) == [(0.0, 17), (17 / 8, 17)]
    assert lengths([41], formats) == [(0.0, 41)]
    assert lengths([41 + 18], formats) == [(0.0, 41), (41 / 8, 17)]


def test_no_span_crosses_a_change_of_shot(formats: Formats) -> None:
    assert lengths([20, 10, 17], formats) == [(0.0, 17), (30 / 8, 17)]


def test_no_more_is_read_than_is_needed(formats: Formats) -> None:
    read = []

    def endless():
        for frame in film(1000):
            read.append(frame)
            yield frame

    spans = ops.spans(endless(), formats, most=1, shot=lambda _: 0)
    assert [len(span.planes) for span in spans] == [41]
    assert len(read) <= 42


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(1, 60), max_size=6), st.integers(1, 5))
def test_spans_are_in_order_of_known_lengths_and_within_one_shot(parts: list[int], most: int) -> None:
    formats = Formats(8, 17, 41, 32, 32, 56, 32, 8000, 16)
    shot_of = [number for number, length in enumerate(parts) for _ in range(length)]
    end = 0
    found = lengths(parts, formats, most)
    assert len(found) <= most
    for start_s, frames in found:
        start = round(start_s * 8)
        assert frames in (17, 41)
        assert start >= end
        end = start + frames
        assert len({*shot_of[start:end]}) == 1


def test_motion_is_nothing_for_a_still_and_grows_with_change() -> None:
    still = np.full((17, 48, 32), 90, np.uint8)
    assert ops.motion(still) == ops.motion(still[:1]) == 0
    flicker = still.copy()
    flicker[::2] += 73
    assert ops.motion(flicker) == pytest.approx(1 / 3, abs=1e-3)


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
