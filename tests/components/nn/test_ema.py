"""An average moves toward the weights by its decay."""

import torch
from torch import nn

from components.nn import ema


def test_parameters_move_by_one_minus_the_decay_and_buffers_are_copied() -> None:
    average, model = nn.BatchNorm1d(2), nn.BatchNorm1d(2)
    with torch.no_grad():
        average.weight.fill_(1.0)
        model.weight.fill_(3.0)
        model.running_mean.fill_(7.0)  # type: ignore[union-attr]
    ema.update(average, model, decay=0.75)
    assert average.weight.tolist() == [1.5, 1.5]
    assert average.running_mean.tolist() == [7.0, 7.0]  # type: ignore[union-attr]


def test_a_constant_model_is_reached() -> None:
    average, model = nn.Linear(3, 2), nn.Linear(3, 2)
    for _ in range(60):
        ema.update(average, model, decay=0.5)
    torch.testing.assert_close(average.weight, model.weight)
