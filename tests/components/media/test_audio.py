from io import BytesIO

import av
import numpy as np
import pytest
from av import AudioFrame
from av.stream import Disposition

from components.media import audio, video

RATE_HZ = 8000


def tone(seconds: float, hz: float = 440, rate_hz: int = RATE_HZ) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * hz * np.arange(int(seconds * rate_hz)) / rate_hz)).astype(np.float32)


def film(sound: np.ndarray | None, rate_hz: int = RATE_HZ) -> bytes:
    return video.encode_mp4(np.zeros((24, 32, 32, 3), np.uint8), fps=8, audio_S=sound, sample_rate_hz=rate_hz)


def test_flac_loses_nothing_but_bits_below_sixteen() -> None:
    sound = tone(1.7)
    back = audio.decode_flac(audio.encode_flac(sound, sample_rate_hz=RATE_HZ))
    assert back.shape == sound.shape
    assert np.abs(back - sound).max() <= 0.5 / 32768 + 1e-7


def test_flac_is_the_same_bytes_every_time_and_clips_what_is_too_loud() -> None:
    loud = 3 * tone(0.5)
    assert audio.encode_flac(loud, sample_rate_hz=RATE_HZ) == audio.encode_flac(loud, sample_rate_hz=RATE_HZ)
    assert np.abs(audio.decode_flac(audio.encode_flac(loud, sample_rate_hz=RATE_HZ))).max() <= 1


def test_an_empty_flac_is_empty() -> None:
    assert audio.decode_flac(audio.encode_flac(np.zeros(0, np.float32), sample_rate_hz=RATE_HZ)).shape == (0,)


@pytest.mark.parametrize("to_hz", [8000, 16000, 22050])
def test_resampling_keeps_the_tone_in_its_place(to_hz: int) -> None:
    after = audio.resample(tone(1.0), RATE_HZ, to_hz, to_hz)
    assert len(after) == to_hz
    middle = slice(to_hz // 10, -to_hz // 10)
    np.testing.assert_allclose(after[middle], tone(1.0, rate_hz=to_hz)[middle], atol=1e-3)


def test_sound_of_a_film_comes_back_from_any_start() -> None:
    sound = tone(3.0)
    file = film(sound)
    for start_s in (0.0, 0.7):
        heard = audio.decode(file, sample_rate_hz=RATE_HZ, start_s=start_s, duration_s=1.5)
        assert heard is not None
        offset = round(start_s * RATE_HZ)
        expected = sound[offset : offset + len(heard)]
        assert np.corrcoef(heard[500:-500], expected[500:-500])[0, 1] > 0.99


@pytest.mark.parametrize(("default", "heard_hz"), [(None, 440), (0, 440), (1, 880)])
def test_of_several_sounds_the_default_one_is_heard_or_else_the_first(default: int | None, heard_hz: int) -> None:
    buffer = BytesIO()
    with av.open(buffer, "w", format="matroska") as container:
        streams = [container.add_stream("pcm_s16le", rate=RATE_HZ, layout="mono") for _ in range(2)]
        for index, stream in enumerate(streams):
            stream.disposition = Disposition.default if index == default else Disposition(0)
        for stream, hz in zip(streams, (440, 880), strict=True):
            whole = (tone(1.0, hz) * 32767).astype(np.int16)
            frame = AudioFrame.from_ndarray(whole[None], "s16", "mono")
            frame.sample_rate, frame.pts = RATE_HZ, 0
            container.mux([*stream.encode(frame), *stream.encode(None)])
    heard = audio.decode(buffer.getvalue(), sample_rate_hz=RATE_HZ, duration_s=1.0)
    assert heard is not None
    assert np.corrcoef(heard, tone(1.0, heard_hz))[0, 1] > 0.99


def test_sound_that_ends_early_is_padded_with_silence() -> None:
    heard = audio.decode(film(tone(1.0)), sample_rate_hz=RATE_HZ, duration_s=3.0)
    assert heard is not None
    assert len(heard) == 3 * RATE_HZ
    assert np.abs(heard[: RATE_HZ // 2]).max() > 0.4
    assert np.abs(heard[2 * RATE_HZ :]).max() == 0


def test_a_film_without_sound_has_none() -> None:
    assert audio.decode(film(None), sample_rate_hz=RATE_HZ, duration_s=1.0) is None
