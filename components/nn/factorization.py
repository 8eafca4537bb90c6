"""Token factorization: a code of many bits as two factors of half the bits each (paper, §A.3: 2 × 512 for 2^18)."""

import torch
from torch import Tensor


def factor_sizes(bits: int) -> tuple[int, int]:
    """Return the vocabulary sizes of the low and the high factor of a code of `bits` bits (18 bits: 512 each)."""
    return 1 << bits // 2, 1 << (bits - bits // 2)


def split(codes: Tensor, bits: int) -> Tensor:
    """Return the two factors of codes along a new last axis, low bits first."""
    size = factor_sizes(bits)[0]
    return torch.stack((codes % size, codes // size), dim=-1)


def join(factors: Tensor, bits: int) -> Tensor:
    """Return codes from their factors: the inverse of `split`."""
    return factors[..., 0] + factors[..., 1] * factor_sizes(bits)[0]
