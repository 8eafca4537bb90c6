import dataclasses

import numpy as np
import pytest

from components.common import artifacts
from components.common.formats import Formats
from components.estimate_structure import data, stage
from components.estimate_structure.config import Config
from components.filter import data as kept
from components.media import images, video

FORMATS = Formats(8, 5, 9, 32, 32, 56, 32, 2000, 8)
CONFIG = Config(FORMATS, 1, "farneback", "", 0.05, "border_contrast", "")


def row(clip_id, pixels):
    clip = kept.Clip(
        clip_id=clip_id,
        source_sha256="0",
        kind="video" if len(pixels) > 1 else "image",
        split="train",
        caption="",
        license="CC0-1.0",
        root="",
        frames=len(pixels),
        orientation="square" if pixels.shape[1] == pixels.shape[2] else "portrait",
        start_s=0.0,
        end_s=1.0,
        height_px=pixels.shape[1],
        width_px=pixels.shape[2],
        audio_state="none",
        motion=0.1,
        attributes={},
    )
    media = video.encode_mp4(pixels, fps=8, crf=10) if len(pixels) > 1 else images.encode_png(pixels[0])
    return kept.EncodedClip(clip, media, b"")


@pytest.fixture
def clips(tmp_path, moving):
    long = np.concatenate([moving, moving[::-1][1:]])
    tall = np.pad(moving, ((0, 0), (12, 12), (0, 0), (0, 0)), mode="edge")
    with artifacts.fresh(tmp_path / "clips") as folder:
        kept.write(folder, [row("a0", moving), row("b0", moving[:1]), row("c0", long), row("d0", tall)])
        artifacts.describe(folder, "clips", inputs={}, counts={"clips": 4}, facts=kept.facts(FORMATS))
    return tmp_path / "clips"


@pytest.fixture
def pretrained(tmp_path):
    with artifacts.fresh(tmp_path / "pretrained") as folder:
        artifacts.describe(folder, "pretrained", inputs={}, counts={})
    return tmp_path / "pretrained"


def test_every_video_gets_structure_and_no_picture_does(clips, pretrained, tmp_path):
    summary = stage.run(CONFIG, clips=clips, pretrained=pretrained, output=tmp_path / "structure")
    found = data.Structures(tmp_path / "structure")
    assert summary.counts == {"clips": 3}
    assert "b0" not in found
    assert {found.pixels(name).shape for name in ("a0", "c0")} == {(5, 32, 32, 3)}
    assert found.pixels("d0").shape == (5, 56, 32, 3)
    moves_right = found.pixels("a0")[:, 13:19, 13:19, 0]
    assert moves_right.mean() > 160
    facts = artifacts.read_manifest(tmp_path / "structure").facts
    assert (facts["flow"], facts["depth"]) == ("farneback", "border_contrast")


def test_equal_clips_give_equal_bytes(clips, pretrained, tmp_path):
    for name in ("one", "two"):
        stage.run(CONFIG, clips=clips, pretrained=pretrained, output=tmp_path / name)
    assert artifacts.digest(tmp_path / "one") == artifacts.digest(tmp_path / "two")


def test_weights_that_were_not_fetched_are_named(clips, pretrained, tmp_path):
    config = dataclasses.replace(CONFIG, depth="dpt", depth_model="dpt_large")
    with pytest.raises(ValueError, match="needs `dpt_large`, which was not fetched"):
        stage.run(config, clips=clips, pretrained=pretrained, output=tmp_path / "structure")
