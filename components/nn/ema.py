"""Exponential moving averages of weights."""

import torch
from torch import nn


@torch.no_grad()
def update(ema: nn.Module, model: nn.Module, decay: float) -> None:
    """Move every parameter of `ema` toward `model`'s by `1 - decay`; buffers are copied."""
    ours = [parameter.detach() for parameter in ema.parameters()]
    theirs = [parameter.detach() for parameter in model.parameters()]
    torch._foreach_lerp_(ours, theirs, 1 - decay)
    for mine, new in zip(ema.buffers(), model.buffers(), strict=True):
        mine.copy_(new)
