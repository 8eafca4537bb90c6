"""Pixels ↔ model inputs.

Shapes: B clips, T frames, H rows, W columns, C channels. uint8 0…255 with channels last ↔ float −1…1 with channels
first; the round trip is exact.
"""

import torch
from torch import Tensor


def to_unit(frames_BTHWC: Tensor) -> Tensor:
    """Make float32 (B, C, T, H, W) in [-1, 1] from uint8."""
    return (frames_BTHWC.movedim(-1, 1).to(torch.float32) / 127.5 - 1.0).contiguous()


def to_bytes(x_BCTHW: Tensor) -> Tensor:
    """Make uint8 (B, T, H, W, C), rounding; values beyond [-1, 1] are clipped."""
    scaled = (x_BCTHW.to(torch.float32) + 1.0) * 127.5
    return scaled.round().clamp(0, 255).to(torch.uint8).movedim(1, -1).contiguous()
