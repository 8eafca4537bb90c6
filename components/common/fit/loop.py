"""The loop: batches made ahead, steps, rows of the curve, checkpoints, and a stop when a signal asks for one."""

import signal
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from types import FrameType
from typing import Protocol, TypeVar

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from components.common import runtime
from components.common.errors import Stopped
from components.common.fit import checkpoint
from components.common.fit.history import Diverged, History
from components.common.fit.strategy import Strategy
from components.common.progress import Meter
from components.common.random import seed_of

READERS, AHEAD = 2, 4  # threads that make batches, and how many wait at most: one slow batch delays no step
B = TypeVar("B")


class Training(Protocol[B]):
    """A component's part: its weights, its optimizers, its batches and one step of learning."""

    modules: dict[str, nn.Module]  # all that must survive a kill: weights, averages, discriminators
    optimizers: dict[str, Optimizer]

    def batch(self, step: int, rank: int, world: int) -> B:
        """Draw the batch of a step: pure in its arguments, called from several other threads."""
        ...

    def step(self, strategy: Strategy, batch: B, step: int) -> Mapping[str, Tensor]:
        """Learn from a batch: forward, `optimizer_step`; returns scalars, `loss` among them."""
        ...


def fit(
    training: Training[B],
    *,
    steps: int,
    first_step: int = 0,
    seed: int,
    checkpoint_every_steps: int,
    unit: str,
    per_step: int,
) -> History:
    """Train for `steps` steps numbered from `first_step`; resumes from the checkpoint in scratch if there is one.

    `per_step` counts how many of `unit` a step learns from, for the rate that is shown. Raises Stopped on SIGTERM or
    Ctrl-C after a checkpoint, Diverged (a ValueError) when the loss is not finite or jumps. Several processes stop
    together, whichever of them was asked to; if one is lost, Retryable is raised in the others.
    """
    strategy = Strategy()
    with strategy.launched():
        strategy.set_up(training.modules, training.optimizers)
        return _learn(strategy, training, steps, first_step, seed, checkpoint_every_steps, unit, per_step)


def _learn(
    strategy: Strategy,
    training: Training[B],
    steps: int,
    first_step: int,
    seed: int,
    checkpoint_every_steps: int,
    unit: str,
    per_step: int,
) -> History:
    history, last_step = History(steps), first_step + steps
    path = runtime.current().scratch / "checkpoint.pt"
    start = checkpoint.resume(path, training, history) or first_step
    meter = Meter(total=steps * per_step, unit=unit, label="training", start=(start - first_step) * per_step)
    began_s, waited_s = time.perf_counter(), 0.0

    def batch_of(step: int) -> B:
        return training.batch(step, strategy.rank, strategy.world)

    with closing(_ahead(batch_of, range(start, last_step))) as batches, _stop_requested() as stopping:
        for step in range(start, last_step):
            asked_s = time.perf_counter()
            batch = next(batches)
            waited_s += time.perf_counter() - asked_s
            torch.manual_seed(seed_of(seed, "step", step, strategy.rank))
            history.add(training.step(strategy, batch, step))
            del batch  # now: at the next assignment, the time to free it would count as waiting
            done = step + 1 - first_step
            stops = strategy.any(bool(stopping))
            row_ends = done % history.stretch == 0 or step + 1 == last_step
            checkpoint_due = stops or done % checkpoint_every_steps == 0 or step + 1 == last_step
            if (row_ends or checkpoint_due) and not history.finite():
                raise Diverged(f"the loss is no longer finite at step {step}: lower the learning rate, or clip harder")
            if row_ends or checkpoint_due:
                history.average(strategy.mean)
            if row_ends:
                row = history.close_row(step + 1)
                if strategy.is_first:
                    runtime.current().tracker.scalars(row, step + 1)
            meter.advance(per_step, note=f"loss {history.rows[-1]['loss']:.4g}" if history.rows else "")
            if checkpoint_due:
                if strategy.is_first:
                    checkpoint.save(path, training, history, step + 1)
                strategy.barrier()
            if stops and step + 1 < last_step:
                raise Stopped(f"stopped at step {step + 1} of {last_step}; the same command resumes from there")
    share = waited_s / (time.perf_counter() - began_s)
    loss = f"loss {history.rows[-1]['loss']:.4g}, " if history.rows else ""
    meter.close(note=f"{loss}{share:.1%} of the time waiting for data")
    return history


def _ahead(batch_of: Callable[[int], B], steps: range) -> Generator[B, None, None]:
    """Yield the batches of all steps, in their order, made before they are asked for."""
    with ThreadPoolExecutor(READERS, "batches") as readers:
        try:
            made = deque(readers.submit(batch_of, step) for step in steps[:AHEAD])
            for step in steps:
                if step + AHEAD < steps.stop:
                    made.append(readers.submit(batch_of, step + AHEAD))
                yield made.popleft().result()
        finally:
            readers.shutdown(cancel_futures=True)


@contextmanager
def _stop_requested() -> Iterator[list[int]]:
    """Give a list that is empty until a signal asks to stop."""
    received: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        received.append(number)

    before = {name: signal.signal(name, note) for name in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield received
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)
