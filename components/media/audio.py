"""Audio in files or bytes ↔ mono float32 samples in [-1, 1].

Samples are at the positions of their timestamps (see `media.timeline`): lost samples are silence. Channels are
averaged. Of several audio streams the first default one is used, or else the first. FLAC has 16 bits.
"""

import io
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
from av import AudioFrame, AudioResampler
from av.stream import Disposition

from components.media.timeline import Timeline
from components.media.video import opened

Samples = npt.NDArray[np.float32]
MOST_HZ = 768_000  # the highest rate of recorders; a header that claims gigahertz would fill the memory
WHOLE = {  # integer types of samples: the value of silence, and the distance from it to 1
    np.dtype(np.uint8): (128, 1 << 7),
    np.dtype(np.int16): (0, 1 << 15),
    np.dtype(np.int32): (0, 1 << 31),
}


def decode(source: Path | bytes, *, sample_rate_hz: int, start_s: float = 0.0, duration_s: float) -> Samples | None:
    """Decode round(duration_s · rate) samples from `start_s` on the container's clock; silence where there is none.

    None if the file has no audio stream or none that decodes; what decodes before an error is kept.
    """
    with opened(source) as container:
        known = [stream for stream in container.streams.audio if stream.codec_context is not None]
        if not known:
            return None
        stream = max(known, key=lambda stream: bool(stream.disposition & Disposition.default))
        stream.codec_context.thread_count = 1
        timeline: Timeline | None = None
        try:
            for frame in container.decode(stream):
                if frame.sample_rate > MOST_HZ:
                    break
                timeline = timeline or Timeline(frame.sample_rate, start_s, duration_s)
                if frame.sample_rate != timeline.rate_hz or not timeline.add(frame.time, to_mono(frame)):
                    break
        except (av.FFmpegError, ValueError, OverflowError):
            pass  # what came before stays; the rest is silence
    return (
        None
        if timeline is None
        else resample(timeline.samples, timeline.rate_hz, sample_rate_hz, round(duration_s * sample_rate_hz))
    )


def to_mono(frame: AudioFrame) -> Samples:
    """Average a frame's channels into float32 samples in [-1, 1]."""
    values = frame.to_ndarray()
    channels = values if frame.format.is_planar else values.reshape(-1, len(frame.layout.channels)).T
    mono_S = channels.mean(axis=0, dtype=np.float64)
    if values.dtype in WHOLE:
        zero, scale = WHOLE[values.dtype]
        mono_S = (mono_S - zero) / scale
    return np.asarray(mono_S, np.float32)


def resample(samples_S: Samples, from_hz: int, to_hz: int, length: int) -> Samples:
    """Change the rate and give exactly `length` samples, padded with silence or cut."""
    if from_hz != to_hz and len(samples_S):
        frame = AudioFrame.from_ndarray(np.ascontiguousarray(samples_S[None]), "fltp", "mono")
        frame.sample_rate, frame.pts, frame.time_base = from_hz, 0, Fraction(1, from_hz)
        resampler = AudioResampler("fltp", "mono", to_hz)
        pieces = [*resampler.resample(frame), *resampler.resample(None)]
        samples_S = np.concatenate([piece.to_ndarray()[0] for piece in pieces])
    exact = np.zeros(length, np.float32)
    exact[: min(length, len(samples_S))] = samples_S[:length]
    return exact


def encode_flac(samples_S: Samples, *, sample_rate_hz: int) -> bytes:
    """Encode mono FLAC; values beyond [-1, 1] are clipped."""
    whole = np.clip(np.rint(samples_S * 32768), -32768, 32767).astype(np.int16)
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="flac", options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream("flac", rate=sample_rate_hz, layout="mono")
        stream.codec_context.format = "s16"
        stream.codec_context.flags |= av.codec.context.Flags.bitexact
        stream.codec_context.thread_count = 1
        for start in range(0, len(whole), 4096):
            frame = AudioFrame.from_ndarray(whole[None, start : start + 4096], "s16", "mono")
            frame.sample_rate, frame.pts, frame.time_base = sample_rate_hz, start, Fraction(1, sample_rate_hz)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return buffer.getvalue()


def decode_flac(data: bytes) -> Samples:
    """Decode all samples of a mono FLAC."""
    with opened(data) as container:
        pieces = [to_mono(frame) for frame in container.decode(audio=0)]
    return np.concatenate(pieces) if pieces else np.zeros(0, np.float32)
