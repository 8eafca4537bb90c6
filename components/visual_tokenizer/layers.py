"""Causal layers over space and time.

Time is causal: no output frame ever sees an input frame that comes after it, and normalization counts one frame at a
time. So an image is a clip of one frame, and a clip may be fed in pieces: a `Memory` holds the past frames that each
convolution still needs. The first piece holds 1 + n·stride frames, each later one n·stride.

Shapes: B clips, T frames, H height, W width, C channels.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Memory = dict[nn.Module, Tensor]
Triple = tuple[int, int, int]
EPSILON = 1e-6


class CausalConv3d(nn.Module):
    """Convolve a clip, padding time on the past side only.

    Padding repeats the first frame rather than inserting black ones, so a still image looks like a clip in which
    nothing moves. A stride over time keeps the first frame: 1 + n·stride frames become 1 + n.
    """

    def __init__(self, inputs: int, outputs: int, kernel: Triple, stride: Triple = (1, 1, 1), bias: bool = True):
        super().__init__()
        self.past_frames, self.kept_frames = kernel[0] - 1, kernel[0] - stride[0]
        padding = (0, kernel[1] // 2, kernel[2] // 2)
        self.conv = nn.Conv3d(inputs, outputs, kernel, stride, padding, bias=bias)

    def forward(self, x_BCTHW: Tensor, memory: Memory | None = None) -> Tensor:
        if memory is not None and self in memory:
            past_BCTHW = memory[self]
        else:
            past_BCTHW = x_BCTHW[:, :, :1].expand(-1, -1, self.past_frames, -1, -1)
        if self.past_frames:
            x_BCTHW = torch.cat([past_BCTHW, x_BCTHW], dim=2)
        if memory is not None:
            memory[self] = x_BCTHW[:, :, x_BCTHW.shape[2] - self.kept_frames :]
        y_BCTHW: Tensor = self.conv(x_BCTHW)
        return y_BCTHW


class FrameNorm(nn.Module):
    """Group normalization whose statistics are taken within each frame, never across time."""

    def __init__(self, channels: int, groups: int, affine: bool = True):
        super().__init__()
        self.norm = nn.GroupNorm(groups, channels, eps=EPSILON, affine=affine)

    def forward(self, x_BCTHW: Tensor) -> Tensor:
        x_NCHW = x_BCTHW.transpose(1, 2).flatten(0, 1)
        y_NCHW: Tensor = self.norm(x_NCHW)
        y_BCTHW: Tensor = y_NCHW.unflatten(0, (x_BCTHW.shape[0], -1)).transpose(1, 2)
        return y_BCTHW


class AdaptiveNorm(nn.Module):
    """Frame normalization whose scale and shift are computed from the tokens of the same moment.

    Statistics of the code vectors over the positions of one latent frame: their spread gives the scale, their mean the
    shift. Each latent frame steers the `stride_t` frames it stands for at this level; the very first, only one.
    """

    def __init__(self, channels: int, groups: int, codes: int, stride_t: int):
        super().__init__()
        self.stride_t = stride_t
        self.norm = FrameNorm(channels, groups, affine=False)
        self.scale, self.shift = nn.Linear(codes, channels), nn.Linear(codes, channels)

    def forward(self, x_BCTHW: Tensor, codes_BCTHW: Tensor) -> Tensor:
        mean_BTC = codes_BCTHW.mean((3, 4)).mT
        spread_BTC = (codes_BCTHW.var((3, 4), unbiased=False) + EPSILON).sqrt().mT
        scale_BCTHW, shift_BCTHW = (
            self._spread(self.scale(spread_BTC), x_BCTHW),
            self._spread(self.shift(mean_BTC), x_BCTHW),
        )
        y_BCTHW: Tensor = self.norm(x_BCTHW) * (1 + scale_BCTHW) + shift_BCTHW
        return y_BCTHW

    def _spread(self, y_BTC: Tensor, x_BCTHW: Tensor) -> Tensor:
        return y_BTC.repeat_interleave(self.stride_t, dim=1)[:, -x_BCTHW.shape[2] :].mT[..., None, None]


class ResidualBlock(nn.Module):
    """norm - swish - convolution, twice, added to the input (through 1×1×1 when the width changes).

    The second convolution starts at zero, so that a new network passes its input on.
    """

    def __init__(self, inputs: int, outputs: int, kernel: Triple, groups: int):
        super().__init__()
        self.norm_1, self.conv_1 = FrameNorm(inputs, groups), CausalConv3d(inputs, outputs, kernel, bias=False)
        self.norm_2, self.conv_2 = FrameNorm(outputs, groups), CausalConv3d(outputs, outputs, kernel, bias=False)
        nn.init.zeros_(self.conv_2.conv.weight)
        self.shortcut = nn.Identity() if inputs == outputs else nn.Conv3d(inputs, outputs, 1, bias=False)

    def forward(self, x_BCTHW: Tensor, memory: Memory | None = None) -> Tensor:
        y_BCTHW: Tensor = self.conv_1(F.silu(self.norm_1(x_BCTHW)), memory)
        y_BCTHW = self.conv_2(F.silu(self.norm_2(y_BCTHW)), memory)
        x_BCTHW = self.shortcut(x_BCTHW)
        return x_BCTHW + y_BCTHW


class Upsample(nn.Module):
    """Convolution to more channels, then depth to space and time.

    Where time doubles, the first output frame is dropped: n latent frames become 1 + (n - 1)·stride, as they were.
    Channels before the rearrangement are ordered (channel, time, row, column).
    """

    def __init__(self, inputs: int, outputs: int, kernel: Triple, stride: Triple):
        super().__init__()
        self.stride = stride
        self.conv = CausalConv3d(inputs, outputs * stride[0] * stride[1] * stride[2], kernel)

    def forward(self, x_BCTHW: Tensor, memory: Memory | None = None) -> Tensor:
        first = memory is None or self.conv not in memory
        y_BCTHW = depth_to_space(self.conv(x_BCTHW, memory), self.stride)
        return y_BCTHW[:, :, self.stride[0] - 1 :] if first else y_BCTHW


def depth_to_space(x_BCTHW: Tensor, stride: Triple) -> Tensor:
    """Spread groups of channels over `stride` neighboring frames, rows and columns."""
    B, _, T, H, W = x_BCTHW.shape
    t, h, w = stride
    blocks = x_BCTHW.reshape(B, -1, t, h, w, T, H, W)
    return blocks.permute(0, 1, 5, 2, 6, 3, 7, 4).reshape(B, -1, T * t, H * h, W * w)


def space_to_depth(x_BCTHW: Tensor, side_px: int) -> Tensor:
    """Gather patches of `side_px`² into channels: the inverse of `depth_to_space` over space alone."""
    B, C, T, H, W = x_BCTHW.shape
    patches = x_BCTHW.reshape(B, C, T, H // side_px, side_px, W // side_px, side_px)
    return patches.permute(0, 1, 4, 6, 2, 3, 5).flatten(1, 3)
