"""Alone, a process exchanges nothing; the end of another one is a transient error, any other error is not."""

from pathlib import Path

import pytest
import torch
from torch import nn

from components.common import runtime
from components.common.errors import Retryable
from components.common.fit.strategy import Strategy


@pytest.fixture
def strategy(tmp_path: Path) -> Strategy:
    with runtime.use(runtime.Runtime(scratch=tmp_path, cache=tmp_path)):
        return Strategy()


def test_one_process_is_the_first_and_keeps_its_values(strategy: Strategy) -> None:
    value = torch.tensor([1.0, 2.0])
    with strategy.launched():
        assert (strategy.rank, strategy.world, strategy.is_first) == (0, 1, True)
        assert strategy.mean(value) is value
        assert strategy.sum(value) is value
        assert strategy.broadcast(3) == 3
        assert strategy.any(True)
        assert not strategy.any(False)


def test_modules_without_gradients_are_moved_but_not_wrapped(strategy: Strategy) -> None:
    trained, average = nn.Linear(1, 1), nn.Linear(1, 1).requires_grad_(False)
    modules: dict[str, nn.Module] = {"model": trained, "ema": average}
    optimizers: dict[str, torch.optim.Optimizer] = {"model": torch.optim.SGD(trained.parameters(), lr=0.1)}
    with strategy.launched():
        strategy.set_up(modules, optimizers)
    assert modules["ema"] is average
    assert modules["model"] is not trained


def test_an_error_of_the_exchange_is_retryable_only_among_several(
    strategy: Strategy, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(RuntimeError, match="gloo"), strategy.launched():
        raise RuntimeError("gloo: connection closed")
    monkeypatch.setattr(Strategy, "world", 2)
    with pytest.raises(Retryable, match="another of the 2 processes"), strategy.launched():
        raise RuntimeError("gloo: connection closed")
    with pytest.raises(RuntimeError, match="out of memory"), strategy.launched():
        raise RuntimeError("out of memory")
