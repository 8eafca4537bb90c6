"""The codec learns from made-up clips, is measured, and survives being killed."""

import json
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from components.audio_tokenizer import data
from components.audio_tokenizer.config import Config
from components.audio_tokenizer.stage import run
from components.audio_tokenizer.training import Training
from components.common import artifacts, runtime
from components.common.errors import DataError
from components.filter.data import Clips, facts, write, write_weights


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("audio_tokenizer")


@pytest.fixture(name="output")
def undisturbed(config: Config, kept_clips: Path, folder: Path) -> Path:
    """One finished run, shared by the tests."""
    output = folder / "output"
    if not output.exists():
        run(config, clips=kept_clips, output=output)
    return output


def test_what_is_trained_can_be_read_and_plays_clips(output: Path, kept_clips: Path, config: Config) -> None:
    model = data.load(output)
    assert model.config == config.architecture
    audible_clips = data.AudibleClips(kept_clips, "heldout", 8)
    codes_BLF = model.encode(torch.from_numpy(audible_clips.wave(0))[None])
    assert codes_BLF.shape[1:] == (3, model.frames(len(audible_clips.wave(0))))
    assert model.decode(codes_BLF).shape == (1, codes_BLF.shape[2] * config.architecture.hop)


def test_figures_curve_and_picture_are_there(output: Path) -> None:
    metrics = json.loads((output / "metrics.json").read_text())
    assert {"mel_l1", "mel_l1_silence", "mel_l1_ratio", "pitch_agreement", "codes_used_level_1"} <= set(metrics)
    assert metrics["mel_l1_ratio"] == pytest.approx(metrics["mel_l1"] / metrics["mel_l1_silence"])
    header = (output / "losses.csv").read_text().splitlines()[0]
    assert {"step", "loss", "spectral", "commitment", "discriminator", "feature_matching"} <= set(header.split(","))
    assert Image.open(output / "spectrograms.png").height > 300


def test_only_audible_clips_are_heard(kept_clips: Path) -> None:
    audible_clips = [data.AudibleClips(kept_clips, split, 8) for split in ("train", "heldout")]
    audible = [clip for clip in Clips(kept_clips) if clip.audio_state == "audible"]
    assert sum(map(len, audible_clips)) == len(audible) == 8


def test_a_killed_run_ends_with_the_same_bytes(
    output: Path, config: Config, kept_clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    learn = Training.step

    def killed(training: Training, strategy: Any, batch: Any, step: int) -> Mapping[str, torch.Tensor]:
        if step == 5:
            raise KeyboardInterrupt
        return learn(training, strategy, batch, step)

    with runtime.use(runtime.Runtime(tmp_path / "scratch", tmp_path / "cache")):
        monkeypatch.setattr(Training, "step", killed)
        with pytest.raises(KeyboardInterrupt):
            run(config, clips=kept_clips, output=tmp_path / "output")
        assert not (tmp_path / "output").exists()
        monkeypatch.undo()
        run(config, clips=kept_clips, output=tmp_path / "output")
    assert artifacts.read_manifest(tmp_path / "output").files == artifacts.read_manifest(output).files


def test_without_discriminators_none_is_built(config: Config, kept_clips: Path) -> None:
    audible_clips = data.AudibleClips(kept_clips, "train", 8)
    quiet = replace(config, losses=replace(config.losses, adversarial=0.0, feature_matching=0.0))
    assert sorted(Training(quiet, audible_clips).modules) == ["codec", "ema"]
    assert sorted(Training(config, audible_clips).modules) == ["codec", "discriminators", "ema"]


def test_batches_depend_on_the_step_alone(config: Config, kept_clips: Path) -> None:
    training = Training(config, data.AudibleClips(kept_clips, "train", 1))
    first, again, next_one = training.batch(3, 0, 1), training.batch(3, 0, 1), training.batch(4, 0, 1)
    assert torch.equal(first.wave, again.wave)
    assert torch.equal(first.levels, again.levels)
    assert not torch.equal(first.wave, next_one.wave)
    assert first.wave.shape == (config.global_batch_sounds, config.window_frames * config.architecture.hop)
    assert training.batch(3, 1, 2).wave.shape[0] == config.global_batch_sounds // 2


def test_sounds_are_drawn_by_their_weight(config: Config, kept_clips: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(kept_clips, tmp_path / "filtered")
    every = Clips(folder, "train")
    audible = [index for index, clip in enumerate(every) if clip.audio_state == "audible"]
    weights = np.full(len(every), 0.01, np.float32)
    weights[audible[1]] = 100
    write_weights(folder, every.table["clip_id"].to_pylist(), weights)
    audible_clips, heard = data.AudibleClips(folder, "train", 8), list[int]()
    wave = audible_clips.wave
    audible_clips.wave = lambda number: heard.append(number) or wave(number)
    Training(replace(config, global_batch_sounds=64), audible_clips).batch(0, 0, 1)
    assert heard.count(1) > 60


def test_some_examples_train_with_fewer_levels(config: Config, kept_clips: Path) -> None:
    training = Training(replace(config, global_batch_sounds=64), data.AudibleClips(kept_clips, "train", 8))
    counts = training.batch(0, 0, 1).levels.bincount().tolist()
    assert counts[0] == 0
    assert all(count > 0 for count in counts[1:])
    assert counts[3] > 32


def test_clips_without_sound_stop_with_words(config: Config, kept_clips: Path, tmp_path: Path) -> None:
    clips = Clips(kept_clips)
    mute = [index for index, clip in enumerate(clips) if clip.audio_state != "audible"]
    with artifacts.fresh(tmp_path / "mute") as fresh:
        write(fresh, [clips.row(index) for index in mute])
        artifacts.describe(fresh, "kept clips", inputs={}, counts={}, facts=facts(config.formats))
    with pytest.raises(DataError, match="no clip of the train split has an audible audio track"):
        run(config, clips=tmp_path / "mute", output=tmp_path / "output")
