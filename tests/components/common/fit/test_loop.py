"""Training resumes to the same bytes, stops on request and refuses to go on from nonsense."""

import os
import signal
import threading
from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from components.common import runtime
from components.common.errors import DataError, Stopped
from components.common.fit import Diverged, History, fit
from components.common.fit.strategy import Strategy
from components.common.random import seed_of


class Line:
    """Fits a line with dropout, and may be set to stop, or to break, at a step."""

    def __init__(self, stop_at: int = -1, break_at: int = -1):
        torch.manual_seed(0)
        self.stop_at, self.break_at = stop_at, break_at
        self.modules: dict[str, nn.Module] = {"model": nn.Sequential(nn.Dropout(0.3), nn.Linear(4, 1))}
        self.optimizers: dict[str, torch.optim.Optimizer] = {
            "model": torch.optim.AdamW(self.modules["model"].parameters(), lr=0.01)
        }

    def batch(self, step: int, rank: int, world: int) -> Tensor:
        return torch.randn(8, 4, generator=torch.Generator().manual_seed(seed_of("batch", step, rank)))

    def step(self, strategy: Strategy, batch: Tensor, step: int) -> Mapping[str, Tensor]:
        if step == self.stop_at:
            os.kill(os.getpid(), signal.SIGTERM)
        loss = (self.modules["model"](batch) - batch.sum(1, keepdim=True)).square().mean()
        if step == self.break_at:
            loss = loss * float("nan")
        self.optimizers["model"].zero_grad()
        strategy.backward(loss)
        self.optimizers["model"].step()
        return {"loss": loss}


def train(training: Line, scratch: Path, steps: int = 12) -> History:
    with runtime.use(runtime.Runtime(scratch=scratch, cache=scratch)):
        return fit(training, steps=steps, seed=1, checkpoint_every_steps=5, unit="rows", per_step=8)


def test_a_stopped_training_goes_on_to_the_same_bytes_and_the_same_curve(tmp_path: Path) -> None:
    whole, stopped, resumed = Line(), Line(stop_at=6), Line()
    curve = train(whole, tmp_path / "a")
    with pytest.raises(Stopped, match="step 7 of 12"):
        train(stopped, tmp_path / "b")
    again = train(resumed, tmp_path / "b")
    assert again.rows == curve.rows
    for ours, theirs in zip(whole.modules["model"].parameters(), resumed.modules["model"].parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_batches_are_made_ahead_and_come_in_the_order_of_their_steps(tmp_path: Path) -> None:
    class Slow(Line):
        """The first of its batches comes last: not before one of a later step is there."""

        def __init__(self) -> None:
            super().__init__()
            self.later, self.seen = threading.Event(), list[int]()

        def batch(self, step: int, rank: int, world: int) -> Tensor:
            if step == 0:
                assert self.later.wait(60)
            self.later.set()
            return torch.full((8, 4), float(step))

        def step(self, strategy: Strategy, batch: Tensor, step: int) -> Mapping[str, Tensor]:
            self.seen.append(int(batch[0, 0]))
            return super().step(strategy, batch, step)

    training = Slow()
    train(training, tmp_path)
    assert training.seen == list(range(12))


def test_a_batch_that_cannot_be_made_ends_the_training_with_its_error(tmp_path: Path) -> None:
    class Missing(Line):
        def batch(self, step: int, rank: int, world: int) -> Tensor:
            if step == 9:
                raise DataError("no clip is left")
            return super().batch(step, rank, world)

    with pytest.raises(DataError, match="no clip is left"):
        train(Missing(), tmp_path)
    assert (tmp_path / "checkpoint.pt").is_file()


def test_a_loss_that_is_no_number_stops_with_the_last_good_checkpoint_kept(tmp_path: Path) -> None:
    with pytest.raises(Diverged, match="no longer finite"):
        train(Line(break_at=8), tmp_path)
    kept = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    assert kept["step"] == 5
    assert all(bool(torch.isfinite(value).all()) for value in kept["modules"]["model"].values())


def test_a_curve_has_about_a_hundred_rows_whatever_the_number_of_steps(tmp_path: Path) -> None:
    history = train(Line(), tmp_path, steps=250)
    assert 100 <= len(history.rows) <= 126
    history.write_csv(tmp_path / "losses.csv")
    assert (tmp_path / "losses.csv").read_text().startswith("step,loss\n")
