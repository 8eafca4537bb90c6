"""A transformer that predicts the masked tokens of a high-resolution clip (paper, §3.3).

It is conditioned on the low-resolution clip (lr) and on the caption. Codes are factorized: each factor has its own
embedding and its own head, 2 × 512 outputs in place of 262 144.

Shapes: B clips, T H W the high-resolution grid (hr), h w = H/2 W/2 the low-resolution one (lr), D width, S text
positions.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from components.nn.factorization import factor_sizes, split
from components.super_resolution.config import Grid, Windows
from components.super_resolution.layers import WindowBlock


@dataclass(frozen=True)
class Architecture:
    """All settings that determine the shapes of the weights."""

    bits: int
    """Bits of a visual code."""

    text_width: int
    """Width of a text vector."""

    grid: Grid
    """Token grid of the high-resolution clip."""

    windows: Windows
    """Windows of self-attention."""

    width: int
    """Width of the transformer."""

    heads: int
    """Attention heads."""

    feed_forward_width: int
    """Width of the feed-forward layers."""

    blocks: int
    """Blocks of three layers each."""

    subpixel_conditioning: bool
    """True if high-resolution tokens also start from the low-resolution ones around them."""

    def __post_init__(self) -> None:
        self.windows.check(self.grid)


class FactorEmbedding(nn.Module):
    """Sum of one vector for each factor of a code and of its position; one more value of each is the mask."""

    def __init__(self, bits: int, grid: Grid, width: int):
        super().__init__()
        self.sizes = factor_sizes(bits)
        self.factors = nn.ModuleList(nn.Embedding(size + 1, width) for size in self.sizes)
        self.axes = nn.ParameterList(nn.Parameter(0.02 * torch.randn(length, width)) for length in grid)

    def forward(self, codes_BTHW2: Tensor, masked_BTHW: Tensor) -> Tensor:
        """Embed codes; where `masked` is True, both factors are masked."""
        frames_TD, rows_HD, columns_WD = self.axes
        x_BTHWD: Tensor = frames_TD[:, None, None] + rows_HD[:, None] + columns_WD
        for factor, embedding in enumerate(self.factors):
            ids_BTHW = codes_BTHW2[..., factor].masked_fill(masked_BTHW, self.sizes[factor])
            x_BTHWD = x_BTHWD + embedding(ids_BTHW)
        return x_BTHWD


class SubPixelConvolution(nn.Module):
    """Sub-pixel convolution: four high-resolution vectors for each low-resolution one (Shi et al., 2016).

    Each depends on the low-resolution token and its neighbors in the frame, so that attention need not learn this map.
    """

    def __init__(self, width: int):
        super().__init__()
        self.conv = nn.Conv2d(width, 4 * width, 3, padding=1)

    def forward(self, lr_BThwD: Tensor) -> Tensor:
        B, T = lr_BThwD.shape[:2]
        lr_NDhw = lr_BThwD.flatten(0, 1).permute(0, 3, 1, 2)
        hr_NDHW = F.pixel_shuffle(self.conv(lr_NDhw), 2)
        hr_BTHWD: Tensor = hr_NDHW.permute(0, 2, 3, 1).unflatten(0, (B, T))
        return hr_BTHWD


class Model(nn.Module):
    """The transformer of one super-resolution stage."""

    def __init__(self, architecture: Architecture):
        super().__init__()
        self.architecture = a = architecture
        T, H, W = a.grid
        self.hr = FactorEmbedding(a.bits, a.grid, a.width)
        self.lr = FactorEmbedding(a.bits, (T, H // 2, W // 2), a.width)
        self.lr_norm = nn.RMSNorm(a.width, eps=1e-6)
        self.lr_to_hr = SubPixelConvolution(a.width) if a.subpixel_conditioning else None
        self.text = nn.Linear(a.text_width, a.width)
        self.no_text = nn.Parameter(torch.zeros(a.width))  # a key that is always there, also for empty text
        self.blocks = nn.ModuleList(
            WindowBlock(a.windows, a.grid, a.width, a.heads, a.feed_forward_width) for _ in range(a.blocks)
        )
        self.norm = nn.RMSNorm(a.width, eps=1e-6)
        self.heads = nn.ModuleList(nn.Linear(a.width, size) for size in factor_sizes(a.bits))
        self.apply(_initialize)

    def forward(
        self,
        hr_BTHW: Tensor,
        masked_BTHW: Tensor,
        lr_BThw: Tensor,
        lr_dropped_B: Tensor,
        text_BSD: Tensor,
        lengths_B: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """Return logits (B, T, H, W, values) for the low and the high factor of every high-resolution code.

        Codes at `masked` positions are not seen. A dropped low-resolution clip is masked as a whole; a length of 0 is
        no text.
        """
        bits = self.architecture.bits
        x_BTHWD = self.hr(split(hr_BTHW, bits), masked_BTHW)
        dropped_BThw = lr_dropped_B[:, None, None, None].expand_as(lr_BThw)
        lr_BThwD = self.lr_norm(self.lr(split(lr_BThw, bits), dropped_BThw))
        if self.lr_to_hr is not None:
            x_BTHWD = x_BTHWD + self.lr_to_hr(lr_BThwD)
        text_BSD, text_mask = self._text(text_BSD, lengths_B)
        for block in self.blocks:
            x_BTHWD = block(x_BTHWD, lr_BThwD, text_BSD, text_mask)
        x_BTHWD = self.norm(x_BTHWD)
        first, second = (head(x_BTHWD) for head in self.heads)
        return first, second

    def _text(self, text_BSD: Tensor, lengths_B: Tensor) -> tuple[Tensor, Tensor]:
        """Return text vectors after the vector for no text, and a mask (B, 1, 1, S + 1) without empty positions."""
        B, S, _ = text_BSD.shape
        filled_BS = torch.arange(S, device=text_BSD.device) < lengths_B[:, None]
        projected_BSD = self.text(text_BSD)
        seen_BSD = torch.cat((self.no_text.expand(B, 1, -1), projected_BSD), dim=1)
        return seen_BSD, F.pad(filled_BS, (1, 0), value=True)[:, None, None]


def _initialize(module: nn.Module) -> None:
    if isinstance(module, nn.Linear | nn.Embedding):
        nn.init.normal_(module.weight, std=0.02)
        if isinstance(module, nn.Linear) and module.bias is not None:
            nn.init.zeros_(module.bias)
