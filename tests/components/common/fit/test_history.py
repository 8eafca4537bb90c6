"""A curve has means of equal stretches, and a loss that jumps or is not finite is noticed."""

from pathlib import Path

import pytest
import torch

from components.common.fit import Diverged, History


def test_a_row_is_the_mean_of_its_steps_and_a_missing_scalar_is_empty(tmp_path: Path) -> None:
    history = History(steps=4)
    history.add({"loss": torch.tensor(1.0), "other": torch.tensor(5.0)})
    history.add({"loss": torch.tensor(3.0)})
    assert history.close_row(2) == {"loss": 2.0, "other": 5.0}
    history.add({"loss": torch.tensor(1.0)})
    history.close_row(3)
    history.write_csv(tmp_path / "losses.csv")
    assert (tmp_path / "losses.csv").read_text().splitlines() == ["step,loss,other", "2,2,5", "3,1,"]


def test_the_mean_over_processes_replaces_what_one_noted() -> None:
    history = History(steps=4)
    history.add({"loss": torch.tensor(1.0)})
    history.average(lambda value: value + 1)
    assert history.close_row(1) == {"loss": 2.0}


def test_a_scalar_that_is_not_finite_is_noticed() -> None:
    history = History(steps=4)
    history.add({"loss": torch.tensor(1.0)})
    assert history.finite()
    history.add({"loss": torch.tensor(float("nan"))})
    assert not history.finite()


def test_a_loss_that_jumps_is_a_divergence() -> None:
    history = History(steps=100)
    for step, loss in enumerate([1.0] * 10 + [11.0]):
        history.add({"loss": torch.tensor(loss)})
        if loss > 1:
            with pytest.raises(Diverged, match="jumped"):
                history.close_row(step)
        else:
            history.close_row(step)


def test_a_loss_that_varies_around_zero_is_none() -> None:
    history = History(12)
    for step, loss in enumerate([0.01, -0.02, 0.002, 0.001, 0.02, -0.001, 0.003, 0.002, 0.001, -0.004, 0.03]):
        history.add({"loss": torch.tensor(loss)})
        history.close_row(step)
    history.add({"loss": torch.tensor(1.0)})
    with pytest.raises(Diverged, match="jumped"):
        history.close_row(11)
