"""Embeddings of codes and of positions.

Shapes: B sequences, N positions, D width, K sign bits, V codes.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from components.language_model.config import CodeVectors
from components.language_model.sequence import AXES

STANDARD_DEVIATION = 0.02


def new_table(rows: int, width: int) -> nn.Parameter:
    """Return a table of learned vectors, initialized small."""
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
        """Return the vectors of codes, (B, N, D)."""
        if self.bits is None:
            assert self.table is not None
            return F.embedding(codes_BN, self.table)
        sums_BND = F.embedding(codes_BN, self.signs) @ self.bits
        return sums_BND if self.table is None else sums_BND + F.embedding(codes_BN, self.table)

    def rows(self) -> Tensor:
        """Return all vectors, (V, D)."""
        if self.bits is None:
            assert self.table is not None
            return self.table
        rows_VD = self.signs @ self.bits
        return rows_VD if self.table is None else rows_VD + self.table


class PositionEmbedding(nn.Module):
    """Learned vectors for the coordinates of a token in its grid, and for those of the token that comes next.

    The vectors of all axes are added up, so a combination never seen in training still has known coordinates.
    """

    def __init__(self, sizes: tuple[int, ...], width: int):
        super().__init__()
        assert len(sizes) == len(AXES)
        self.current = nn.ParameterList(new_table(size, width) for size in sizes)
        self.next = nn.ParameterList(new_table(size, width) for size in sizes)

    def forward(self, positions_NA: Tensor) -> Tensor:
        """Return vectors (N, D) of the positions of a layout."""
        next_NA = F.pad(positions_NA[1:], (0, 0, 0, 1))
        current = [F.embedding(positions_NA[:, axis], table) for axis, table in enumerate(self.current)]
        following = [F.embedding(next_NA[:, axis], table) for axis, table in enumerate(self.next)]
        return torch.stack(current + following).sum(dim=0)
