"""Interlaced films come out as frames of one instant each."""

from fractions import Fraction
from io import BytesIO

import av
import numpy as np
from av import VideoFrame

from components.media import video


def moving(instant: int) -> np.ndarray:
    """A bright bar that moves three pixels from field to field."""
    pixels = np.full((64, 128, 3), 40, np.uint8)
    pixels[:, 10 + 3 * instant : 30 + 3 * instant] = 220
    return pixels


def film(frames: int, *, interlaced: bool, flagged: bool = True) -> bytes:
    """Frames whose even lines are from half a frame later if they are interlaced."""
    buffer = BytesIO()
    with av.open(buffer, "w", format="matroska") as container:
        options = {"crf": "5", "x264-params": "bff=1"} if interlaced and flagged else {"crf": "5"}
        stream = container.add_stream("libx264", rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = 128, 64, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 25)
        for index in range(frames):
            pixels = moving(2 * index)
            if interlaced:
                pixels[::2] = moving(2 * index + 1)[::2]
            frame = VideoFrame.from_ndarray(pixels, "rgb24")
            frame.pts, frame.time_base = index, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return buffer.getvalue()


def combing(frames_THWC: np.ndarray) -> float:
    """Mean difference of neighboring lines."""
    return float(np.abs(np.diff(frames_THWC.astype(int), axis=1)).mean())


def test_lines_of_two_instants_are_brought_to_one() -> None:
    combed = video.decode(film(12, interlaced=True, flagged=False), fps=25, frames=12)
    whole = video.decode(film(12, interlaced=True), fps=25, frames=12)
    assert combing(combed) > 5
    assert combing(whole[1:-1]) < combing(combed) / 4


def test_times_stay_and_no_frame_is_lost() -> None:
    interlaced, plain = (list(video.read(film(12, interlaced=kind), fps=25)) for kind in (True, False))
    assert [time_s for time_s, _ in interlaced] == [time_s for time_s, _ in plain]
    for (_, one), (_, other) in zip(interlaced[1:-1], plain[1:-1], strict=True):
        assert np.abs(one.astype(int) - other).mean() < 4


def test_a_film_that_is_not_flagged_comes_as_it_is() -> None:
    frames = np.stack([moving(2 * index) for index in range(12)])
    assert np.abs(video.decode(film(12, interlaced=False), fps=25, frames=12).astype(int) - frames).mean() < 2
