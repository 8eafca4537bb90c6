"""Attention in local windows of a high-resolution token grid and of its low-resolution version (paper, §3.3).

The three layers of a block attend in vertical, horizontal and temporal windows of the high-resolution grid (hr), and by
cross-attention to the windows of the low-resolution grid (lr) that cover the same part of the image. So cost grows with
the number of tokens, not with its square. Within windows, positions are rotated by frame, row and column of the
high-resolution grid; low-resolution tokens stand at the center of the four that they cover.

Shapes: B clips, T H W the high-resolution grid, h w = H/2 W/2 the low-resolution one, D width, S text positions, K
width of a head, n windows, m positions in one.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from components.nn.transformer import FeedForward, rotary_table, rotate
from components.super_resolution import ops
from components.super_resolution.config import Grid, Windows

Table = tuple[Tensor, Tensor]


class NormalizedAttention(nn.Module):
    """Attention of one set of positions to another; queries and keys are normalized per head, then rotated."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width, bias=False)
        self.key_value = nn.Linear(width, 2 * width, bias=False)
        self.query_norm = nn.RMSNorm(width // heads, eps=1e-6)
        self.key_norm = nn.RMSNorm(width // heads, eps=1e-6)
        self.out = nn.Linear(width, width, bias=False)

    def forward(
        self, x_BND: Tensor, context_BMD: Tensor, tables: tuple[Table, Table] | None = None, mask: Tensor | None = None
    ) -> Tensor:
        """Attend from `x` to `context`; `tables` rotate queries and keys, `mask` is True where attention is allowed."""
        query = self.query_norm(self.query(x_BND).unflatten(-1, (self.heads, -1)).transpose(1, 2))
        key, value = self.key_value(context_BMD).unflatten(-1, (2, self.heads, -1)).permute(2, 0, 3, 1, 4)
        key = self.key_norm(key)
        if tables is not None:
            query, key = rotate(query, tables[0]), rotate(key, tables[1])
        y_BHNK = F.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        y_BND: Tensor = self.out(y_BHNK.transpose(1, 2).flatten(2))
        return y_BND


class WindowLayer(nn.Module):
    """Self-attention in windows, cross-attention to the same windows of the low-resolution clip, feed-forward."""

    def __init__(self, window: Grid, grid: Grid, width: int, heads: int, feed_forward_width: int):
        super().__init__()
        self.window, self.grid = window, grid
        self.lr_window = (window[0], window[1] // 2, window[2] // 2)
        self.self_norm, self.lr_norm, self.feed_norm = (nn.RMSNorm(width, eps=1e-6) for _ in range(3))
        self.self_attention = NormalizedAttention(width, heads)
        self.lr_attention = NormalizedAttention(width, heads)
        self.feed_forward = FeedForward(width, feed_forward_width)
        cos, sin = axial_table(window, 1, width // heads)
        lr_cos, lr_sin = axial_table(self.lr_window, 2, width // heads)
        for name, values in (("cos", cos), ("sin", sin), ("lr_cos", lr_cos), ("lr_sin", lr_sin)):
            self.register_buffer(name, values, persistent=False)

    def forward(self, x_BTHWD: Tensor, lr_BThwD: Tensor) -> Tensor:
        hr_table, lr_table = (self.cos, self.sin), (self.lr_cos, self.lr_sin)
        x_nmD = ops.partition(x_BTHWD, self.window)
        lr_nmD = ops.partition(lr_BThwD, self.lr_window)
        y_nmD = self.self_norm(x_nmD)
        x_nmD = x_nmD + self.self_attention(y_nmD, y_nmD, (hr_table, hr_table))
        x_nmD = x_nmD + self.lr_attention(self.lr_norm(x_nmD), lr_nmD, (hr_table, lr_table))
        x_nmD = x_nmD + self.feed_forward(self.feed_norm(x_nmD))
        return ops.merge(x_nmD, self.window, self.grid)


class WindowBlock(nn.Module):
    """Cross-attention to the caption, then a layer for each of the three windows."""

    def __init__(self, windows: Windows, grid: Grid, width: int, heads: int, feed_forward_width: int):
        super().__init__()
        self.text_norm = nn.RMSNorm(width, eps=1e-6)
        self.text_attention = NormalizedAttention(width, heads)
        self.layers = nn.ModuleList(
            WindowLayer(window, grid, width, heads, feed_forward_width) for _, window in windows.named()
        )

    def forward(self, x_BTHWD: Tensor, lr_BThwD: Tensor, text_BSD: Tensor, text_mask: Tensor) -> Tensor:
        x_BND = x_BTHWD.flatten(1, 3)
        x_BND = x_BND + self.text_attention(self.text_norm(x_BND), text_BSD, mask=text_mask)
        x_BTHWD = x_BND.view_as(x_BTHWD)
        for layer in self.layers:
            x_BTHWD = layer(x_BTHWD, lr_BThwD)
        return x_BTHWD


def axial_table(window: Grid, stride: int, head_width: int) -> Table:
    """Rotary table of a window's positions: a quarter of the channels by frame, the rest by row and by column.

    Rows and columns count in units of the high-resolution grid: a low-resolution grid (`stride` 2) has its tokens at
    0.5, 2.5, 4.5, …
    """
    axes = [torch.arange(window[0], dtype=torch.float32)]
    axes += [torch.arange(length, dtype=torch.float32) * stride + (stride - 1) / 2 for length in window[1:]]
    positions = torch.meshgrid(*axes, indexing="ij")
    quarter = head_width // 4
    widths = (quarter, 3 * head_width // 8, 3 * head_width // 8)
    tables = [rotary_table(p.flatten(), width) for p, width in zip(positions, widths, strict=True)]
    cos, sin = (torch.cat([table[part].chunk(2, dim=1)[0] for table in tables], dim=1) for part in (0, 1))
    return cos.repeat(1, 2), sin.repeat(1, 2)
