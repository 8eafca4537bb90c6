"""A code of many bits as two halves: two small alphabets in place of a large one (paper, §A.3: 2 × 512 for 2^18)."""

import torch
from torch import Tensor


def half_sizes(bits: int) -> tuple[int, int]:
    """Values of the low and the high half of a code of `bits` bits (paper, §3.1 and §A.3: 18 bits, 512 each)."""
    return 1 << bits // 2, 1 << (bits - bits // 2)


def split(codes: Tensor, bits: int) -> Tensor:
    """Codes -> their two halves along a new last axis, low bits first."""
    size = half_sizes(bits)[0]
    return torch.stack((codes % size, codes // size), dim=-1)


def join(halves: Tensor, bits: int) -> Tensor:
    """Inverse of `split`."""
    return halves[..., 0] + halves[..., 1] * half_sizes(bits)[0]
