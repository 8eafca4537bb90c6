"""The StyleGAN discriminator in three dimensions: residual blocks, each halving time and space after a blur.

No normalization, so each clip is classified independently. Shapes: B clips, T frames, H height, W width, C channels.
"""

import math
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class BlurPool(nn.Module):
    """Halve every axis that is longer than 1, after smoothing with [1, 3, 3, 1] so that nothing aliases."""

    def __init__(self) -> None:
        super().__init__()
        self.kernel: Tensor
        self.register_buffer("kernel", torch.tensor([1.0, 3.0, 3.0, 1.0]) / 8, persistent=False)

    def forward(self, x_BCTHW: Tensor) -> Tensor:
        channels = x_BCTHW.shape[1]
        for axis in (2, 3, 4):
            if x_BCTHW.shape[axis] == 1:
                continue
            shape, stride, padding = [1, 1, 1], [1, 1, 1], [0] * 6
            shape[axis - 2], stride[axis - 2] = 4, 2
            padding[2 * (4 - axis)], padding[2 * (4 - axis) + 1] = 1, 2
            kernel = self.kernel.to(x_BCTHW).view(1, 1, *shape).expand(channels, 1, *shape)
            x_BCTHW = F.conv3d(F.pad(x_BCTHW, padding, mode="replicate"), kernel, stride=tuple(stride), groups=channels)
        return x_BCTHW


class DownBlock(nn.Module):
    """Two convolutions and a pool, with a residual path; their sum keeps the variance."""

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.first = nn.Conv3d(inputs, inputs, 3, padding=1)
        self.second = nn.Conv3d(inputs, outputs, 3, padding=1)
        self.straight = nn.Conv3d(inputs, outputs, 1, bias=False)
        self.pool = BlurPool()

    def forward(self, x_BCTHW: Tensor) -> Tensor:
        h_BCTHW = F.leaky_relu(self.second(self.pool(F.leaky_relu(self.first(x_BCTHW), 0.2))), 0.2)
        y_BCTHW: Tensor = (h_BCTHW + self.straight(self.pool(x_BCTHW))) / math.sqrt(2)
        return y_BCTHW


class Discriminator(nn.Module):
    """Classifier of real and reconstructed clips, one logit each (MAGVIT-v2: 128 channels × (2, 4, 4, 4, 4)).

    The last features are averaged over time and space, so one network serves every format, images included.
    """

    def __init__(self, channels: int, multipliers: tuple[int, ...]):
        super().__init__()
        widths = [channels, *(channels * multiplier for multiplier in multipliers)]
        self.stem = nn.Conv3d(3, channels, 3, padding=1)
        self.blocks = nn.Sequential(*(DownBlock(*pair) for pair in pairwise(widths)))
        self.last = nn.Conv3d(widths[-1], widths[-1], 3, padding=1)
        self.dense, self.head = nn.Linear(widths[-1], channels), nn.Linear(channels, 1)

    def forward(self, x_BCTHW: Tensor) -> Tensor:
        h_BCTHW = self.blocks(F.leaky_relu(self.stem(x_BCTHW), 0.2))
        h_BC = F.leaky_relu(self.last(h_BCTHW), 0.2).mean((2, 3, 4))
        logits_B: Tensor = self.head(F.leaky_relu(self.dense(h_BC), 0.2))[:, 0]
        return logits_B
