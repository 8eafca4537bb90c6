"""Real clips of a square that moves, samples made up from them, and models whose answers are known beforehand."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from components.common import artifacts
from components.common.formats import Formats
from components.evaluate.config import Config
from components.evaluate.data import SampleMedia
from components.evaluate.real_reference import RealReference
from components.evaluate.reference_clips import ReferenceClips
from components.evaluate.scoring import Scoring
from components.filter import data as kept
from components.filter.data import Clips
from components.generate import data as generated
from components.generate.data import Sample
from components.media import audio, images, video
from components.media.arrays import Pixels

FORMATS = Formats(
    fps=8,
    clip_frames=5,
    long_frames=9,
    height_px=16,
    width_px=16,
    portrait_height_px=24,
    portrait_width_px=16,
    sample_rate_hz=8000,
    text_tokens=8,
)
COLORS = {"red": (220, 40, 40), "blue": (40, 60, 220)}


def drawn(color: str, motion: str, *, frames: int = 5, scale: int = 4) -> Pixels:
    """A square on gray, `scale` times the base size."""
    clip = np.full((frames, 16 * scale, 16 * scale, 3), 90, np.uint8)
    for t in range(frames):
        left = 5 + {"left": 2 - t, "right": t - 2}.get(motion, 0)
        clip[t, 5 * scale : 11 * scale, left * scale : (left + 6) * scale] = COLORS[color]
    return clip


def tone(number: int, frames: int = 5) -> NDArray[np.float32]:
    """A tone whose pitch is the clip's own."""
    times_s = np.arange(FORMATS.samples(frames)) / FORMATS.sample_rate_hz
    return (0.5 * np.sin(2 * np.pi * (300 + 90 * number) * times_s)).astype(np.float32)


def row(number: int, split: str, *, image: bool = False) -> kept.EncodedClip:
    """A clip whose number decides color, motion and sound; in training, blue never moves to the right."""
    color, motion = list(COLORS)[number % 2], ("left", "right")[number // 2 % 2]
    if split == "train" and color == "blue":
        motion = "left"
    frames = drawn(color, "" if image else motion, frames=1 if image else 5)
    clip = kept.Clip(
        clip_id=f"{number:064x}",
        source_sha256=f"{number:064x}",
        kind="image" if image else "video",
        split=split,
        caption=f"a {color} square" + ("" if image else f" moves {motion}"),
        license="CC0-1.0",
        root="",
        frames=len(frames),
        orientation="square",
        start_s=0.0,
        end_s=len(frames) / 8,
        height_px=64,
        width_px=64,
        audio_state="none" if image else "audible",
        motion=0.1,
        attributes={"color": color} if image else {"color": color, "motion": motion},
    )
    if image:
        return kept.EncodedClip(clip, images.encode_png(frames[0]), b"")
    sound = audio.encode_flac(tone(number), sample_rate_hz=FORMATS.sample_rate_hz)
    return kept.EncodedClip(clip, video.encode_mp4(frames, fps=8, crf=4), sound)


class KnowingJudge(nn.Module):
    """Sees the color, and where the square goes; its features are four numbers that say so."""

    def __init__(self) -> None:
        super().__init__()
        self.values = {"color": ("blue", "red"), "motion": ("left", "right")}
        self.weight = nn.Parameter(torch.zeros(1), requires_grad=False)

    def features(self, frames_BTHWC: Tensor) -> Tensor:
        red_blue_BTHW2 = frames_BTHWC[..., [0, 2]].float() / 255
        strong_BTW = (red_blue_BTHW2[..., 0] - red_blue_BTHW2[..., 1]).abs().mean(dim=2)
        places_W = torch.arange(strong_BTW.shape[2]) / strong_BTW.shape[2]
        center_BT = (strong_BTW * places_W).sum(2) / strong_BTW.sum(2).clamp(min=1e-6)
        moved_B1 = (center_BT[:, -1] - center_BT[:, 0])[:, None]
        return torch.cat([red_blue_BTHW2.mean((1, 2, 3)), moved_B1, center_BT[:, :1]], dim=1)

    def named(self, features_BD: Tensor) -> dict[str, list[str]]:
        red, right = features_BD[:, 0] > features_BD[:, 1], features_BD[:, 2] > 0
        return {
            "color": ["red" if one else "blue" for one in red],
            "motion": ["right" if one else "left" for one in right],
        }

    def text_features(self, texts: Sequence[str]) -> Tensor:
        return torch.tensor([[float("red" in text), float("blue" in text), "right" in text, 0.1] for text in texts])


class LossyTokenizer(nn.Module):
    """Its codes are pixels of half the size."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1), requires_grad=False)

    def encode(self, x_BCTHW: Tensor) -> Tensor:
        return F.avg_pool3d(x_BCTHW, (1, 2, 2))

    def decode(self, codes_BCTHW: Tensor) -> Tensor:
        return F.interpolate(codes_BCTHW, scale_factor=(1, 2, 2))


class FaintCodec(nn.Module):
    """Gives sounds back at half the strength, without the samples after the last whole frame."""

    def encode(self, wave_BS: Tensor) -> Tensor:
        return wave_BS[:, : wave_BS.shape[1] // 640 * 640]

    def decode(self, codes_BS: Tensor) -> Tensor:
        return codes_BS / 2


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight videos and four images to learn from, as many held out."""
    output = tmp_path_factory.mktemp("evaluate") / "clips"
    rows = [row(i, "train" if i < 8 else "heldout") for i in range(16)]
    rows += [row(16 + i, "train" if i < 4 else "heldout", image=True) for i in range(8)]
    with artifacts.fresh(output) as folder:
        kept.write(folder, rows)
        artifacts.describe(folder, "clips", inputs={}, counts={"clips": len(rows)}, facts=kept.facts(FORMATS))
    return output


@pytest.fixture
def config() -> Config:
    return Config(FORMATS, 1, 0, heldout_clips=16, bootstrap_draws=50, crf=4, moving_threshold=24)


@pytest.fixture
def references(clips: Path) -> ReferenceClips:
    return ReferenceClips(Clips(clips), LossyTokenizer(), FaintCodec())  # type: ignore[arg-type]  # made-up models


@pytest.fixture
def made(tmp_path: Path) -> Callable[..., Sample]:
    """Write a sample's file; returns the sample."""

    def write(
        number: int,
        frames: Pixels,
        *,
        task: str,
        name: str = "",
        wave: NDArray[np.float32] | None = None,
        clip: kept.Clip | None = None,
        **values: object,
    ) -> Sample:
        suffix, media = generated.encode(frames, wave, fps=8, sample_rate_hz=8000, crf=4)
        name = name or f"{task}-{number:04d}"
        known = {
            "sample_id": name,
            "task": task,
            "format": "clip" if len(frames) > 1 else "image",
            "prompt": clip.caption if clip else "",
            "clip_id": clip.clip_id if clip else "",
            "seed": number,
            "stage": "base",
            "unseen": False,
            "attributes": dict(clip.attributes) if clip else {},
            "given_frames": 0,
            "region": "",
            "path": f"media/{name}{suffix}",
        }
        sample = Sample(**known | values)
        generated.write(tmp_path, sample, media)
        return sample

    return write


@pytest.fixture
def media(tmp_path: Path) -> SampleMedia:
    return SampleMedia(tmp_path, FORMATS, 4)


@pytest.fixture
def heldout(clips: Path) -> list[kept.Clip]:
    """The held-out videos."""
    return [clip for clip in Clips(clips, "heldout") if clip.kind == "video"]


@pytest.fixture
def scoring(config: Config, media: SampleMedia, references: ReferenceClips) -> Scoring:
    judge = KnowingJudge()
    return Scoring(config, judge, media, references, RealReference(config, references.clips, references, media, judge))
