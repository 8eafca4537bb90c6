"""Causal convolutions over waveforms.

Shapes: B waveforms, C channels, S samples (at any rate), F code frames.
Padding is zeros on the past side only, as if preceded by silence, so no output depends on a later input:
after a stride of s, output i sees inputs up to (i + 1)·s - 1, and back again the same holds.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from components.audio_tokenizer.config import Architecture


class CausalConv(nn.Module):
    """Convolve, padding the past side; a stride of s divides the length by s, which must divide it."""

    def __init__(self, inputs: int, outputs: int, kernel: int, *, stride: int = 1, dilation: int = 1):
        super().__init__()
        self.past = dilation * (kernel - 1) + 1 - stride
        self.conv = nn.Conv1d(inputs, outputs, kernel, stride=stride, dilation=dilation)

    def forward(self, x_BCS: Tensor) -> Tensor:
        y_BCS: Tensor = self.conv(F.pad(x_BCS, (self.past, 0)))
        return y_BCS


class CausalUpsample(nn.Module):
    """Transposed convolution of two strides' reach; the tail that would need the next input is cut."""

    def __init__(self, inputs: int, outputs: int, stride: int):
        super().__init__()
        self.stride = stride
        self.conv = nn.ConvTranspose1d(inputs, outputs, 2 * stride, stride=stride)

    def forward(self, x_BCS: Tensor) -> Tensor:
        y_BCS: Tensor = self.conv(x_BCS)
        return y_BCS[..., : x_BCS.shape[-1] * self.stride]


class Snake(nn.Module):
    """x + sin²(a·x)/a per channel: a bias toward periodic signals (Ziyin et al., 2020)."""

    def __init__(self, channels: int):
        super().__init__()
        self.slope_C1 = nn.Parameter(torch.ones(channels, 1))

    def forward(self, x_BCS: Tensor) -> Tensor:
        return x_BCS + torch.sin(self.slope_C1 * x_BCS).square() / (self.slope_C1 + 1e-9)


def activation(config: Architecture, channels: int) -> nn.Module:
    """Return the non-linearity that the architecture names."""
    match config.activation:
        case "elu":
            return nn.ELU()
        case "snake":
            return Snake(channels)


class ResidualUnit(nn.Module):
    """x + a dilated convolution of kernel 7 and a pointwise one."""

    def __init__(self, config: Architecture, channels: int, dilation: int):
        super().__init__()
        self.layers = nn.Sequential(
            activation(config, channels),
            CausalConv(channels, channels, 7, dilation=dilation),
            activation(config, channels),
            CausalConv(channels, channels, 1),
        )

    def forward(self, x_BCS: Tensor) -> Tensor:
        y_BCS: Tensor = x_BCS + self.layers(x_BCS)
        return y_BCS


def encoder(config: Architecture) -> nn.Sequential:
    """Waveform (B, 1, S) to latents (B, D, F): residual units, then a strided convolution, at each scale."""
    patch = config.patch
    layers: list[nn.Module] = [CausalConv(1, config.widths[0], max(7, 2 * patch), stride=patch)]
    for stride, narrow, wide in zip(config.strides, config.widths, config.widths[1:], strict=False):
        layers += [ResidualUnit(config, narrow, dilation) for dilation in config.dilations]
        layers += [activation(config, narrow), CausalConv(narrow, wide, 2 * stride, stride=stride)]
    layers += [activation(config, config.widths[-1]), CausalConv(config.widths[-1], config.latent_width, 3)]
    return nn.Sequential(*layers)


def decoder(config: Architecture) -> nn.Sequential:
    """Latents (B, D, F) to waveform (B, 1, S): the encoder mirrored."""
    widths = config.widths[::-1]
    layers: list[nn.Module] = [CausalConv(config.latent_width, widths[0], 7)]
    for stride, wide, narrow in zip(config.strides[::-1], widths, widths[1:], strict=False):
        layers += [activation(config, wide), CausalUpsample(wide, narrow, stride)]
        layers += [ResidualUnit(config, narrow, dilation) for dilation in config.dilations]
    layers.append(activation(config, widths[-1]))
    layers.append(CausalConv(widths[-1], 1, 7) if config.patch == 1 else CausalUpsample(widths[-1], 1, config.patch))
    return nn.Sequential(*layers)
