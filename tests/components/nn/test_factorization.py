import pytest
import torch

from components.nn.factorization import factor_sizes, join, split


@pytest.mark.parametrize("bits", [9, 12, 13, 18])
def test_a_code_is_its_two_halves(bits: int):
    codes = torch.arange(1 << min(bits, 14)) * (1 << max(0, bits - 14))
    halves = split(codes, bits)
    assert torch.equal(join(halves, bits), codes)
    assert all(halves[:, half].max() < size for half, size in enumerate(factor_sizes(bits)))


def test_18_bits_are_two_halves_of_512():
    assert factor_sizes(18) == (512, 512)
