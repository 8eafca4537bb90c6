"""Kept clips of a bright square that moves left or right, and a judge small enough to learn them in seconds."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from components.common import artifacts
from components.common.formats import Formats
from components.common.optimization import Optimization
from components.filter import data
from components.filter.data import Clip, EncodedClip
from components.judge.config import Architecture, Config
from components.media import images, video

FORMATS = Formats(
    fps=8,
    clip_frames=5,
    long_frames=9,
    height_px=16,
    width_px=16,
    portrait_height_px=24,
    portrait_width_px=16,
    sample_rate_hz=2000,
    text_tokens=8,
)
COLORS = {"red": (220, 40, 40), "blue": (40, 60, 220)}


def drawn(color: str, motion: str, frames: int, height: int, random: np.random.Generator) -> NDArray[np.uint8]:
    """Frames (T, H, W, 3) of one clip."""
    clip = np.full((frames, height, 16, 3), random.integers(60, 120), np.uint8)
    top, left = int(random.integers(2, height - 8)), int(random.integers(4, 6))
    for t in range(frames):
        column = left + {"left": 2 - t, "right": t - 2}.get(motion, 0)
        clip[t, top : top + 6, max(0, column) : column + 6] = COLORS[color]
    return clip


def row(number: int, split: str, *, image: bool = False, portrait: bool = False) -> EncodedClip:
    """One clip: its number decides color, motion and place."""
    random = np.random.default_rng(number)
    color, motion = list(COLORS)[number % 2], ("left", "right")[number // 2 % 2]
    frames = drawn(color, "" if image else motion, 1 if image else 5, 24 if portrait else 16, random)
    attributes = {"color": color} if image else {"color": color, "motion": motion}
    clip = Clip(
        clip_id=f"{number:064x}",
        source_sha256=f"{number:064x}",
        kind="image" if image else "video",
        split=split,
        caption=f"a {color} square" + ("" if image else f" moves {motion}"),
        license="CC0-1.0",
        root="",
        frames=len(frames),
        orientation="portrait" if portrait else "square",
        start_s=0.0,
        end_s=len(frames) / 8,
        height_px=frames.shape[1],
        width_px=16,
        audio_state="none",
        motion=0.1,
        attributes=attributes,
    )
    media = images.encode_png(frames[0]) if image else video.encode_mp4(frames, fps=8, crf=10)
    return EncodedClip(clip, media, b"")


def rows() -> list[EncodedClip]:
    """Clips of every shape, two thirds of them to learn from."""
    videos = [row(i, "heldout" if i % 12 >= 8 else "train", portrait=i % 24 < 4) for i in range(48)]
    pictures = [row(100 + i, "heldout" if i % 8 >= 6 else "train", image=True, portrait=i < 4) for i in range(24)]
    return videos + pictures


@pytest.fixture(scope="session")
def clips_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[list[EncodedClip]], Path]:
    """Write rows as a folder of kept clips."""

    def write(content: list[EncodedClip]) -> Path:
        output = tmp_path_factory.mktemp("clips") / "kept"
        with artifacts.fresh(output) as folder:
            count = data.write(folder, content)
            artifacts.describe(folder, "clips", inputs={}, counts={"clips": count}, facts=data.facts(FORMATS))
        return output

    return write


@pytest.fixture(scope="session")
def clips(clips_of: Callable[[list[EncodedClip]], Path]) -> Path:
    return clips_of(rows())


@pytest.fixture
def config() -> Config:
    return Config(
        formats=FORMATS,
        threads=1,
        seed=0,
        architecture=Architecture(
            appearance_widths=(8, 8), motion_widths=(8, 16), appearance_every_frames=4, features=16, text_width=8
        ),
        optimization=Optimization(
            steps=60,
            learning_rate=0.01,
            final_learning_rate=0.0,
            warmup_steps=4,
            betas=(0.9, 0.98),
            weight_decay=0.01,
            clip_norm=1.0,
        ),
        global_batch_clips=8,
        global_batch_images=16,
        image_share=0.4,
        label_smoothing=0.0,
        contrast_weight=0.5,
        temperature=0.2,
        min_clips_per_value=4,
        blur=0.2,
        noise=0.02,
        shift_px=1,
        cache_mib=16,
        checkpoint_every_steps=100,
    )
