"""Made-up data that tests of many components share: tiny formats and a folder of kept clips."""

import hashlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from components.common import artifacts
from components.common.formats import Formats
from components.filter import data
from components.ingest import encoding
from components.media.arrays import Pixels
from components.media.frames import to_planes
from tests import clones

FORMATS = Formats(
    fps=8,
    clip_frames=17,
    long_frames=41,
    height_px=32,
    width_px=32,
    portrait_height_px=56,
    portrait_width_px=32,
    sample_rate_hz=8000,
    text_tokens=16,
)
COLORS = {"red": (220, 50, 40), "green": (60, 180, 80), "blue": (50, 110, 230), "white": (240, 240, 240)}
LONGEST = ("test_chain.py", "test_serve.py", "test_shares.py", "test_interrupted.py", "test_reproduce.py")
SIDE_PX = 64  # stored size of a square clip: twice the base, so that crops and stage 1 have something to do


def made_frames(frames: int, height_px: int, width_px: int, color: str, motion: str, ground: int = 60) -> Pixels:
    """A square of one color on gray that moves left, right, up or down."""
    pixels = np.full((frames, height_px, width_px, 3), (ground, ground + 6, ground + 12), np.uint8)
    side = width_px // 2
    for index in range(frames):
        way = round(index / max(frames - 1, 1) * side)
        top, left = (height_px - side) // 2, (width_px - side) // 2
        match motion:
            case "left":
                left = side - way
            case "right":
                left = way
            case "up":
                top = (height_px - side) - way
            case "down":
                top = way
        pixels[index, top : top + side, left : left + side] = COLORS[color]
    return pixels


def made_sound(frames: int, pitch_hz: float) -> data.Samples:
    """A tone as long as the frames."""
    instants_s = np.arange(FORMATS.samples(frames), dtype=np.float32) / FORMATS.sample_rate_hz
    return np.asarray(0.4 * np.sin(2 * np.pi * pitch_hz * instants_s), np.float32)


def made_rows() -> Iterator[data.EncodedClip]:
    """Ten videos (two upright, two long, one silent, one without sound, one without caption) and four pictures."""
    motions = ("left", "right", "up", "down")
    for index in range(10):
        color, motion = list(COLORS)[index % 4], motions[(index // 2) % 4]
        frames = FORMATS.long_frames if index in (2, 3) else FORMATS.clip_frames
        height_px = SIDE_PX * 7 // 4 if index in (4, 5) else SIDE_PX
        sound = None if index == 7 else made_sound(frames, 220 + 60 * index) * (index != 6)
        caption = "" if index == 8 else f"a {color} square moves {motion}"
        attributes = {"shape": "square", "color": color, "motion": motion, "unseen": "false"}
        pixels = made_frames(frames, height_px, SIDE_PX, color, motion, ground=50 + 4 * index)
        yield _row(f"video {index}", pixels, sound, caption, attributes, heldout=index in (1, 3, 5))
    for index, color in enumerate(COLORS):
        pixels = made_frames(1, SIDE_PX, SIDE_PX, color, "left")
        attributes = {"shape": "square", "color": color}
        yield _row(f"image {index}", pixels, None, f"a {color} square", attributes, heldout=index == 0)


def _row(
    name: str,
    pixels: Pixels,
    sound: data.Samples | None,
    caption: str,
    attributes: dict[str, str],
    *,
    heldout: bool,
) -> data.EncodedClip:
    sha256 = hashlib.sha256(name.encode()).hexdigest()
    given = {"formats": FORMATS, "source_sha256": sha256}
    if len(pixels) == 1:
        row = encoding.encode_image(pixels[0], **given)
    else:
        row = encoding.encode_clip(np.stack([to_planes(one) for one in pixels]), sound, **given)
    split = "heldout" if heldout else "train"
    return replace(row, clip=replace(row.clip, split=split, caption=caption, attributes=attributes))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the longest modules begin first: begun last, one of them leaves the other core idle for minutes."""
    items.sort(key=lambda item: item.path.name not in LONGEST)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Delete the finished clone once no process uses it: pytest keeps the folders of three sessions."""
    factory = getattr(config, "_tmp_path_factory", None)
    if factory is not None and "PYTEST_XDIST_WORKER" not in os.environ:
        shutil.rmtree(factory.getbasetemp() / "finished", ignore_errors=True)


@pytest.fixture(scope="session")
def finished_clone(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A clone in which `videopoet run` has run, and what it printed. Read it only, or copy it."""
    own = tmp_path_factory.getbasetemp()
    return clones.finished(own.parent if "PYTEST_XDIST_WORKER" in os.environ else own)


@pytest.fixture(scope="session")
def formats() -> Formats:
    """The formats of profile `tiny`."""
    return FORMATS


@pytest.fixture(scope="session")
def kept_clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of kept clips, as the filter writes it. Read it only."""
    folder = tmp_path_factory.mktemp("made") / "filtered"
    with artifacts.fresh(folder) as fresh:
        count = data.write(fresh, made_rows())
        artifacts.describe(fresh, "kept clips", inputs={}, counts={"kept": count}, facts=data.facts(FORMATS))
    return folder
