"""Video files or bytes ↔ clips of uint8 pixels (T, H, W, 3), or of planes (T, 3/2 · H, W) as in `media.frames`.

Timestamps decide: the frame for an instant is the one displayed then, whatever rate the header claims. Times are
seconds on the container's clock, which audio shares. Of several video streams the default ones come first, then the
larger ones; attached cover images do not count. Codecs run unthreaded and bit-exact.
"""

import errno
import io
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

import av
import numpy as np
import numpy.typing as npt
from av import AudioFrame, VideoFrame
from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

from components.media import alpha, edits
from components.media.arrays import Pixels
from components.media.errors import Unreadable
from components.media.fields import deinterlaced
from components.media.frames import Fit, Planes, Upright, as_seen, displayed_size, to_planes

Source = Path | bytes
Watch = Callable[[Iterable[VideoFrame]], Iterable[VideoFrame]]
# Demuxers of what `media.sniff` knows as video, of GIF, and of audio files. Each reads only the file that it is given;
# those that open files named by a text (hls, concat, sdp) or a pattern (image2) are excluded.
FORMATS = "mov,matroska,ogg,flv,asf,mpeg,mpegvideo,mpegts,avi,gif,wav,aiff,caf,mp3,aac,flac,ac3,amr"
TOLERANCE_S = 1e-6  # of sums of floats; one as large as a rounded timestamp would show frames before their time
LONGEST_HOLD_S = 5.0  # a frame held longer is taken for a broken timestamp and ends the clip
# x264's macroblock tree, as vectorised for AVX2, gives other bytes from run to run.
X264 = {"threads": "1", "x264-params": "mbtree=0"}
AAC_SAMPLES = 1024


@dataclass(frozen=True)
class Probe:
    """Properties claimed by a header; only decoding verifies them."""

    height_px: int  # with square pixels, before turning
    width_px: int
    duration_s: float | None
    has_audio: bool


@contextmanager
def opened(source: Source) -> Iterator[InputContainer]:
    """Open a container; raises Unreadable("unreadable_container")."""
    try:
        container = _container(source)
    except (av.FFmpegError, ValueError, OSError) as error:
        unlisted = getattr(error, "errno", None) == errno.EINVAL  # FFmpeg's answer for a demuxer that is not in FORMATS
        message = "damaged, or of a kind that is not read here" if unlisted else _message(error)
        raise Unreadable("unreadable_container", message) from error
    with container:
        yield container


def video_stream(container: InputContainer) -> VideoStream:
    """Return the stream to decode; raises Unreadable: no_video_stream, or decode_error without a decoder."""
    streams = [stream for stream in container.streams.video if not stream.disposition & Disposition.attached_pic]
    if not streams:
        raise Unreadable("no_video_stream", "the container holds no pictures")
    known = [stream for stream in streams if stream.codec_context is not None]
    if not known:
        raise Unreadable("decode_error", "the pictures are of a codec that is not known here")
    chosen = max(
        known,
        key=lambda stream: (
            bool(stream.disposition & Disposition.default),
            stream.width * stream.height,
            -stream.index,
        ),
    )
    chosen.thread_type = "NONE"
    chosen.codec_context.thread_count = 1
    return chosen


def probe(source: Source) -> Probe:
    """Read the header only."""
    with opened(source) as container:
        stream = video_stream(container)
        height_px, width_px = displayed_size(stream.height, stream.width, stream.sample_aspect_ratio)
        duration_s = container.duration / av.time_base if container.duration else None
        if stream.duration and stream.time_base:
            duration_s = float(stream.duration * stream.time_base)
        return Probe(height_px, width_px, duration_s, bool(container.streams.audio))


def read(
    source: Source, *, fps: Fraction | int, start_s: float | None = None, fit: Fit = as_seen
) -> Iterator[tuple[float, Pixels]]:
    """Yield (time in s, pixels) every 1/fps s from `start_s`, or from the first frame on.

    Raises Unreadable("decode_error") at the first damaged packet, after all frames before it.
    """
    return _read(source, Upright.pixels, fps, start_s, fit, iter)


def read_planes(source: Source, *, fps: Fraction | int, fit: Fit, watch: Watch) -> Iterator[tuple[float, Planes]]:
    """Yield (time in s, planes) every 1/fps s from the first frame on; `fit` must give even sizes.

    All decoded frames pass through `watch`, in order. Raises as `read` does, and what `fit` raises for the size in the
    header, before anything is decoded.
    """
    return _read(source, Upright.planes, fps, None, fit, watch)


def _read(
    source: Source,
    convert: Callable[[Upright, VideoFrame], Pixels],
    fps: Fraction | int,
    start_s: float | None,
    fit: Fit,
    watch: Watch,
) -> Iterator[tuple[float, Pixels]]:
    with opened(source) as container:
        stream = video_stream(container)
        fit(*displayed_size(stream.height, stream.width, stream.sample_aspect_ratio))  # may refuse the claimed size
        upright: Upright | None = None
        converted: tuple[VideoFrame, Pixels] | None = None
        for time_s, frame in _shown(watch(_decoded(container, stream)), Fraction(fps), start_s):
            with _decode_errors():
                upright = upright or Upright.of(frame, stream.sample_aspect_ratio, fit)
                if converted is None or converted[0] is not frame:
                    converted = frame, convert(upright, frame)
            yield time_s, converted[1]


def decode(
    source: Source,
    *,
    fps: Fraction | int,
    start_s: float = 0.0,
    frames: int,
    each: Callable[[Pixels], Pixels] = lambda pixels: pixels,
) -> Pixels:
    """Decode `frames` frames (T, H, W, 3) from `start_s`; raises Unreadable("too_short") if there are fewer.

    Each frame is replaced by the result of `each`.
    """
    decoded = []
    for _, pixels in read(source, fps=fps, start_s=start_s):
        decoded.append(each(pixels))
        if len(decoded) == frames:
            return np.stack(decoded)
    raise Unreadable("too_short", f"{len(decoded)} of {frames} frames at {fps} fps from {start_s:g} s")


def encode_mp4(
    frames: Pixels | Planes,
    *,
    fps: int,
    audio_S: npt.NDArray[np.float32] | None = None,
    sample_rate_hz: int = 0,
    crf: int = 18,
    preset: str = "veryfast",
) -> bytes:
    """Encode pixels or planes as H.264 (4:2:0, BT.709) and, if audio is given, mono AAC. Sizes must be even."""
    planes_TPW = frames if frames.ndim == 3 else np.stack([to_planes(pixels) for pixels in frames])
    height_px, width_px = planes_TPW.shape[1] * 2 // 3, planes_TPW.shape[2]
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4", options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream("libx264", rate=fps, options={"crf": str(crf), "preset": preset, **X264})
        stream.width, stream.height, stream.pix_fmt = width_px, height_px, "yuv420p"
        context = stream.codec_context
        context.thread_count = 1
        context.color_range, context.colorspace, context.color_primaries, context.color_trc = 1, 1, 1, 1
        context.flags |= av.codec.context.Flags.bitexact
        audio = None
        if audio_S is not None:
            audio = container.add_stream("aac", rate=sample_rate_hz, layout="mono", options={"aac_coder": "fast"})
            audio.codec_context.flags |= av.codec.context.Flags.bitexact
        for index, planes_PW in enumerate(planes_TPW):
            frame = VideoFrame.from_ndarray(np.ascontiguousarray(planes_PW), "yuv420p")
            frame.pts, frame.time_base = index, Fraction(1, fps)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if audio is not None and audio_S is not None:
            for piece in _audio_frames(audio_S, sample_rate_hz):
                container.mux(audio.encode(piece))
            container.mux(audio.encode(None))
    return buffer.getvalue()


def _container(source: Source) -> InputContainer:
    """Let FFmpeg read bytes or an open file. It gets no file name, by which it would choose a demuxer."""
    if isinstance(source, bytes):
        content = io.BytesIO(source)
        return av.open(content, "r", metadata_errors="ignore", options=_options(content))
    with source.open("rb", buffering=0) as file:  # FFmpeg duplicates the descriptor, with its position
        options = _options(file) | {"protocol_whitelist": "fd", "fd": str(file.fileno())}
        return av.open("fd:", "r", metadata_errors="ignore", options=options)


def _options(file: BinaryIO) -> dict[str, str]:
    options = {"format_whitelist": FORMATS, "protocol_whitelist": ""}
    if edits.shows_one_piece(file):
        options["advanced_editlist"] = "0"
    file.seek(0)
    return options


def _decoded(container: InputContainer, stream: VideoStream) -> Iterator[VideoFrame]:
    with _decode_errors():
        yield from deinterlaced(alpha.decoded(container, stream), stream)


@contextmanager
def _decode_errors() -> Iterator[None]:
    """Turn FFmpeg's errors into Unreadable("decode_error")."""
    try:
        yield
    except (av.FFmpegError, ValueError, OverflowError) as error:
        raise Unreadable("decode_error", _message(error)) from error


def _shown(frames: Iterable[VideoFrame], fps: Fraction, start_s: float | None) -> Iterator[tuple[float, VideoFrame]]:
    """Pair each wanted instant with the frame displayed then; before the first frame it is the first frame."""
    held: VideoFrame | None = None
    held_s = gap_s = 0.0
    origin_s, count = start_s or 0.0, 0
    instant_s = origin_s
    for frame in frames:
        base = frame.time_base
        if frame.pts is None or base is None:
            continue
        time_s = frame.pts * base.numerator / base.denominator
        if held is not None:
            if time_s <= held_s:
                continue
            gap_s = time_s - held_s
            if gap_s > LONGEST_HOLD_S:
                break
            while instant_s < time_s - TOLERANCE_S:
                yield instant_s, held
                count += 1
                instant_s = origin_s + count * fps.denominator / fps.numerator
        elif start_s is None:
            instant_s = origin_s = max(0.0, time_s)  # frames that an edit list cuts off have times below 0
        held, held_s = frame, time_s
    if held is None:
        return
    end_s = held_s + (_duration_s(held) or gap_s or float(1 / fps))
    while instant_s < end_s - TOLERANCE_S:
        yield instant_s, held
        count += 1
        instant_s = origin_s + count * fps.denominator / fps.numerator


def _duration_s(frame: VideoFrame) -> float:
    seconds = float(frame.duration * frame.time_base) if frame.duration and frame.time_base else 0.0
    return min(seconds, LONGEST_HOLD_S)


def _audio_frames(audio_S: npt.NDArray[np.float32], sample_rate_hz: int) -> Iterator[AudioFrame]:
    for start in range(0, len(audio_S), AAC_SAMPLES):
        frame = AudioFrame.from_ndarray(
            np.ascontiguousarray(audio_S[None, start : start + AAC_SAMPLES]), "fltp", "mono"
        )
        frame.sample_rate, frame.pts, frame.time_base = sample_rate_hz, start, Fraction(1, sample_rate_hz)
        yield frame


def _message(error: Exception) -> str:
    """Return the error message without the file's name, which FFmpeg includes."""
    return str(getattr(error, "strerror", None) or type(error).__name__)
