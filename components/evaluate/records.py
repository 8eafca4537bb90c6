"""Values of a measure, sample by sample, and their score."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Better = Literal["higher", "lower"]


@dataclass(frozen=True)
class Measure:
    """One number per sample, with baselines and ceilings.

    Where a public network is usual, `name` ends with its stand-in, in brackets.
    """

    task: str
    name: str
    unit: str
    better: Better
    sample_ids: Sequence[str]
    values: Sequence[float]
    baselines: Sequence[float] | None = None  # of a trivial answer to the same task
    baseline_name: str | None = None
    chance: float | None = None
    reconstruction_ceiling: float | None = None  # of real clips after the tokenizer
    real_ceiling: float | None = None  # of real clips


@dataclass(frozen=True)
class Score:
    """A mean over samples with its 95 % interval; None where a field does not apply."""

    name: str
    task: str
    value: float
    low: float | None
    high: float | None
    chance: float | None
    baseline: float | None
    baseline_name: str | None
    reconstruction_ceiling: float | None
    real_ceiling: float | None
    n: int
    unit: str
    better: Better
