"""The text encoder learns from captions or passes a public one through, and survives being killed."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from components.common import artifacts, runtime
from components.common.formats import Formats
from components.text_encoder import data
from components.text_encoder.config import Config, Train
from components.text_encoder.stage import run
from components.text_encoder.training import Training


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("text_encoder")


@pytest.fixture
def config(formats: Formats, train: Train) -> Config:
    return Config(formats, 1, 0, "train", "", train)


@pytest.fixture
def pretrained(tmp_path: Path) -> Path:
    """The artifact of a run without public weights."""
    with artifacts.fresh(tmp_path / "pretrained") as fresh:
        artifacts.describe(fresh, "pretrained", inputs={}, counts={})
    return tmp_path / "pretrained"


@pytest.fixture(name="output")
def undisturbed(config: Config, kept_clips: Path, pretrained: Path, folder: Path) -> Path:
    """One finished run, shared by the tests."""
    output = folder / "output"
    if not output.exists():
        run(config, clips=kept_clips, pretrained=pretrained, output=output)
    return output


def test_what_is_trained_is_an_encoder_in_the_public_format(output: Path, train: Train) -> None:
    encoder = data.load(output)
    assert encoder.width == train.width
    assert encoder.encode(["a red square moves up"], 16)[1].tolist() == [6]
    assert json.loads((output / "config.json").read_text())["architectures"] == ["T5EncoderModel"]


def test_figures_stand_beside_chance(output: Path) -> None:
    metrics = json.loads((output / "metrics.json").read_text())
    for name in ("denoising_accuracy", "nearest_same_color", "nearest_same_motion", "readable_color"):
        assert 0 <= metrics[name] <= 1
    assert 0 < metrics["denoising_chance"] < 1
    assert 0 < metrics["nearest_same_color_chance"] < 1


def test_a_killed_run_ends_with_the_same_bytes(
    output: Path,
    config: Config,
    kept_clips: Path,
    pretrained: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    learn = Training.step

    def killed(training: Training, strategy: Any, batch: Any, step: int) -> Mapping[str, torch.Tensor]:
        if step == 5:
            raise KeyboardInterrupt
        return learn(training, strategy, batch, step)

    with runtime.use(runtime.Runtime(tmp_path / "scratch", tmp_path / "cache")):
        monkeypatch.setattr(Training, "step", killed)
        with pytest.raises(KeyboardInterrupt):
            run(config, clips=kept_clips, pretrained=pretrained, output=tmp_path / "output")
        monkeypatch.undo()
        run(config, clips=kept_clips, pretrained=pretrained, output=tmp_path / "output")
    assert artifacts.read_manifest(tmp_path / "output").files == artifacts.read_manifest(output).files


def test_a_public_t5_passes_through_unchanged(output: Path, config: Config, kept_clips: Path, tmp_path: Path) -> None:
    with artifacts.fresh(tmp_path / "public") as fresh:
        (fresh / "t5").mkdir()
        data.save(fresh / "t5", data.load(output))
        artifacts.describe(fresh, "pretrained", inputs={}, counts={})
    public = replace(config, kind="t5", pretrained="t5", train=None)
    run(public, clips=kept_clips, pretrained=tmp_path / "public", output=tmp_path / "output")
    files, trained = (artifacts.read_manifest(path).files for path in (tmp_path / "output", output))
    assert files["model.safetensors"] == trained["model.safetensors"]
    assert files["tokenizer.json"] == trained["tokenizer.json"]
    assert "nearest_same_color" in json.loads((tmp_path / "output" / "metrics.json").read_text())


def test_a_model_that_was_not_fetched_is_named(
    config: Config, kept_clips: Path, pretrained: Path, tmp_path: Path
) -> None:
    public = replace(config, kind="t5", pretrained="t5_v1_1_xl", train=None)
    with pytest.raises(ValueError, match=r"names `t5_v1_1_xl`, but pretrained\.models gave nothing"):
        run(public, clips=kept_clips, pretrained=pretrained, output=tmp_path / "output")
