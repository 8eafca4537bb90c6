import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from components.common import artifacts, runtime
from components.common.errors import Stopped
from components.common.fit.strategy import Strategy
from components.language_model import stage, training
from components.language_model.config import Config
from components.language_model.data import load
from components.language_model.model import Batch


def weights_of(folder: Path) -> bytes:
    return (folder / "model.safetensors").read_bytes() + (folder / training.STATE).read_bytes()


def steps(config: Config, count: int, **changes: float) -> Config:
    return replace(config, optimization=replace(config.optimization, steps=count, **changes))


def test_a_phase_leaves_a_model_that_loads_and_its_scores(tokens: Path, config: Config, tmp_path: Path):
    summary = stage.run(config, tokens=tokens, output=tmp_path / "model")
    assert summary.counts["steps"] == 8
    model, vocabulary = load(tmp_path / "model")
    assert not model.training
    assert vocabulary.codebook_bits == 6
    metrics = json.loads((tmp_path / "model" / "metrics.json").read_text())
    assert {"heldout_loss.text_to_video", "heldout_loss.video_to_audio"} <= set(metrics)
    assert (tmp_path / "model" / "losses.csv").read_text().count("\n") == 9
    assert artifacts.read_manifest(tmp_path / "model").kind == "language_model"


def test_two_phases_are_one_training(tokens: Path, config: Config, tmp_path: Path):
    """With the same mix, five steps and three more end where eight do, bit for bit."""
    stage.run(config, tokens=tokens, output=tmp_path / "whole")
    stage.run(steps(config, 5), tokens=tokens, output=tmp_path / "first")
    stage.run(steps(config, 3), tokens=tokens, initial=tmp_path / "first", output=tmp_path / "second")
    assert weights_of(tmp_path / "second") == weights_of(tmp_path / "whole")


def test_a_killed_phase_ends_with_the_same_bytes(
    tokens: Path, config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    stage.run(config, tokens=tokens, output=tmp_path / "undisturbed")
    step = training.Training.step

    def dying(self: training.Training, strategy: Strategy, batch: Batch, number: int) -> Mapping[str, Tensor]:
        if number == 5:
            raise Stopped("killed")
        return step(self, strategy, batch, number)

    with runtime.use(runtime.Runtime(scratch=tmp_path / "scratch", cache=tmp_path / "cache")):
        monkeypatch.setattr(training.Training, "step", dying)
        with pytest.raises(Stopped):
            stage.run(config, tokens=tokens, output=tmp_path / "model")
        monkeypatch.setattr(training.Training, "step", step)
        torch.manual_seed(99)
        stage.run(config, tokens=tokens, output=tmp_path / "model")
    for name in ("model.safetensors", training.STATE, "losses.csv", "metrics.json"):
        assert (tmp_path / "model" / name).read_bytes() == (tmp_path / "undisturbed" / name).read_bytes()


def test_a_second_phase_of_another_architecture_is_refused(tokens: Path, config: Config, tmp_path: Path):
    stage.run(steps(config, 1), tokens=tokens, output=tmp_path / "first")
    wider = replace(config, architecture=replace(config.architecture, width=64))
    with pytest.raises(ValueError, match="same architecture"):
        stage.run(steps(wider, 1), tokens=tokens, initial=tmp_path / "first", output=tmp_path / "second")


def test_more_steps_than_the_schedule_are_refused(tokens: Path, config: Config, tmp_path: Path):
    stage.run(steps(config, 6), tokens=tokens, output=tmp_path / "first")
    with pytest.raises(ValueError, match="6 steps are done and 3"):
        stage.run(steps(config, 3), tokens=tokens, initial=tmp_path / "first", output=tmp_path / "second")


def test_it_learns(tokens: Path, config: Config, tmp_path: Path):
    """Few made-up clips can be learned by heart."""
    stage.run(steps(config, 120, schedule_steps=120), tokens=tokens, output=tmp_path / "model")
    lines = (tmp_path / "model" / "losses.csv").read_text().splitlines()
    column = lines[0].split(",").index("loss")
    losses = [float(line.split(",")[column]) for line in lines[1:]]
    assert sum(losses[-10:]) < 0.7 * sum(losses[:10])
