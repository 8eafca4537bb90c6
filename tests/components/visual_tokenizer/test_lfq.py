import pytest
import torch
from torch import Tensor

from components.visual_tokenizer import lfq


def dense_entropies(z_NK: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    """The definition: a softmax over all 2^K codes."""
    bits = z_NK.shape[1]
    codes_MK = lfq.vectors(torch.arange(2**bits).view(1, 1, 1, -1), bits)[0, :, 0, 0].T.to(z_NK)
    p_NM = (2 * z_NK @ codes_MK.T / temperature).softmax(1)
    return torch.special.entr(p_NM).sum(1).mean(), torch.special.entr(p_NM.mean(0)).sum()


@pytest.mark.parametrize("bits", [2, 3, 7, 10])
@pytest.mark.parametrize("temperature", [0.1, 1.0, 5.0])
def test_the_factorised_entropies_are_those_of_the_whole_table(bits, temperature):
    z_NK = torch.randn(100, bits, dtype=torch.float64, generator=torch.Generator().manual_seed(bits))
    torch.testing.assert_close(lfq.entropies(z_NK, temperature), dense_entropies(z_NK, temperature))


def test_their_gradients_are_those_of_the_whole_table():
    z_NK = torch.randn(50, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).requires_grad_()
    for ours, dense in zip(lfq.entropies(z_NK, 1.0), dense_entropies(z_NK, 1.0), strict=True):
        torch.testing.assert_close(*(torch.autograd.grad(value, z_NK, retain_graph=True)[0] for value in (ours, dense)))


def test_two_processes_see_the_entropy_and_the_gradient_of_the_global_batch():
    z_NK = torch.randn(40, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).requires_grad_()
    whole = lfq.entropies(z_NK, 1.0)[1]
    means: list[Tensor] = []
    for half_NK in z_NK.detach().chunk(2):
        lfq.entropies(half_NK, 1.0, lambda mean: means.append(mean) or mean)
    mean_PQ = (means[0] + means[1]) / 2
    parts = [lfq.entropies(half_NK, 1.0, lambda _: mean_PQ)[1] for half_NK in z_NK.chunk(2)]
    for part in parts:
        torch.testing.assert_close(part, whole)
    averaged = torch.autograd.grad(sum(parts) / 2, z_NK, retain_graph=True)[0]  # as data-parallel training does
    torch.testing.assert_close(averaged, torch.autograd.grad(whole, z_NK)[0])


def test_ids_and_vectors_are_two_names_of_one_thing():
    ids_BTHW = torch.arange(2**9).view(2, 4, 8, 8)
    vectors_BCTHW = lfq.vectors(ids_BTHW, 9)
    assert vectors_BCTHW.shape == (2, 9, 4, 8, 8)
    assert set(vectors_BCTHW.unique().tolist()) == {-1.0, 1.0}
    assert torch.equal(lfq.ids(vectors_BCTHW), ids_BTHW)


def test_bit_k_of_an_id_is_the_sign_of_channel_k():
    z_BCTHW = torch.full((1, 18, 1, 1, 1), -1.0)
    z_BCTHW[0, [0, 17]] = 0.3
    assert lfq.ids(z_BCTHW).item() == 1 + 2**17


def test_the_gradient_passes_straight_through_the_signs():
    z_BCTHW = torch.tensor([0.2, -3.0]).view(1, 2, 1, 1, 1).requires_grad_()
    signs_BCTHW = lfq.signs(z_BCTHW)
    assert signs_BCTHW.flatten().tolist() == [1.0, -1.0]
    signs_BCTHW.sum().backward()
    assert z_BCTHW.grad is not None
    assert z_BCTHW.grad.flatten().tolist() == [1.0, 1.0]


def test_low_precision_ends_before_the_codes():
    z_BCTHW = torch.randn(1, 4, 1, 2, 2).bfloat16()
    assert {lfq.signs(z_BCTHW).dtype, lfq.commitment(z_BCTHW).dtype} == {torch.float32}
    assert lfq.entropies(z_BCTHW.movedim(1, -1).flatten(0, -2), 1.0)[1].dtype == torch.float32


def test_the_entropy_weight_falls_to_its_own_value():
    weights = [lfq.annealed(0.1, step, boost=3, boost_steps=10) for step in (0, 5, 10, 99)]
    assert weights == pytest.approx([0.4, 0.25, 0.1, 0.1])
    assert lfq.annealed(0.1, 0, boost=3, boost_steps=0) == 0.1
