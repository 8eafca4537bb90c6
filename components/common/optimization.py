"""How weights move in every training: AdamW, a linear warm-up, then a half cosine down to the final learning rate.

The `optimization` part of each trained stage's parameters. The steps that carry it out are in
`components/common/fit/optimizer.py`; nothing here imports torch.
"""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Optimization:
    """One optimizer and its schedule."""

    steps: int
    """Optimizer steps of this run."""

    learning_rate: float
    """Peak learning rate, reached at the end of the warm-up."""

    final_learning_rate: float
    """Learning rate at the end of the schedule; 0 lets it fall to nothing."""

    warmup_steps: int
    """Steps in which the learning rate rises linearly to its peak; 0 starts at the peak."""

    betas: tuple[float, float]
    """Decay of AdamW's running means of the gradient and of its square."""

    weight_decay: float
    """Decoupled weight decay of AdamW, times the learning rate; 0 turns it off."""

    clip_norm: float
    """Gradients are scaled down to at most this L2 norm over all parameters."""

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise ValueError(f"optimization.steps must be positive, got {self.steps}")
        if not 0 <= self.warmup_steps < self.horizon:
            raise ValueError(f"optimization.warmup_steps ({self.warmup_steps}) must be below steps ({self.horizon})")
        if not 0 <= self.final_learning_rate <= self.learning_rate:
            raise ValueError(
                f"optimization.final_learning_rate ({self.final_learning_rate}) must lie between 0 and learning_rate "
                f"({self.learning_rate})"
            )
        if not all(0 <= beta < 1 for beta in self.betas):
            raise ValueError(f"optimization.betas must lie in [0, 1), got {list(self.betas)}")
        if self.weight_decay < 0 or self.clip_norm <= 0:
            raise ValueError("optimization: weight_decay must not be negative, and clip_norm be positive")

    @property
    def horizon(self) -> int:
        """Steps that the schedule spans: those of this run, unless several runs share one schedule."""
        return self.steps

    def rate(self, step: int) -> float:
        """Return the learning rate at `step`, counted from the beginning of the schedule."""
        return warmup_cosine(
            step,
            steps=self.horizon,
            warmup_steps=self.warmup_steps,
            peak=self.learning_rate,
            floor=self.final_learning_rate,
        )


def warmup_cosine(step: int, *, steps: int, warmup_steps: int, peak: float, floor: float) -> float:
    """Rise linearly to `peak` over `warmup_steps`, then fall by a half cosine to `floor` at `steps`."""
    if step < warmup_steps:
        return peak * (step + 1) / warmup_steps
    share = min(1.0, (step - warmup_steps) / max(1, steps - warmup_steps))
    return floor + (peak - floor) * 0.5 * (1 + math.cos(math.pi * share))
