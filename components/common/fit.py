"""The training loop of every model: resume, checkpoints, signals, divergence, progress, curves.

A step is a pure function of the weights and the step number: batches and random draws are seeded by the step, so a run
that is killed at any moment and started again ends with the same bytes as one that was not. Checkpoints live in the
stage's scratch folder and are read with `weights_only=True`.
"""

import csv
import io
import os
import signal
import statistics
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, Protocol, TypeVar, cast

import torch
from lightning_fabric import Fabric
from lightning_fabric.strategies.ddp import DDPStrategy
from torch import Tensor, nn
from torch.distributed import DistError
from torch.optim import Optimizer

from components.common import runtime
from components.common.errors import Retryable, Stopped
from components.common.progress import Meter
from components.common.random import seed_of

ROWS = 100  # of a loss curve, whatever the number of steps
READERS, AHEAD = 2, 4  # threads that make batches, and how many wait at most: one dear batch delays no step
SPIKE = 10.0  # a loss this many times the median of the last rows is a divergence, unless they waver as much
B = TypeVar("B")


class Training(Protocol[B]):
    """What a component brings: its weights, its optimizers, its batches and one step of learning."""

    modules: dict[str, nn.Module]  # all that must survive a kill: weights, averages, discriminators
    optimizers: dict[str, Optimizer]

    def batch(self, step: int, rank: int, world: int) -> B:
        """Draw the batch of a step: pure in its arguments, called from several other threads."""
        ...

    def step(self, fabric: Fabric, batch: B, step: int) -> Mapping[str, Tensor]:
        """Learn from a batch: forward, `fabric.backward`, optimizer; returns scalars, `loss` among them."""
        ...


class Diverged(ValueError):
    """The loss became infinite or leapt; the last good checkpoint is kept."""


class History:
    """Means of a step's scalars over equal stretches of the training: at most about a hundred rows."""

    def __init__(self, steps: int):
        self.rows: list[dict[str, float]] = []
        self.stretch = max(1, steps // ROWS)
        self.sums: dict[str, Tensor] = {}
        self.counts: dict[str, int] = {}

    def add(self, scalars: Mapping[str, Tensor]) -> None:
        """Note the scalars of one step, without waiting for the device."""
        for name, value in scalars.items():
            value = value.detach().double()
            self.sums[name] = self.sums[name] + value if name in self.sums else value
            self.counts[name] = self.counts.get(name, 0) + 1

    def finite(self) -> bool:
        """Whether all that was noted since the last row is a number."""
        return all(bool(torch.isfinite(value)) for value in self.sums.values())

    def share(self, fabric: Fabric) -> None:
        """Replace what this process noted since the last row by the mean over all processes."""
        if fabric.world_size > 1:
            self.sums = {
                name: cast(Tensor, fabric.all_reduce(value, reduce_op="mean")) for name, value in self.sums.items()
            }

    def close_row(self, step: int) -> dict[str, float]:
        """End a stretch at `step`; raises Diverged when the loss leapt."""
        row = {name: value.item() / self.counts[name] for name, value in sorted(self.sums.items())}
        recent = [past["loss"] for past in self.rows[-10:] if "loss" in past]
        middle, spread = (statistics.median(recent), max(recent) - min(recent)) if recent else (0.0, 0.0)
        if len(recent) == 10 and row["loss"] - middle > (SPIKE - 1) * max(abs(middle), spread):
            raise Diverged(
                f"the loss leapt to {row['loss']:.4g} at step {step}: lower the learning rate, or clip harder"
            )
        self.rows.append({"step": float(step), **row})
        self.sums, self.counts = {}, {}
        return row

    def write_csv(self, path: Path) -> None:
        """Write the curve; a scalar that a stretch did not have is left empty."""
        names = ["step", *sorted({name for row in self.rows for name in row} - {"step"})]
        text = io.StringIO()
        writer = csv.DictWriter(text, names, lineterminator="\n")
        writer.writeheader()
        writer.writerows({name: f"{value:.6g}" for name, value in row.items()} for row in self.rows)
        path.write_text(text.getvalue())


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
    """Train for `steps` steps numbered from `first_step`; goes on from the checkpoint in scratch if there is one.

    `per_step` counts how many of `unit` a step learns from, for the rate that is shown. Raises Stopped on SIGTERM or
    Ctrl-C after a checkpoint, Diverged (a ValueError) when the loss is no number or leaps. Several processes stop
    together, whichever of them was asked to; if one is gone, Retryable is raised in the others.
    """
    machine = runtime.current()
    # a step may leave out parts of a model, such as the head of another modality
    strategy = DDPStrategy(find_unused_parameters=True) if machine.processes * machine.nodes > 1 else "auto"
    fabric = Fabric(accelerator="auto", strategy=strategy, devices=machine.processes, num_nodes=machine.nodes)
    with _together(fabric):
        fabric.launch()
        _set_up(fabric, training)
        return _learn(fabric, training, steps, first_step, seed, checkpoint_every_steps, unit, per_step)


def _learn(
    fabric: Fabric,
    training: Training[B],
    steps: int,
    first_step: int,
    seed: int,
    checkpoint_every_steps: int,
    unit: str,
    per_step: int,
) -> History:
    history, last_step = History(steps), first_step + steps
    checkpoint = runtime.current().scratch / "checkpoint.pt"
    start = _resume(checkpoint, training, history) or first_step
    meter = Meter(total=steps * per_step, unit=unit, label="training", start=(start - first_step) * per_step)
    began_s, waited_s = time.perf_counter(), 0.0

    def batch_of(step: int) -> B:
        return training.batch(step, fabric.global_rank, fabric.world_size)

    with closing(_ahead(batch_of, range(start, last_step))) as batches, _stop_requested() as stopping:
        for step in range(start, last_step):
            asked_s = time.perf_counter()
            batch = next(batches)
            waited_s += time.perf_counter() - asked_s
            torch.manual_seed(seed_of(seed, "step", step, fabric.global_rank))
            history.add(training.step(fabric, batch, step))
            del batch  # now: at the next assignment, what freeing it takes would count as waiting
            done = step + 1 - first_step
            stops = _any(fabric, bool(stopping))
            row_ends = done % history.stretch == 0 or step + 1 == last_step
            checkpoint_due = stops or done % checkpoint_every_steps == 0 or step + 1 == last_step
            if (row_ends or checkpoint_due) and not history.finite():
                raise Diverged(
                    f"the loss is no longer a number at step {step}: lower the learning rate, or clip harder"
                )
            if row_ends or checkpoint_due:
                history.share(fabric)
            if row_ends:
                row = history.close_row(step + 1)
                if fabric.is_global_zero:
                    runtime.current().tracker.scalars(row, step + 1)
            meter.advance(per_step, note=f"loss {history.rows[-1]['loss']:.4g}" if history.rows else "")
            if checkpoint_due:
                if fabric.is_global_zero:
                    _save(checkpoint, training, history, step + 1)
                fabric.barrier()
            if stops and step + 1 < last_step:
                raise Stopped(f"stopped at step {step + 1} of {last_step}; the same command goes on from there")
    share = waited_s / (time.perf_counter() - began_s)
    loss = f"loss {history.rows[-1]['loss']:.4g}, " if history.rows else ""
    meter.close(note=f"{loss}{share:.1%} of the time waiting for data")
    return history


def _ahead(batch_of: Callable[[int], B], steps: range) -> Generator[B, None, None]:
    """The batches of all steps, in their order, made before they are asked for."""
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
def _together(fabric: Fabric) -> Iterator[None]:
    """The end of another process, of which the exchange with it fails, as a passing fault."""
    try:
        yield
    except RuntimeError as error:  # torch has no class of its own for it where processes meet by gloo
        if fabric.world_size == 1 or not (isinstance(error, DistError) or "gloo" in str(error)):
            raise
        raise Retryable(f"another of the {fabric.world_size} processes of this training is gone: {error}") from error


def _any(fabric: Fabric, here: bool) -> bool:
    """Whether it is so in any process: all must leave the loop at the same step, or the others would wait for ever."""
    if fabric.world_size == 1:
        return here
    return bool(fabric.all_reduce(torch.tensor(float(here), device=fabric.device), reduce_op="max"))


def _set_up(fabric: Fabric, training: Training[B]) -> None:
    for name, module in training.modules.items():
        trained = any(parameter.requires_grad for parameter in module.parameters())
        training.modules[name] = fabric.setup_module(module) if trained else module.to(fabric.device)
    for name, optimizer in training.optimizers.items():
        training.optimizers[name] = cast(Optimizer, fabric.setup_optimizers(optimizer))


def _save(path: Path, training: Training[B], history: History, step: int) -> None:
    state = {
        "step": step,
        "modules": {name: module.state_dict() for name, module in training.modules.items()},
        "optimizers": {name: optimizer.state_dict() for name, optimizer in training.optimizers.items()},
        "history": {"rows": history.rows, "sums": history.sums, "counts": history.counts},
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".partial")
    with beside.open("wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def _resume(path: Path, training: Training[B], history: History) -> int | None:
    if not path.is_file():
        return None
    state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    for name, module in training.modules.items():
        module.load_state_dict(state["modules"][name])
    for name, optimizer in training.optimizers.items():
        optimizer.load_state_dict(state["optimizers"][name])
    history.rows, history.sums, history.counts = (state["history"][part] for part in ("rows", "sums", "counts"))
    step: int = state["step"]
    print(f"training: goes on from step {step}", flush=True)
    return step


@contextmanager
def _stop_requested() -> Iterator[list[int]]:
    """A list that is empty until a signal asks to stop."""
    received: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        received.append(number)

    before = {name: signal.signal(name, note) for name in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield received
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)
