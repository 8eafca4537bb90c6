"""Scalars of the steps -> a loss curve of about a hundred rows, and the end of a training that diverges."""

import csv
import io
import statistics
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from torch import Tensor

ROWS = 100  # of a loss curve, whatever the number of steps
SPIKE = 10.0  # a loss this many times the median of the last rows is a divergence, unless they vary as much


class Diverged(ValueError):
    """The loss became infinite or jumped; the last good checkpoint is kept."""


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
        """Return True if all that was noted since the last row is finite."""
        return all(bool(torch.isfinite(value)) for value in self.sums.values())

    def average(self, mean: Callable[[Tensor], Tensor]) -> None:
        """Replace what this process noted since the last row by its `mean` over all processes."""
        self.sums = {name: mean(value) for name, value in self.sums.items()}

    def close_row(self, step: int) -> dict[str, float]:
        """End a stretch at `step`; raises Diverged when the loss jumped."""
        row = {name: value.item() / self.counts[name] for name, value in sorted(self.sums.items())}
        recent = [past["loss"] for past in self.rows[-10:] if "loss" in past]
        middle, spread = (statistics.median(recent), max(recent) - min(recent)) if recent else (0.0, 0.0)
        if len(recent) == 10 and row["loss"] - middle > (SPIKE - 1) * max(abs(middle), spread):
            raise Diverged(
                f"the loss jumped to {row['loss']:.4g} at step {step}: lower the learning rate, or clip harder"
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
