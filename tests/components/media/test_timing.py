"""Pictures and sound against the truth, in films that tell it.

An instant must fall into the time that its frame is on the screen, so it is at most half a frame from the middle of it.
"""

import numpy as np
import pytest

from benchmarks.films import FILMS, OUT_HZ, Film, lag_s, made, told_ms
from components.media import audio, video


@pytest.fixture(scope="module", params=FILMS, ids=lambda name: name.replace(" ", "-"))
def case(request: pytest.FixtureRequest) -> tuple[Film, bytes]:
    return FILMS[request.param], made(FILMS[request.param])


def test_every_instant_falls_into_the_time_of_its_frame(case: tuple[Film, bytes]) -> None:
    film, file = case
    pictures = list(video.read(file, fps=8))
    assert len(pictures) >= 8 * (film.times_ms[-1] / 1000 - max(film.shift_s, 0)) - 1
    for time_s, pixels in pictures:
        upright = np.rot90(pixels, -film.degrees // 90)
        shown_ms = told_ms(upright)
        place = film.times_ms.index(shown_ms)
        until_ms = film.times_ms[place + 1] if place + 1 < len(film.times_ms) else shown_ms + 1000
        instant_ms = (time_s + film.shift_s) * 1000
        assert shown_ms - 0.001 <= instant_ms <= until_ms + 0.001, (time_s, shown_ms)


def test_sound_is_within_a_millisecond(case: tuple[Film, bytes]) -> None:
    film, file = case
    start_s = next(iter(video.read(file, fps=8)))[0]
    heard = audio.decode(file, sample_rate_hz=OUT_HZ, start_s=start_s, duration_s=2.0)
    assert heard is not None
    assert abs(lag_s(heard, start_s + film.shift_s)) <= 0.001


def test_sound_from_the_middle_is_that_of_the_middle(case: tuple[Film, bytes]) -> None:
    film, file = case
    start_s = next(iter(video.read(file, fps=8)))[0] + 0.625
    heard = audio.decode(file, sample_rate_hz=OUT_HZ, start_s=start_s, duration_s=1.3)
    assert heard is not None
    assert abs(lag_s(heard, start_s + film.shift_s)) <= 0.001
