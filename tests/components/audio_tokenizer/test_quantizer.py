"""Residual quantization: the codes and the last residual are the latent; codebooks follow what chooses them."""

from typing import Any

import pytest
import torch

from components.audio_tokenizer.config import Codebooks
from components.audio_tokenizer.quantizer import ResidualQuantizer, draw, nearest

SETTINGS = Codebooks(decay=0.5, kmeans_iterations=10, start_step=0, dead_share=0.1)


class Alone:
    """A world of one process."""

    def sum(self, value: torch.Tensor) -> torch.Tensor:
        return value

    def broadcast(self, value: Any) -> Any:
        return value


@pytest.fixture
def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


@pytest.fixture
def quantizer(generator: torch.Generator) -> ResidualQuantizer:
    quantizer = ResidualQuantizer(levels=3, codebook_size=8, width=4)
    quantizer.codebooks.copy_(torch.randn(3, 8, 4, generator=generator))
    quantizer.sums.copy_(quantizer.codebooks)
    return quantizer


def test_the_chosen_codes_and_the_last_residual_are_the_latent(quantizer: ResidualQuantizer) -> None:
    x_BFD = torch.randn(2, 5, 4)
    found = quantizer(x_BFD, torch.tensor([3, 3]))
    last_BFD = found.residuals[:, -1] - quantizer.codebooks[-1][found.codes[:, -1]]
    torch.testing.assert_close(quantizer.decode(found.codes) + last_BFD, x_BFD)
    torch.testing.assert_close(found.latent, quantizer.decode(found.codes))


def test_every_level_chooses_the_nearest_code_to_what_is_left(quantizer: ResidualQuantizer) -> None:
    found = quantizer(torch.randn(1, 6, 4), torch.tensor([3]))
    for level in range(3):
        distances_FK = torch.cdist(found.residuals[0, level], quantizer.codebooks[level])
        assert torch.equal(distances_FK.argmin(1), found.codes[0, level])


def test_dropped_levels_do_not_reach_the_latent(quantizer: ResidualQuantizer) -> None:
    x_BFD = torch.randn(3, 5, 4)
    found = quantizer(x_BFD, torch.tensor([1, 2, 3]))
    for sound, levels in enumerate((1, 2, 3)):
        coarse_FD = quantizer.decode(found.codes[sound : sound + 1, :levels])[0]
        torch.testing.assert_close(found.latent[sound], coarse_FD)


def test_gradients_pass_straight_through(quantizer: ResidualQuantizer) -> None:
    x_BFD = torch.randn(1, 5, 4, requires_grad=True)
    quantizer(x_BFD, torch.tensor([3])).latent.sum().backward()
    assert x_BFD.grad is not None
    torch.testing.assert_close(x_BFD.grad, torch.ones_like(x_BFD))


def test_kmeans_finds_clusters_and_leaves_little_to_later_levels(
    quantizer: ResidualQuantizer, generator: torch.Generator
) -> None:
    centers_KD = torch.randn(8, 4, generator=generator) * 5
    x_ND = centers_KD.repeat(20, 1) + 0.01 * torch.randn(160, 4, generator=generator)
    quantizer.init_kmeans(x_ND, SETTINGS, generator, Alone())
    found = quantizer(x_ND[None], torch.tensor([3]))
    assert (found.latent - x_ND).square().mean() < 0.05 * x_ND.square().mean()


def test_codes_move_toward_what_chooses_them(quantizer: ResidualQuantizer, generator: torch.Generator) -> None:
    x_BFD = torch.randn(4, 50, 4, generator=generator)
    levels_B = torch.full((4,), 3)
    before = quantizer(x_BFD, levels_B).commitment
    for _ in range(10):
        quantizer.update_codebooks(quantizer(x_BFD, levels_B), levels_B, SETTINGS, generator, Alone())
    assert quantizer(x_BFD, levels_B).commitment < 0.7 * before


def test_a_code_that_nothing_chooses_is_replaced(quantizer: ResidualQuantizer, generator: torch.Generator) -> None:
    quantizer.codebooks[0, 0] = 1000.0
    x_BFD = torch.randn(4, 50, 4, generator=generator)
    levels_B = torch.full((4,), 3)
    for _ in range(5):
        quantizer.update_codebooks(quantizer(x_BFD, levels_B), levels_B, SETTINGS, generator, Alone())
    assert quantizer.codebooks[0, 0].abs().max() < 10


def test_learning_takes_its_chance_from_the_generator_alone(quantizer: ResidualQuantizer) -> None:
    x_BFD, levels_B = torch.randn(2, 9, 4), torch.tensor([1, 3])
    state = {name: value.clone() for name, value in quantizer.state_dict().items()}
    after = []
    for seed in (5, 5):
        quantizer.load_state_dict(state)
        torch.rand(seed)  # disturbs the global generator
        for _ in range(3):
            draws = torch.Generator().manual_seed(seed)
            quantizer.update_codebooks(quantizer(x_BFD, levels_B), levels_B, SETTINGS, draws, Alone())
        after.append(quantizer.codebooks.clone())
    assert torch.equal(*after)


def test_a_level_that_no_sound_uses_keeps_its_codes(quantizer: ResidualQuantizer, generator: torch.Generator) -> None:
    x_BFD, levels_B = torch.randn(2, 9, 4), torch.tensor([1, 1])
    before = quantizer.codebooks.clone()
    quantizer.update_codebooks(quantizer(x_BFD, levels_B), levels_B, SETTINGS, generator, Alone())
    assert torch.equal(before[1:], quantizer.codebooks[1:])
    assert not torch.equal(before[0], quantizer.codebooks[0])


def test_more_codes_than_vectors_are_drawn_with_repeats(generator: torch.Generator) -> None:
    x_ND = torch.arange(3.0)[:, None]
    assert draw(x_ND, 7, generator).unique().tolist() == [0, 1, 2]
    assert nearest(torch.tensor([[0.9]]), x_ND).tolist() == [1]
