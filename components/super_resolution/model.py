"""A transformer that fills in the tokens of a large clip, seeing its small version and its caption (paper, §3.3).

Codes come in two halves, each with its own embedding and its own head: 2 × 512 outputs in place of 262 144.

Shapes: B clips, T H W the large grid, h w = H/2 W/2 the small one, D width, S text positions.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from components.nn.factorization import factor_sizes, split
from components.super_resolution.config import Grid, Windows
from components.super_resolution.layers import Block


@dataclass(frozen=True)
class Architecture:
    """Everything that fixes the weights' shapes."""

    bits: int  # of a code
    text_width: int
    grid: Grid  # of the large clip
    windows: Windows
    width: int
    heads: int
    hidden: int
    blocks: int
    low_added: bool  # whether large tokens also start from the small ones around them

    def __post_init__(self) -> None:
        self.windows.check(self.grid)


class HalfEmbedding(nn.Module):
    """The sum of one vector for each half of a code, plus one for where it stands; one more value means hidden."""

    def __init__(self, bits: int, grid: Grid, width: int):
        super().__init__()
        self.sizes = factor_sizes(bits)
        self.halves = nn.ModuleList(nn.Embedding(size + 1, width) for size in self.sizes)
        self.axes = nn.ParameterList(nn.Parameter(0.02 * torch.randn(length, width)) for length in grid)

    def forward(self, codes_BTHW2: Tensor, hidden_BTHW: Tensor) -> Tensor:
        """Embed codes; where `hidden` is True both halves are hidden together."""
        frames_TD, rows_HD, columns_WD = self.axes
        x_BTHWD: Tensor = frames_TD[:, None, None] + rows_HD[:, None] + columns_WD
        for half, embedding in enumerate(self.halves):
            ids_BTHW = codes_BTHW2[..., half].masked_fill(hidden_BTHW, self.sizes[half])
            x_BTHWD = x_BTHWD + embedding(ids_BTHW)
        return x_BTHWD


class SubPixel(nn.Module):
    """Four large vectors for each small one, from it and its neighbours in the frame, by place (Shi et al., 2016).

    What a small token means for each of the four above it need not be found out by attention first.
    """

    def __init__(self, width: int):
        super().__init__()
        self.conv = nn.Conv2d(width, 4 * width, 3, padding=1)

    def forward(self, low_BThwD: Tensor) -> Tensor:
        B, T = low_BThwD.shape[:2]
        low_NDhw = low_BThwD.flatten(0, 1).permute(0, 3, 1, 2)
        high_NDHW = F.pixel_shuffle(self.conv(low_NDhw), 2)
        high_BTHWD: Tensor = high_NDHW.permute(0, 2, 3, 1).unflatten(0, (B, T))
        return high_BTHWD


class Model(nn.Module):
    """The whole transformer."""

    def __init__(self, architecture: Architecture):
        super().__init__()
        self.architecture = a = architecture
        T, H, W = a.grid
        self.high = HalfEmbedding(a.bits, a.grid, a.width)
        self.low = HalfEmbedding(a.bits, (T, H // 2, W // 2), a.width)
        self.low_norm = nn.RMSNorm(a.width, eps=1e-6)
        self.low_to_high = SubPixel(a.width) if a.low_added else None
        self.text = nn.Linear(a.text_width, a.width)
        self.no_text = nn.Parameter(torch.zeros(a.width))  # always there to look at, so that no text is a case too
        self.blocks = nn.ModuleList(Block(a.windows, a.grid, a.width, a.heads, a.hidden) for _ in range(a.blocks))
        self.norm = nn.RMSNorm(a.width, eps=1e-6)
        self.heads = nn.ModuleList(nn.Linear(a.width, size) for size in factor_sizes(a.bits))
        self.apply(_initialise)

    def forward(
        self,
        high_BTHW: Tensor,
        hidden_BTHW: Tensor,
        low_BThw: Tensor,
        low_dropped_B: Tensor,
        text_BSD: Tensor,
        lengths_B: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """Return logits (B, T, H, W, values) for the low and the high half of every code of the large clip.

        Codes at `hidden` positions are not seen. A dropped small clip is hidden as a whole; a length of 0 is no text.
        """
        bits = self.architecture.bits
        x_BTHWD = self.high(split(high_BTHW, bits), hidden_BTHW)
        dropped_BThw = low_dropped_B[:, None, None, None].expand_as(low_BThw)
        low_BThwD = self.low_norm(self.low(split(low_BThw, bits), dropped_BThw))
        if self.low_to_high is not None:
            x_BTHWD = x_BTHWD + self.low_to_high(low_BThwD)
        text_BSD, text_mask = self._text(text_BSD, lengths_B)
        for block in self.blocks:
            x_BTHWD = block(x_BTHWD, low_BThwD, text_BSD, text_mask)
        x_BTHWD = self.norm(x_BTHWD)
        first, second = (head(x_BTHWD) for head in self.heads)
        return first, second

    def _text(self, text_BSD: Tensor, lengths_B: Tensor) -> tuple[Tensor, Tensor]:
        """Project captions behind the vector that stands for none; the mask (B, 1, 1, S + 1) hides empty positions."""
        B, S, _ = text_BSD.shape
        filled_BS = torch.arange(S, device=text_BSD.device) < lengths_B[:, None]
        projected_BSD = self.text(text_BSD)
        seen_BSD = torch.cat((self.no_text.expand(B, 1, -1), projected_BSD), dim=1)
        return seen_BSD, F.pad(filled_BS, (1, 0), value=True)[:, None, None]


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Linear | nn.Embedding):
        nn.init.normal_(module.weight, std=0.02)
        if isinstance(module, nn.Linear) and module.bias is not None:
            nn.init.zeros_(module.bias)
