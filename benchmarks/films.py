"""Films that tell their time: each frame in its picture, sound as noise that never repeats."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from io import BytesIO

import av
import numpy as np
from av import AudioFrame, VideoFrame
from scipy import signal

HEIGHT_PX, WIDTH_PX, BITS = 64, 128, 16
TICK = Fraction(1, 90_000)
OUT_HZ, MOST = 16_000, 1600  # a lag of 0.1 s would still be seen
UNEVEN_MS = [
    0,
    41,
    52,
    190,
    203,
    204,
    330,
    480,
    481,
    560,
    700,
    815,
    900,
    1010,
    1170,
    1205,
    1333,
    1500,
    1666,
    1800,
    1999,
]


@dataclass(frozen=True)
class Film:
    """How a file is made. Times of its making: those that pictures and sound tell. Shown at `shift_s` less."""

    times_ms: list[int]
    rate_hz: int = 48_000
    container: str = "mp4"
    sound_codec: str = "aac"
    b_frames: int = 0
    degrees: int = 0
    sound_from_s: float = 0.0
    shift_s: float = 0.0  # what an edit list cuts off at the beginning, or, below 0, how late all begins
    lost: tuple[int, ...] = ()  # packets of sound that never arrived


def even(fps: Fraction | int, seconds: float = 2.0) -> list[int]:
    return [round(1000 * index / fps) for index in range(int(seconds * fps))]


FILMS = {
    "24 frames a second": Film(even(24)),
    "29.97 with frames that refer ahead": Film(even(Fraction(30_000, 1001)), b_frames=3),
    "a variable rate": Film(UNEVEN_MS, b_frames=2),
    "turned": Film(even(25), degrees=90),
    "cut by an edit list within a frame": Film(even(25, 3.0), shift_s=0.49),
    "cut by an edit list, with frames that refer ahead": Film(even(25, 3.0), shift_s=0.48, b_frames=3),
    "begun late": Film(even(30), container="matroska", sound_codec="pcm_s16le", shift_s=-10.0),
    "begun late in a transport stream": Film(even(25), container="mpegts", b_frames=2, shift_s=-5.0),
    "44.1 kHz": Film(even(25), rate_hz=44_100),
    "22.05 kHz, lossless": Film(even(25), rate_hz=22_050, container="matroska", sound_codec="flac"),
    "sound that comes later": Film(even(25), sound_from_s=0.4),
    "sound that comes later, lossless": Film(
        even(25), container="matroska", sound_codec="pcm_s16le", sound_from_s=0.3333
    ),
    "times rounded to milliseconds": Film(even(25), container="matroska", rate_hz=44_100),
    "a lost packet of sound": Film(even(25), lost=(5,)),
    "lost packets of sound": Film(even(25), lost=(3, 4, 9, 15, 16, 17)),
    "a lost packet in a transport stream": Film(even(25), container="mpegts", lost=(8,), shift_s=-5.0),
    "a lost packet and rounded times": Film(even(25), container="matroska", lost=(4,), rate_hz=44_100),
    "a lost packet of Opus": Film(even(25), container="matroska", sound_codec="libopus", lost=(6,)),
}


def picture(time_ms: int) -> np.ndarray:
    """The bits of a time as black and white fields, two rows of eight."""
    bits = np.array([time_ms >> bit & 1 for bit in range(BITS)], np.uint8).reshape(2, BITS // 2)
    return np.repeat(
        np.kron(bits * 255, np.ones((HEIGHT_PX // 2, 2 * WIDTH_PX // BITS), np.uint8))[..., None], 3, axis=2
    )


def told_ms(pixels_HWC: np.ndarray) -> int:
    """The time that a picture tells."""
    fields = pixels_HWC.mean(axis=2).reshape(2, HEIGHT_PX // 2, BITS // 2, 2 * WIDTH_PX // BITS).mean(axis=(1, 3))
    assert np.abs(fields - 127.5).min() > 90, "fields are neither black nor white"
    return sum(1 << bit for bit, field in enumerate(fields.reshape(-1)) if field > 127)


def noise(start_s: float, count: int, rate_hz: int) -> np.ndarray:
    """Sound below 3 kHz that is known at any instant."""
    generator = np.random.default_rng(0)
    hz, phase = generator.uniform(100, 3000, 50), generator.uniform(0, 2 * np.pi, 50)
    times_s = start_s + np.arange(count) / rate_hz
    return (np.sin(2 * np.pi * np.outer(times_s, hz) + phase).sum(axis=1) / 23).astype(np.float32)


def made(film: Film) -> bytes:
    buffer = BytesIO()
    with av.open(buffer, "w", format=film.container) as container:
        pictures = container.add_stream("libx264", rate=30, options={"crf": "12", "bf": str(film.b_frames)})
        pictures.width, pictures.height, pictures.pix_fmt = WIDTH_PX, HEIGHT_PX, "yuv420p"
        pictures.time_base = pictures.codec_context.time_base = TICK
        if film.degrees:
            pictures.set_display_rotation(film.degrees)
        sound = container.add_stream(film.sound_codec, rate=film.rate_hz, layout="mono")
        heard = [packet for index, packet in enumerate(_sound(sound, film)) if index not in film.lost]
        packets = [*_pictures(pictures, film), *heard]
        for packet in sorted(packets, key=lambda packet: packet.dts * packet.time_base):
            shift = round(film.shift_s / packet.time_base)
            packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
            container.mux(packet)
    return buffer.getvalue()


def _pictures(stream, film: Film) -> Iterator[av.Packet]:
    for time_ms in film.times_ms:
        frame = VideoFrame.from_ndarray(picture(time_ms), "rgb24")
        frame.pts, frame.time_base = time_ms * 90, TICK
        yield from stream.encode(frame)
    yield from stream.encode(None)


def _sound(stream, film: Film) -> Iterator[av.Packet]:
    first = round(film.sound_from_s * film.rate_hz)
    count = round((film.times_ms[-1] / 1000 - film.sound_from_s) * film.rate_hz)
    samples = noise(first / film.rate_hz, count, film.rate_hz)
    wanted = stream.codec_context.format.name
    resampler = av.AudioResampler(wanted, "mono", film.rate_hz)
    for start in range(0, count, 1024):
        frame = AudioFrame.from_ndarray(np.ascontiguousarray(samples[None, start : start + 1024]), "fltp", "mono")
        frame.sample_rate, frame.pts, frame.time_base = film.rate_hz, first + start, Fraction(1, film.rate_hz)
        for piece in resampler.resample(frame):
            yield from stream.encode(piece)
    yield from stream.encode(None)


def lag_s(heard: np.ndarray, start_s: float) -> float:
    """How much later than it should the middle second of what is heard comes, to a sample."""
    begin = (len(heard) - OUT_HZ) // 2
    wide = noise(start_s + (begin - MOST) / OUT_HZ, OUT_HZ + 2 * MOST, OUT_HZ)
    return (MOST - int(signal.correlate(wide, heard[begin : begin + OUT_HZ], "valid", "fft").argmax())) / OUT_HZ
