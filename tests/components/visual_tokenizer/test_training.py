from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from components.common import runtime
from components.common.fit import History, fit
from components.common.fit.strategy import Strategy
from components.common.runtime import Runtime
from components.visual_tokenizer.config import Config
from components.visual_tokenizer.data import Batches
from components.visual_tokenizer.model import Model
from components.visual_tokenizer.training import Training


def made(config: Config, clips: Path) -> Training:
    torch.manual_seed(0)
    return Training(config, Model(config.architecture), Batches(config, clips), None)


def trained(training: Training, config: Config) -> History:
    return fit(training, steps=config.optimization.steps, seed=1, checkpoint_every_steps=2, unit="steps", per_step=1)


def tensors(training: Training) -> Mapping[str, torch.Tensor]:
    return {
        f"{part}.{name}": value
        for part, module in training.modules.items()
        for name, value in module.state_dict().items()
    }


def test_a_training_that_was_killed_ends_as_one_that_was_not(config, kept_clips: Path, tmp_path: Path):
    straight = made(config, kept_clips)
    with runtime.use(Runtime(scratch=tmp_path / "straight", cache=tmp_path)):
        history = trained(straight, config)
    killed = made(config, kept_clips)
    steps = killed.step

    def step(strategy: Strategy, batch: torch.Tensor, number: int) -> Mapping[str, torch.Tensor]:
        if number == 3:
            raise KeyboardInterrupt
        return steps(strategy, batch, number)

    killed.step = step  # type: ignore[method-assign]  # the kill
    with runtime.use(Runtime(scratch=tmp_path / "killed", cache=tmp_path)):
        with pytest.raises(KeyboardInterrupt):
            trained(killed, config)
        resumed = made(config, kept_clips)
        again = trained(resumed, config)
    assert again.rows == history.rows
    ours, theirs = tensors(resumed), tensors(straight)
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_the_discriminator_is_built_only_for_its_loss_and_waits_for_its_step(config, kept_clips: Path):
    plain = replace(config, losses=replace(config.losses, adversarial=0.0))
    assert set(made(plain, kept_clips).modules) == {"model", "ema"}
    rows = trained(made(config, kept_clips), config).rows
    assert ["discriminator" in row for row in rows] == [False, False, True, True, True, True]
    assert {"adversarial", "gradient_penalty", "lecam", "gradient_norm"} <= set(rows[-1])


def test_the_perceptual_term_reaches_the_tokenizer(config, kept_clips: Path):
    losses = replace(config.losses, adversarial=0.0, perceptual=1.0)
    chosen = replace(config, losses=losses)
    torch.manual_seed(0)
    network = torch.nn.Conv3d(3, 1, 1).requires_grad_(False)

    class Distance(torch.nn.Module):
        def forward(self, y: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
            return (network(y) - network(x)).square().mean()

    training = Training(chosen, Model(chosen.architecture), Batches(chosen, kept_clips), Distance())
    rows = trained(training, chosen).rows
    assert all(row["perceptual"] > 0 for row in rows)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_small_tokenizer_learns_the_made_up_clips(config, kept_clips: Path, precision):
    short = replace(
        config,
        losses=replace(config.losses, adversarial=0.0),
        precision=precision,
        optimization=replace(
            config.optimization, steps=40, warmup_steps=4, learning_rate=0.01, final_learning_rate=0.0002
        ),
    )
    rows = trained(made(short, kept_clips), short).rows
    first, last = (sum(row["reconstruction"] for row in part) / 10 for part in (rows[:10], rows[-10:]))
    assert last < 0.75 * first
