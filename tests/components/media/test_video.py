from fractions import Fraction
from io import BytesIO
from pathlib import Path

import av
import numpy as np
import pytest
from av import VideoFrame

from components.media import audio, video
from components.media.errors import Unreadable


def counted(frames: int, height_px: int = 32, width_px: int = 48) -> np.ndarray:
    """Frame i is a flat gray of level 10·i, so that a decoded frame tells its number."""
    levels = (np.arange(frames) * 10).astype(np.uint8)
    return np.broadcast_to(levels[:, None, None, None], (frames, height_px, width_px, 3)).copy()


def numbers(frames_THWC: np.ndarray) -> list[int]:
    return [round(float(frame.mean()) / 10) for frame in frames_THWC]


def with_times(times_s: list[float]) -> bytes:
    """A Matroska file whose frame i is shown from times_s[i] on."""
    buffer = BytesIO()
    with av.open(buffer, "w", format="matroska") as container:
        stream = container.add_stream("libx264", rate=30, options={"crf": "10", "bf": "0"})
        stream.width, stream.height, stream.pix_fmt = 48, 32, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        for pixels, time_s in zip(counted(len(times_s)), times_s, strict=True):
            frame = VideoFrame.from_ndarray(pixels, "rgb24")
            frame.pts, frame.time_base = round(time_s * 1000), Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return buffer.getvalue()


def test_what_was_encoded_comes_back() -> None:
    frames = counted(17)
    frames[:, 8:24, 8:24] = (200, 40, 60)
    back = video.decode(video.encode_mp4(frames, fps=8, crf=10), fps=8, frames=17)
    assert back.shape == frames.shape
    assert np.abs(back.astype(int) - frames).mean() < 2


def test_the_same_arrays_give_the_same_bytes() -> None:
    sound = np.sin(np.arange(17000) / 5).astype(np.float32)
    files = [video.encode_mp4(counted(17), fps=8, audio_S=sound, sample_rate_hz=8000) for _ in range(2)]
    assert files[0] == files[1]


def test_an_odd_size_cannot_be_encoded() -> None:
    with pytest.raises(ValueError, match="even sizes, got 31×48"):
        video.encode_mp4(counted(2, height_px=31), fps=8)


def test_every_instant_shows_the_frame_that_is_on_the_screen_then() -> None:
    uneven = with_times([0.0, 0.05, 0.3, 0.31, 0.32, 0.9, 1.0])
    # instants      0  .125 .25 .375 .5 .625 .75 .875 1.0
    assert numbers(video.decode(uneven, fps=8, frames=9)) == [0, 1, 1, 4, 4, 4, 4, 4, 6]


def test_a_faster_file_is_thinned_and_a_slower_one_is_held() -> None:
    fast = video.encode_mp4(counted(24), fps=24, crf=10)
    assert numbers(video.decode(fast, fps=8, frames=8)) == [0, 3, 6, 9, 12, 15, 18, 21]
    slow = video.encode_mp4(counted(4), fps=4, crf=10)
    assert numbers(video.decode(slow, fps=8, frames=8)) == [0, 0, 1, 1, 2, 2, 3, 3]


def test_reading_starts_at_the_first_frame_wherever_the_clock_does() -> None:
    late = with_times([2.0 + index / 8 for index in range(9)])
    times_s = [time_s for time_s, _ in video.read(late, fps=8)]
    assert times_s == [2.0 + index / 8 for index in range(9)]


def test_a_clip_can_start_in_the_middle() -> None:
    file = video.encode_mp4(counted(16), fps=8, crf=10)
    assert numbers(video.decode(file, fps=8, start_s=0.5, frames=4)) == [4, 5, 6, 7]


def test_too_few_frames_are_told() -> None:
    with pytest.raises(Unreadable, match="too_short: 8 of 9 frames at 8 fps"):
        video.decode(video.encode_mp4(counted(8), fps=8), fps=8, frames=9)


def test_an_absurd_gap_ends_the_clip_instead_of_filling_memory() -> None:
    broken = with_times([0.0, 0.125, 0.25, 100000.0])
    assert len(list(video.read(broken, fps=8))) == 3


def test_damage_is_told_after_the_good_frames() -> None:
    file = bytearray(video.encode_mp4(np.random.default_rng(0).integers(0, 255, (40, 64, 64, 3), np.uint8), fps=8))
    middle = len(file) // 2
    file[middle : middle + 4000] = bytes(4000)
    given = []
    with pytest.raises(Unreadable, match="decode_error"):
        given.extend(video.read(bytes(file), fps=8))
    assert 0 < len(given) < 40


@pytest.mark.parametrize("content", [b"", b"no video at all", b"\x00\x00\x00\x18ftypmp42"])
def test_what_is_no_container_is_told_without_its_path(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "secret.mp4").write_bytes(content)
    with pytest.raises(Unreadable, match="unreadable_container") as caught:
        video.probe(tmp_path / "secret.mp4")
    assert "secret" not in str(caught.value)


def test_the_header_tells_size_length_and_sound() -> None:
    sound = np.zeros(8000, np.float32)
    known = video.probe(video.encode_mp4(counted(8), fps=8, audio_S=sound, sample_rate_hz=8000))
    assert (known.height_px, known.width_px, known.has_audio) == (32, 48, True)
    assert known.duration_s == pytest.approx(1.0, abs=0.1)


def test_pictures_and_sound_stay_in_step() -> None:
    """A flash and a click at the same instant come back at the same instant."""
    frames = counted(24) * 0
    frames[12] = 255
    sound = np.zeros(24 * 2000, np.float32)
    sound[24000:24100] = 0.9
    file = video.encode_mp4(frames, fps=8, audio_S=sound, sample_rate_hz=16000, crf=10)
    bright = [time_s for time_s, pixels in video.read(file, fps=8) if pixels.mean() > 128]
    heard = audio.decode(file, sample_rate_hz=16000, duration_s=3.0)
    assert bright == [1.5]
    assert heard is not None
    assert abs(int(np.abs(heard).argmax()) / 16000 - 1.5) < 0.01


@pytest.mark.parametrize(("height_px", "width_px"), [(56, 32), (96, 96), (128, 170)])
def test_any_size_gives_the_same_bytes_whatever_lies_in_memory(height_px: int, width_px: int) -> None:
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 120, (17, height_px, width_px, 3), np.uint8) + counted(17, height_px, width_px) // 2
    files = set()
    for _ in range(6):
        used = [rng.integers(0, 255, size, np.uint8) for size in rng.integers(1000, 400_000, 20)]
        files.add(video.encode_mp4(frames, fps=8))
        del used
    assert len(files) == 1
