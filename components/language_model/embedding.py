"""Vectors for codes and for places.

Shapes: B sequences, N positions, D width, K sign bits, V codes.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from components.language_model.config import CodeVectors
from components.language_model.sequence import PLACES

STANDARD_DEVIATION = 0.02


def new_table(rows: int, width: int) -> nn.Parameter:
    """Learned vectors, small at first."""
    return nn.Parameter(torch.randn(rows, width) * STANDARD_DEVIATION)


class CodeTable(nn.Module):
    """One vector per visual code: learned freely, or the sum of its sign bits' vectors, or both added.

    Sums let codes that share bits share what is learned, which matters where the vocabulary is large for the data.
    """

    signs: Tensor

    def __init__(self, kind: CodeVectors, bits: int, width: int):
        super().__init__()
        self.table = new_table(1 << bits, width) if kind != "bits" else None
        self.bits = new_table(bits, width) if kind != "table" else None
        codes_V1 = torch.arange(1 << bits)[:, None]
        signs_VK = ((codes_V1 >> torch.arange(bits)) & 1).float() * 2 - 1
        self.register_buffer("signs", signs_VK if kind != "table" else torch.empty(0), persistent=False)

    def forward(self, codes_BN: Tensor) -> Tensor:
        """Look vectors up, (B, N, D)."""
        if self.bits is None:
            assert self.table is not None
            return F.embedding(codes_BN, self.table)
        sums_BND = F.embedding(codes_BN, self.signs) @ self.bits
        return sums_BND if self.table is None else sums_BND + F.embedding(codes_BN, self.table)

    def rows(self) -> Tensor:
        """All vectors, (V, D)."""
        if self.bits is None:
            assert self.table is not None
            return self.table
        rows_VD = self.signs @ self.bits
        return rows_VD if self.table is None else rows_VD + self.table


class Places(nn.Module):
    """Learned vectors for where a token stands in its grid and, at output positions, for where the next one will.

    The axes' vectors are added up, so a place never seen in training still has known coordinates.
    """

    def __init__(self, sizes: tuple[int, ...], width: int):
        super().__init__()
        assert len(sizes) == len(PLACES)
        self.here = nn.ParameterList(new_table(size, width) for size in sizes)
        self.next = nn.ParameterList(new_table(size, width) for size in sizes)

    def forward(self, places_NA: Tensor) -> Tensor:
        """Vectors (N, D) of a layout's places."""
        after_NA = F.pad(places_NA[1:], (0, 0, 0, 1))
        own = [F.embedding(places_NA[:, axis], table) for axis, table in enumerate(self.here)]
        coming = [F.embedding(after_NA[:, axis], table) for axis, table in enumerate(self.next)]
        return torch.stack(own + coming).sum(dim=0)
