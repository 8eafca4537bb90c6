"""What a measure finds, sample by sample, and the score that is made of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Better = Literal["higher", "lower"]


@dataclass(frozen=True)
class Measure:
    """One number per sample, with what it must be read beside.

    `name` ends with the stand-in that measured it, in brackets, where a public network would be usual.
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
    reconstruction_ceiling: float | None = None  # what real clips get after the tokenizer
    real_ceiling: float | None = None  # what real clips get


@dataclass(frozen=True)
class Score:
    """A mean over samples with its 95 % interval; None where something does not apply."""

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
