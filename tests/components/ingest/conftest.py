import atexit
import hashlib
import signal
from pathlib import Path

import numpy as np
import pytest

from components.common import artifacts
from components.common.formats import Formats
from components.corpus import data as corpus_data
from components.corpus.data import Source
from components.ingest.config import Config
from components.media import images, video


@pytest.fixture(scope="session")
def config(formats: Formats) -> Config:
    return Config(
        formats=formats,
        threads=1,
        scale=2,
        crf=16,
        spans_per_source=4,
        shot_change=22,
        shot_ratio=1.8,
        min_side_px=32,
        max_pixels=40_000_000,
        memory_limit_mib=1024,
        time_limit_s=20,
        max_error_rate=1.0,
        shard_digits=1,
    )


@pytest.fixture(scope="session")
def empty_corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished corpus that holds no file."""
    folder = tmp_path_factory.mktemp("empty") / "corpus"
    with artifacts.fresh(folder) as fresh:
        corpus_data.write(fresh / corpus_data.TABLE, [])
        artifacts.describe(fresh, "corpus", inputs={}, counts={})
    return folder


def moving(frames: int, seed: int = 0, height_px: int = 64, width_px: int = 64) -> np.ndarray:
    """A bright bar that moves over a ground of its seed's own."""
    ground = np.linspace((40 + 5 * seed, 60, 80), (80, 60 + 5 * seed, 40), width_px).astype(np.uint8)
    pixels = np.broadcast_to(ground, (frames, height_px, width_px, 3)).copy()
    for index, frame in enumerate(pixels):
        way = (index * 3 + seed * 7) % (2 * (width_px - 16))
        left = min(way, 2 * (width_px - 16) - way)  # there and back: a jump would be a cut
        frame[16:48, left : left + 16] = (220, 200, 60)
    return pixels


def film(frames: int, seed: int = 0, fps: int = 8) -> bytes:
    """A film with a tone as long as the pictures."""
    sound = (0.4 * np.sin(np.arange(frames * 16000 // fps) / 9)).astype(np.float32)
    return video.encode_mp4(moving(frames, seed), fps=fps, audio_S=sound, sample_rate_hz=16000)


def png(seed: int = 0) -> bytes:
    return images.encode_png(moving(1, seed)[0])


def stored(folder: Path, name: str, content: bytes, caption: str = "") -> Source:
    """Write a file and make the row that `sources add` would."""
    (folder / name).write_bytes(content)
    return Source("mine", name, len(content), hashlib.sha256(content).hexdigest(), caption)


class Poison(type(Path())):
    """A path that raises signals in the process that it is sent to, one each time, until there are none left."""

    def __init__(self, path: Path, ends: list[signal.Signals]):
        self.ends = ends

    def __new__(cls, path: Path, ends: list[signal.Signals]) -> "Poison":
        return super().__new__(cls, path)

    def __reduce__(self) -> tuple[object, ...]:
        return (signal.raise_signal, (self.ends.pop(0),)) if self.ends else (Path, (str(self),))


class Hoard:
    """Stands for a file after which the process that it is sent to holds so many bytes more."""

    def __init__(self, size_bytes: int):
        self.size_bytes = size_bytes

    def __reduce__(self) -> tuple[object, ...]:
        return atexit.register, (len, Lump(self.size_bytes))


class Lump(Hoard):
    """Becomes so many bytes in the process that it is sent to."""

    def __reduce__(self) -> tuple[object, ...]:
        return bytearray, (self.size_bytes,)
