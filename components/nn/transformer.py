"""Transformer parts that several models share.

A rotation depends on positions alone, so tokens keep theirs when others are appended: decoding with a cache equals the
whole forward pass.

Shapes: B sequences, N positions (M cached ones), A axes of a position, D width, H heads, K width of a head.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def rotary_table(positions_N: Tensor, head_width: int, base: float = 10_000.0) -> tuple[Tensor, Tensor]:
    """Return cosines and sines (N, K) that rotate each pair of channels by an angle proportional to the position."""
    half = head_width // 2
    rates = base ** (-torch.arange(half, dtype=torch.float32, device=positions_N.device) / half)
    angles_NK = (positions_N.float()[:, None] * rates).repeat(1, 2)
    return angles_NK.cos(), angles_NK.sin()


def rotary_axes(positions_NA: Tensor, head_width: int, bases: Sequence[float]) -> tuple[Tensor, Tensor]:
    """Return cosines and sines (N, K) for positions along several axes: each axis rotates its share of the channels.

    The first axis gets the remainder of an even division. Positions need not be whole numbers.
    """
    half, axes = head_width // 2, len(bases)
    pairs = [half // axes + (half % axes if axis == 0 else 0) for axis in range(axes)]
    angles = []
    for axis, (base, count) in enumerate(zip(bases, pairs, strict=True)):
        rates = base ** (-torch.arange(count, dtype=torch.float32, device=positions_NA.device) / max(1, count))
        angles.append(positions_NA[:, axis, None].float() * rates)
    angles_NK = torch.cat(angles, dim=1).repeat(1, 2)
    return angles_NK.cos(), angles_NK.sin()


def rotate(x_BHNK: Tensor, table: tuple[Tensor, Tensor]) -> Tensor:
    """Rotate queries or keys by their positions; scores then depend on distances only."""
    cos_NK, sin_NK = (part.to(x_BHNK.dtype) for part in table)
    first, second = x_BHNK.chunk(2, dim=-1)
    return x_BHNK * cos_NK + torch.cat((-second, first), dim=-1) * sin_NK


class FeedForward(nn.Module):
    """SwiGLU: a gated layer of `feed_forward_width` channels, back to `width`."""

    def __init__(self, width: int, feed_forward_width: int):
        super().__init__()
        self.gate_up = nn.Linear(width, 2 * feed_forward_width, bias=False)
        self.down = nn.Linear(feed_forward_width, width, bias=False)

    def forward(self, x_BND: Tensor) -> Tensor:
        gate, up = self.gate_up(x_BND).chunk(2, dim=-1)
        y_BND: Tensor = self.down(F.silu(gate) * up)
        return y_BND


@dataclass
class KeyValueCache:
    """Keys and values of the positions seen so far, in memory allocated once for `M` of them."""

    keys: Tensor  # B, H, M, K
    values: Tensor  # B, H, M, K
    length: int = 0

    def append(self, keys_BHNK: Tensor, values_BHNK: Tensor) -> tuple[Tensor, Tensor]:
        """Add N positions and return views of all that are filled."""
        start, self.length = self.length, self.length + keys_BHNK.shape[2]
        self.keys[:, :, start : self.length] = keys_BHNK
        self.values[:, :, start : self.length] = values_BHNK
        return self.keys[:, :, : self.length], self.values[:, :, : self.length]


class SelfAttention(nn.Module):
    """Attention over one set of positions; queries and keys are normalized per head before they are rotated."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        if width % (2 * heads):
            raise ValueError(f"width must be a multiple of 2 × heads ({2 * heads}), got {width}")
        self.heads = heads
        self.head_width = width // heads
        self.query_key_value = nn.Linear(width, 3 * width, bias=False)
        self.query_norm = nn.RMSNorm(self.head_width, eps=1e-6)
        self.key_norm = nn.RMSNorm(self.head_width, eps=1e-6)
        self.out = nn.Linear(width, width, bias=False)

    def forward(
        self,
        x_BND: Tensor,
        *,
        table: tuple[Tensor, Tensor] | None = None,
        key_table: tuple[Tensor, Tensor] | None = None,
        mask: Tensor | None = None,
        cache: KeyValueCache | None = None,
    ) -> Tensor:
        """Attend; `mask` (broadcast to B, H, N, M) is True where attention is allowed.

        `table` rotates queries and keys; with `key_table` the keys are rotated by that one, so that
        queries and keys may have different positions.
        """
        B, N, _ = x_BND.shape
        parts = self.query_key_value(x_BND).view(B, N, 3, self.heads, self.head_width).permute(2, 0, 3, 1, 4)
        query, key, value = self.query_norm(parts[0]), self.key_norm(parts[1]), parts[2]
        if table is not None:
            query, key = rotate(query, table), rotate(key, table if key_table is None else key_table)
        if cache is not None:
            key, value = cache.append(key, value)
        y_BHNK = F.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        y_BND: Tensor = self.out(y_BHNK.transpose(1, 2).reshape(B, N, -1))
        return y_BND
