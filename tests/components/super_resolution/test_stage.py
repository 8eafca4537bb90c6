import json
import os
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from components.common import artifacts, runtime
from components.common.errors import DataError, Stopped
from components.common.optimization import Optimization
from components.pretokenize import data as tokens_data
from components.pretokenize.data import Tokens
from components.super_resolution import data, stage
from components.super_resolution.config import Config, Windows
from components.super_resolution.model import Model
from components.super_resolution.training import Training

CONFIG = Config(
    threads=1,
    seed=0,
    stage="stage1",
    width=32,
    heads=2,
    feed_forward_width=48,
    blocks=1,
    windows=Windows(vertical=(1, 4, 2), horizontal=(1, 2, 4), temporal=(3, 2, 2)),
    subpixel_conditioning=False,
    lr_noise_max=0.2,
    condition_dropout=0.1,
    label_smoothing=0.0001,
    global_batch_pairs=8,
    optimization=Optimization(
        steps=60,
        learning_rate=0.01,
        final_learning_rate=0.001,
        warmup_steps=5,
        betas=(0.9, 0.96),
        weight_decay=0.01,
        clip_norm=1.0,
    ),
    ema_decay=0.9,
    checkpoint_every_steps=20,
)


def make_tokens(folder: Path, splits: list[str], weights: list[float] | None = None) -> Path:
    """Pairs whose large codes repeat the small one that they cover; without `weights` all weigh 1."""
    folder.mkdir()
    low = np.random.default_rng(0).integers(0, 128, (len(splits), 3, 2, 2), np.int32)
    columns: dict[str, tokens_data.Column] = {
        "clip_id": [f"clip{row}" for row in range(len(splits))],
        "split": splits,
        "text": np.ones((len(splits), 4, 12), np.float16),
        "text_length": np.full(len(splits), 4, np.int32),
        "weight": np.array(weights or np.ones(len(splits))),
        "lr": low,
        "hr": low.repeat(2, axis=2).repeat(2, axis=3),
    }
    facts = {"codebook_bits": 7, "text_width": 12}
    tokens_data.write(folder / "pairs_stage1.arrow", columns, facts)
    artifacts.describe(folder, "tokens", inputs={}, counts={"pairs_stage1": len(splits)}, facts=facts)
    return folder


def train(tokens: Path, output: Path, scratch: Path, config: Config = CONFIG) -> Path:
    with runtime.use(runtime.Runtime(scratch=scratch, cache=scratch)):
        stage.run(config, tokens=tokens, output=output)
    return output


def test_a_stage_learns_what_the_small_clip_says(tmp_path: Path):
    tokens = make_tokens(tmp_path / "tokens", ["train"] * 48 + ["heldout"] * 16)
    model = train(
        tokens,
        tmp_path / "model",
        tmp_path / "scratch",
        replace(CONFIG, optimization=replace(CONFIG.optimization, steps=150)),
    )
    metrics = json.loads((model / "metrics.json").read_text())
    assert metrics["accuracy_low_factor_chance"] == 1 / 8
    assert metrics["accuracy_low_factor_start"] > 2 * metrics["accuracy_low_factor_most_frequent"]
    assert metrics["accuracy_low_factor_middle"] > 2 * metrics["accuracy_low_factor_most_frequent"]
    assert (model / "losses.csv").read_text().startswith("step,gradient_norm,loss\n")
    assert data.load(model).architecture.grid == (3, 4, 4)


@pytest.mark.parametrize("weights", [[1.0] * 16, [*[0.5] * 10, *[3.5] * 2, *[1.0] * 4]], ids=["alike", "weighted"])
def test_a_killed_stage_ends_with_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, weights: list[float]):
    tokens = make_tokens(tmp_path / "tokens", ["train"] * 12 + ["heldout"] * 4, weights)
    whole = train(tokens, tmp_path / "whole", tmp_path / "a")
    step = Training.step

    def step_and_stop(training: Training, strategy, batch, number: int):
        if number == 30:
            os.kill(os.getpid(), signal.SIGTERM)
        return step(training, strategy, batch, number)

    monkeypatch.setattr(Training, "step", step_and_stop)
    with pytest.raises(Stopped):
        train(tokens, tmp_path / "killed", tmp_path / "b")
    assert not (tmp_path / "killed").exists()
    monkeypatch.undo()
    killed = train(tokens, tmp_path / "killed", tmp_path / "b")
    assert artifacts.digest(killed) == artifacts.digest(whole)


def test_pairs_are_drawn_by_their_weight(tmp_path: Path):
    weights = [*[0.5] * 10, *[3.5] * 2, *[1.0] * 4]
    pairs = Tokens(make_tokens(tmp_path / "tokens", ["train"] * 12 + ["heldout"] * 4, weights)).pairs("stage1")
    training = Training(
        CONFIG, pairs, Model(stage._architecture(CONFIG, pairs, {"codebook_bits": 7, "text_width": 12}))
    )
    number = {codes.tobytes(): row for row, codes in enumerate(pairs.hr.astype(np.int64))}
    drawn = np.concatenate(
        [[number[high.numpy().tobytes()] for high in training.batch(s, 0, 1).hr] for s in range(200)]
    )
    assert (np.bincount(drawn, minlength=16) / len(drawn)).tolist() == pytest.approx(
        [*[0.5 / 12] * 10, *[3.5 / 12] * 2, 0, 0, 0, 0], abs=0.02
    )


def test_both_splits_are_needed(tmp_path: Path):
    tokens = make_tokens(tmp_path / "tokens", ["train"] * 4)
    with pytest.raises(DataError, match=r"no stage1 pairs in split \['heldout'\]"):
        train(tokens, tmp_path / "model", tmp_path / "scratch")


def test_windows_that_do_not_fit_are_named(tmp_path: Path):
    tokens = make_tokens(tmp_path / "tokens", ["train", "heldout"])
    config = replace(CONFIG, windows=replace(CONFIG.windows, vertical=(1, 8, 2)))
    with pytest.raises(ValueError, match=r"windows\.vertical"):
        train(tokens, tmp_path / "model", tmp_path / "scratch", config)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"width": 40}, "multiple of 16 × heads"),
        ({"lr_noise_max": 1.5}, "is a share"),
        ({"global_batch_pairs": 0}, "positive"),
    ],
)
def test_nonsense_is_refused(change: dict[str, float], message: str):
    with pytest.raises(ValueError, match=message):
        replace(CONFIG, **change)
