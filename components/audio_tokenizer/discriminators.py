"""Discriminators of real and reconstructed audio: three on the waveform at falling rates, one on its complex spectrum.

Each returns its feature maps, the last of which are logits (above 0: real); SoundStream, section III-D.
Shapes: B waveforms, C channels, S samples, W frequency bins, T spectral frames.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

SCALES = 3
SLOPE = 0.2


class WaveDiscriminator(nn.Module):
    """Grouped strided convolutions over the waveform."""

    def __init__(self, channels: int):
        super().__init__()
        widths = [channels * min(4**depth, 64) for depth in range(5)]
        self.layers = nn.ModuleList([nn.Conv1d(1, channels, 15, padding=7)])
        for narrow, wide in pairwise(widths):
            self.layers.append(nn.Conv1d(narrow, wide, 41, stride=4, padding=20, groups=max(1, narrow // 4)))
        self.layers += [nn.Conv1d(widths[-1], widths[-1], 5, padding=2), nn.Conv1d(widths[-1], 1, 3, padding=1)]

    def forward(self, wave_BS: Tensor) -> list[Tensor]:
        return features(self.layers, wave_BS[:, None])


class SpectrumDiscriminator(nn.Module):
    """Strided convolutions over real and imaginary parts, time × frequency."""

    def __init__(self, channels: int, window: int):
        super().__init__()
        self.window = window
        widths = [channels * multiple for multiple in (1, 1, 2, 4, 4, 8, 8)]
        self.layers = nn.ModuleList([nn.Conv2d(2, channels, 7, padding=3)])
        for depth, (narrow, wide) in enumerate(pairwise(widths)):
            stride = (2, 1) if depth % 2 == 0 else (2, 2)
            self.layers.append(nn.Conv2d(narrow, wide, (stride[0] + 2, stride[1] + 2), stride=stride, padding=1))
        self.layers.append(nn.Conv2d(widths[-1], 1, 3, padding=1))

    def forward(self, wave_BS: Tensor) -> list[Tensor]:
        hann = torch.hann_window(self.window, device=wave_BS.device, dtype=wave_BS.dtype)
        spectrum_BWT = torch.stft(
            wave_BS, self.window, self.window // 4, window=hann, pad_mode="constant", return_complex=True
        )
        spectrum_BCWT = torch.view_as_real(spectrum_BWT).permute(0, 3, 1, 2) / hann.square().sum().sqrt()
        return features(self.layers, spectrum_BCWT)


class Discriminators(nn.Module):
    """The four discriminators; the result lists the feature maps of each."""

    def __init__(self, channels: int, window: int):
        super().__init__()
        self.waves = nn.ModuleList(WaveDiscriminator(channels) for _ in range(SCALES))
        self.spectrum = SpectrumDiscriminator(channels, window)

    def forward(self, wave_BS: Tensor) -> list[list[Tensor]]:
        found: list[list[Tensor]] = [self.spectrum(wave_BS)]
        for scale, discriminator in enumerate(self.waves):
            factor = 2**scale
            slower_B1S = F.avg_pool1d(wave_BS[:, None], 2 * factor, factor) if scale else wave_BS[:, None]
            found.append(discriminator(slower_B1S[:, 0]))
        return found


def features(layers: nn.ModuleList, x: Tensor) -> list[Tensor]:
    """Return every layer's output; leaky rectifiers are between the layers, not after the logits."""
    found = []
    for index, layer in enumerate(layers):
        x = layer(F.leaky_relu(x, SLOPE) if index else x)
        found.append(x)
    return found


def discriminator_loss(real: Sequence[Sequence[Tensor]], fake: Sequence[Sequence[Tensor]]) -> Tensor:
    """Hinge loss: logits of real waveforms above 1, of reconstructed ones below -1."""
    pairs = zip(real, fake, strict=True)
    return torch.stack([F.relu(1 - yes[-1]).mean() + F.relu(1 + no[-1]).mean() for yes, no in pairs]).mean()


def adversarial_loss(fake: Sequence[Sequence[Tensor]]) -> Tensor:
    """Hinge loss of the codec: logits of reconstructed waveforms above 1."""
    return torch.stack([F.relu(1 - maps[-1]).mean() for maps in fake]).mean()


def feature_matching_loss(real: Sequence[Sequence[Tensor]], fake: Sequence[Sequence[Tensor]]) -> Tensor:
    """Mean absolute difference of the feature maps, logits left out."""
    terms = [
        (fake_map - real_map.detach()).abs().mean()
        for reals, fakes in zip(real, fake, strict=True)
        for real_map, fake_map in zip(reals[:-1], fakes[:-1], strict=True)
    ]
    return torch.stack(terms).mean()
