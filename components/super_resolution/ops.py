"""Windows of a token grid, and the mask schedule.

Shapes: B clips, T H W a token grid, D width, N = T·H·W positions, n windows per clip, w positions per window.
"""

import math

import torch
from torch import Tensor

from components.super_resolution.config import Grid


def partition(x_BTHWD: Tensor, window: Grid) -> Tensor:
    """Cut a grid into windows (B·n, w, D) that tile it exactly."""
    (B, T, H, W, D), (t, h, w) = x_BTHWD.shape, window
    x = x_BTHWD.view(B, T // t, t, H // h, h, W // w, w, D)
    return x.permute(0, 1, 3, 5, 2, 4, 6, 7).reshape(-1, t * h * w, D)


def merge(x_nwD: Tensor, window: Grid, grid: Grid) -> Tensor:
    """Inverse of `partition` for a grid of (T, H, W)."""
    (T, H, W), (t, h, w) = grid, window
    x = x_nwD.view(-1, T // t, H // h, W // w, t, h, w, x_nwD.shape[-1])
    return x.permute(0, 1, 4, 2, 5, 3, 6, 7).reshape(-1, T, H, W, x_nwD.shape[-1])


def mask_ratio(progress: Tensor | float) -> Tensor:
    """Return the share of masked positions at `progress` 0 … 1 of decoding: the cosine schedule."""
    return torch.cos(torch.as_tensor(progress, dtype=torch.float64) * (math.pi / 2))


def unmask_schedule(positions: int, steps: int) -> list[int]:
    """Return the number of positions that each decoding step unmasks: at least one each, `positions` in all."""
    masked, counts = positions, []
    for step in range(1, steps + 1):
        left = 0 if step == steps else min(int(positions * mask_ratio(step / steps)), masked - 1)
        counts.append(masked - max(left, 0))
        masked = max(left, 0)
        if not masked:
            break
    return counts
