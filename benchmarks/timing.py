"""Claim: every frame is within half a source frame of its instant, and sound within a millisecond.

    python benchmarks/timing.py

Films are made here that tell their time (`films.py`): with steady and variable rates, frames that refer ahead, turned,
cut by edit lists, begun late, with timestamps in whole milliseconds and with lost packets. Each is read as ingest reads
it. A frame's error is how far an instant lies from the middle of the time that its frame is on the screen, in parts of
that time; sound's is how far a second of it is from where it belongs, of spans from the beginning and from the middle.
"""

import numpy as np
import recording
from films import FILMS, OUT_HZ, Film, lag_s, made, told_ms

from components.media import audio, video

SPANS_S = ((0.0, 2.0), (0.625, 1.3))  # from the first picture on, and how long


def frame_error(film: Film, file: bytes) -> float:
    """The worst of a film, in source frames."""
    worst = 0.0
    for time_s, pixels in video.read(file, fps=8):
        place = film.times_ms.index(told_ms(np.rot90(pixels, -film.degrees // 90)))
        if place + 1 < len(film.times_ms):  # how long the last one stays is not told
            begin_ms, end_ms = film.times_ms[place : place + 2]
            middle_ms = (begin_ms + end_ms) / 2
            worst = max(worst, abs((time_s + film.shift_s) * 1000 - middle_ms) / (end_ms - begin_ms))
    return worst


def sound_error_ms(film: Film, file: bytes) -> float:
    """The worst of a film."""
    first_s = next(iter(video.read(file, fps=8)))[0]
    worst = 0.0
    for after_s, duration_s in SPANS_S:
        start_s = first_s + after_s
        heard = audio.decode(file, sample_rate_hz=OUT_HZ, start_s=start_s, duration_s=duration_s)
        assert heard is not None
        worst = max(worst, 1000 * abs(lag_s(heard, start_s + film.shift_s)))
    return worst


if __name__ == "__main__":
    recording.begin()
    errors = {}
    for name, film in FILMS.items():
        file = made(film)
        errors[name] = frame_error(film, file), sound_error_ms(film, file)
        print(f"{name}: {errors[name][0]:.3f} frames, {errors[name][1]:.3f} ms")
    frames, sound = (max(values) for values in zip(*errors.values(), strict=True))
    print(f"worst of {len(errors)} films: {frames:.3f} frames, {sound:.3f} ms")
    recording.record("worst frame of 18 films, source frames from its instant", frames, target="≤ 0.5")
    recording.record("worst sound of 18 films, from its instant", sound, "ms", "≤ 1")
