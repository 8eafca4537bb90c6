"""One step follows the schedule, clips, and forgets gradients that are not of its loss."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from components.common import runtime
from components.common.fit.optimizer import adamw, decayed_matrices, optimizer_step
from components.common.fit.strategy import Strategy
from components.common.optimization import Optimization

OPTIMIZATION = Optimization(
    steps=10,
    learning_rate=0.1,
    final_learning_rate=0.01,
    warmup_steps=2,
    betas=(0.8, 0.99),
    weight_decay=0.0,
    clip_norm=1.0,
)


@pytest.fixture
def strategy(tmp_path: Path) -> Strategy:
    with runtime.use(runtime.Runtime(scratch=tmp_path, cache=tmp_path)):
        return Strategy()


def test_a_step_uses_the_rate_and_the_betas_of_the_settings(strategy: Strategy) -> None:
    model = nn.Linear(2, 1)
    optimizer = adamw(model.parameters(), OPTIMIZATION)
    for step in (0, 1, 5):
        optimizer_step(strategy, model, optimizer, model(torch.ones(1, 2)).sum(), OPTIMIZATION, step)
        (group,) = optimizer.param_groups
        assert group["lr"] == OPTIMIZATION.rate(step)
        assert group["betas"] == (0.8, 0.99)


def test_gradients_are_clipped_and_those_of_another_loss_are_dropped(strategy: Strategy) -> None:
    torch.manual_seed(0)
    models = [nn.Linear(2, 1, bias=False) for _ in range(2)]
    models[1].load_state_dict(models[0].state_dict())
    (models[1](torch.ones(1, 2)).sum() * -100).backward()
    norms = []
    for model in models:
        optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
        norms.append(optimizer_step(strategy, model, optimizer, 50 * model(torch.ones(1, 2)).sum(), OPTIMIZATION, 1))
        assert model.weight.grad is None
    assert norms[0].item() == norms[1].item() == pytest.approx(50 * 2**0.5)
    assert torch.equal(models[0].weight, models[1].weight)


def test_a_clipped_step_is_at_most_the_norm_long(strategy: Strategy) -> None:
    model = nn.Linear(2, 1, bias=False)
    before = model.weight.detach().clone()
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    still = replace(OPTIMIZATION, clip_norm=0.5)
    optimizer_step(strategy, model, optimizer, 50 * model(torch.ones(1, 2)).sum(), still, 1)
    assert (model.weight - before).norm().item() == pytest.approx(0.1 * 0.5, rel=1e-3)


def test_only_the_matrices_of_linear_layers_decay() -> None:
    model = nn.Sequential(nn.Embedding(3, 4), nn.Linear(4, 2), nn.LayerNorm(2))
    decayed, others = decayed_matrices(model, 0.1)
    assert [parameter.shape for parameter in decayed["params"]] == [(2, 4)]
    assert decayed["weight_decay"] == 0.1
    assert len(others["params"]) == 4
    assert others["weight_decay"] == 0.0
