"""Learning rates as functions of the step: nothing to save, nothing to restore."""

import math

from torch.optim import Optimizer


def warmup_cosine(step: int, *, steps: int, warmup_steps: int, peak: float, floor: float) -> float:
    """Rise linearly to `peak` over `warmup_steps`, then fall by a half cosine to `floor` at `steps`."""
    if step < warmup_steps:
        return peak * (step + 1) / warmup_steps
    share = min(1.0, (step - warmup_steps) / max(1, steps - warmup_steps))
    return floor + (peak - floor) * 0.5 * (1 + math.cos(math.pi * share))


def set_learning_rate(optimizer: Optimizer, learning_rate: float) -> None:
    """Give every parameter group the same learning rate."""
    for group in optimizer.param_groups:
        group["lr"] = learning_rate
