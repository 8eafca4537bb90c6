import weakref
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.media.timeline import BELIEVED_S, Timeline, lateness

RATE_HZ, PIECE = 48_000, 1024
TONE = np.sin(np.arange(120 * PIECE) / 7).astype(np.float32)


def laid(times_s: list[float | None], start_s: float = 0.0, duration_s: float = 1.0) -> np.ndarray:
    """The tone, in pieces with these timestamps."""
    timeline = Timeline(RATE_HZ, start_s, duration_s)
    for index, time_s in enumerate(times_s):
        if not timeline.add(time_s, TONE[index * PIECE : (index + 1) * PIECE]):
            break
    return timeline.samples


def true_s(count: int, begin_s: float = 0.0) -> list[float]:
    return [begin_s + index * PIECE / RATE_HZ for index in range(count)]


def lags(whole: np.ndarray) -> list[int]:
    """How many samples later than in the tone each piece lies."""
    found = np.lib.stride_tricks.sliding_window_view(whole, PIECE)
    pieces = (TONE[index * PIECE :][:PIECE] for index in range(len(whole) // PIECE - 2))
    places = (np.flatnonzero((found[:, :8] == piece[:8]).all(axis=1)) for piece in pieces)
    return [int(place[0]) - index * PIECE for index, place in enumerate(places)]


@pytest.mark.parametrize("rounding", [round, np.floor, np.ceil], ids=["to the nearest", "down", "up"])
@pytest.mark.parametrize("rate_hz", [11_025, 22_050, 44_100, 48_000])
def test_rounded_timestamps_make_no_seam_and_move_nothing_by_a_millisecond(rounding, rate_hz: int) -> None:
    late_s = np.array([rounding(1000 * i * PIECE / rate_hz) / 1000 - i * PIECE / rate_hz for i in range(200)])
    assert len(set(lateness(late_s))) == 1
    assert abs(lateness(late_s)[0]) < 0.001


def test_a_lost_piece_moves_what_comes_after_it() -> None:
    times_s = true_s(50)
    times_s = [time_s + (0.0213 if index >= 20 else 0) for index, time_s in enumerate(times_s)]
    found = lags(laid(times_s))
    assert found[:20] == [0] * 20
    assert set(found[20:]) == {round(0.0213 * RATE_HZ)}


def test_one_timestamp_that_lies_is_not_believed() -> None:
    times_s = true_s(60)
    times_s[10], times_s[30] = 1e6, -3.0
    assert np.array_equal(laid(times_s), TONE[:RATE_HZ])


def test_pieces_without_times_follow_each_other() -> None:
    assert np.array_equal(laid([None] * 60), TONE[:RATE_HZ])
    late = laid([0.5, *[None] * 60])
    assert not late[: RATE_HZ // 2].any()
    assert np.array_equal(late[RATE_HZ // 2 :], TONE[: RATE_HZ // 2])


def test_a_span_from_the_middle_is_a_part_of_the_whole() -> None:
    whole = laid(true_s(120), 0.0, 2.5)
    assert np.array_equal(laid(true_s(120), 1.5, 0.5), whole[round(1.5 * RATE_HZ) : 2 * RATE_HZ])


def test_no_pieces_are_silence() -> None:
    assert not laid([]).any()


def test_a_row_that_jitters_by_some_milliseconds_stays_in_one_piece() -> None:
    jitter_s = np.random.default_rng(0).uniform(-0.004, 0.004, 200)
    assert len(set(lateness(jitter_s))) == 1


def test_times_that_are_told_by_the_length_of_pieces_part_none_from_the_other() -> None:
    """As some writers do it for Vorbis, whose pieces have several lengths: nothing was lost, for soon none is late."""
    lengths = np.array(([128] * 9 + [576] + [1024] * 40 + [576]) * 4)
    assert len(set(lateness((lengths / 44_100).round(3)))) == 1


def test_times_that_wander_and_come_back_part_none_from_the_other() -> None:
    assert len(set(lateness(0.003 - 0.00133 * (np.arange(200) % 7)))) == 1


def test_a_row_that_begins_anew_is_followed_back() -> None:
    late_s = np.repeat([0.0, -5.0, 2.0], 40)
    np.testing.assert_array_equal(lateness(late_s), late_s)


@pytest.mark.media
@pytest.mark.parametrize("name", ["rabbit_figurine.webm", "rooftop_cranes.mp4", "tears_of_steel_battle.webm"])
def test_real_sound_of_odd_timestamps_joins_without_a_seam(name: str) -> None:
    path = Path(__file__).parents[4] / "shared" / "media" / "videos" / name
    if not path.exists():
        pytest.skip("the real media are not beside the checkout")
    with av.open(str(path)) as container:
        frames = [(frame.time, frame.samples) for frame in container.decode(audio=0)]
        rate_hz = container.streams.audio[0].rate
    row_s = np.cumsum([0, *(count for _, count in frames[:-1])]) / rate_hz
    assert len(set(lateness(np.array([time_s for time_s, _ in frames]) - row_s))) == 1


@settings(deadline=None)
@given(
    losses=st.dictionaries(st.integers(3, 196), st.integers(1, 3), max_size=8),
    percent_of_clock=st.floats(-0.05, 0.05),
    in_whole_ms=st.booleans(),
)
def test_every_piece_lies_within_a_millisecond_of_its_time(
    losses: dict[int, int], percent_of_clock: float, in_whole_ms: bool
) -> None:
    row_s = np.arange(200) * PIECE / RATE_HZ
    lost = np.cumsum([losses.get(index, 0) for index in range(200)]) * PIECE / RATE_HZ
    times_s = (row_s + lost) * (1 + percent_of_clock / 100)
    told_s = times_s.round(3) if in_whole_ms else times_s
    believed_s = row_s + lateness(told_s - row_s)
    assert np.abs(believed_s - told_s).max() <= max(BELIEVED_S, 0.001) + 1e-9


def test_what_lies_long_before_the_span_is_not_held() -> None:
    timeline = Timeline(RATE_HZ, start_s=60.0, duration_s=1.0)
    piece = np.ones(RATE_HZ, np.float32)
    held = weakref.ref(piece)
    timeline.add(0.0, piece)
    del piece
    assert held() is None
