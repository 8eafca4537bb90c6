import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from components.common import artifacts
from components.media import images
from components.visual_tokenizer import data
from components.visual_tokenizer.stage import run


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made") / "pretrained"
    with artifacts.fresh(folder) as fresh:
        artifacts.describe(fresh, "pretrained", inputs={}, counts={})
    return folder


@pytest.fixture
def image_tokenizer(image_config, kept_clips: Path, pretrained: Path, tmp_path: Path) -> Path:
    run(image_config, clips=kept_clips, pretrained=pretrained, output=tmp_path / "image")
    return tmp_path / "image"


def test_from_pictures_to_clips_the_same_bytes_every_time(
    config, kept_clips: Path, pretrained: Path, image_tokenizer: Path, tmp_path: Path
):
    for name in ("once", "twice"):
        outputs = {"pretrained": pretrained, "initial": image_tokenizer, "output": tmp_path / name}
        summary = run(config, clips=kept_clips, **outputs)
    assert artifacts.digest(tmp_path / "once") == artifacts.digest(tmp_path / "twice")
    manifest = artifacts.read_manifest(tmp_path / "once")
    assert summary.counts == manifest.counts
    assert set(manifest.inputs) == {"clips", "pretrained", "initial"}
    assert set(manifest.files) == {
        "config.json",
        "losses.csv",
        "metrics.json",
        "model.safetensors",
        "reconstructions.png",
    }


def test_figures_for_every_size_and_a_picture(
    config, kept_clips: Path, pretrained: Path, image_tokenizer: Path, tmp_path: Path
):
    run(config, clips=kept_clips, pretrained=pretrained, initial=image_tokenizer, output=tmp_path / "video")
    metrics = json.loads((tmp_path / "video" / "metrics.json").read_text())
    sizes = ("clip", "clip_portrait", "clip_x2", "clip_x4")
    expected = {f"{of}psnr_db_{size}" for size in sizes for of in ("", "mean_frame_", "mean_color_")}
    assert set(metrics) == expected | {"dead_bits", "mean_bit_bias"}
    assert all(np.isfinite(value) for value in metrics.values())
    assert images.read(tmp_path / "video" / "reconstructions.png").ndim == 3


def test_a_saved_tokenizer_is_the_trained_one(image_config, image_tokenizer: Path):
    model = data.load(image_tokenizer)
    assert model.config == image_config.architecture
    assert not model.training
    codes = model.encode(torch.zeros(1, 3, 1, 32, 32))
    assert model.decode(codes).shape == (1, 3, 1, 32, 32)


def test_perception_without_its_weights_stops_before_training(config, kept_clips: Path, pretrained: Path, tmp_path):
    wanting = replace(config, losses=replace(config.losses, perceptual=0.1))
    with pytest.raises(ValueError, match="vgg16"):
        run(wanting, clips=kept_clips, pretrained=pretrained, output=tmp_path / "video")
    assert not (tmp_path / "video").exists()
