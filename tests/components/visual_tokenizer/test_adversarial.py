import pytest
import torch

from components.visual_tokenizer import adversarial
from components.visual_tokenizer.discriminator import BlurPool, Discriminator

KINDS = ("non_saturating", "hinge")


@pytest.mark.parametrize("kind", KINDS)
def test_each_side_gains_by_what_the_other_loses(kind):
    sure, unsure = torch.full((4,), 3.0), torch.full((4,), -3.0)
    assert adversarial.generator_loss(sure, kind) < adversarial.generator_loss(unsure, kind)
    right = adversarial.discriminator_loss(sure, unsure, kind)
    assert right < adversarial.discriminator_loss(torch.zeros(4), torch.zeros(4), kind)
    assert right < adversarial.discriminator_loss(unsure, sure, kind)


def test_the_gradient_penalty_of_a_linear_judge_is_its_squared_slope():
    x = torch.randn(3, 3, 1, 2, 2).requires_grad_()
    slope = torch.randn(3, 1, 2, 2)
    penalty = adversarial.gradient_penalty((x * slope).sum((1, 2, 3, 4)), x)
    torch.testing.assert_close(penalty, slope.square().sum())


def test_lecam_holds_logits_toward_the_averages_of_the_other_kind():
    lecam = adversarial.Lecam(decay=0.5)
    real, fake = torch.tensor([2.0, 4.0]), torch.tensor([-1.0, -3.0])
    torch.testing.assert_close(lecam(real, fake), torch.tensor((4.0 + 16.0) / 2 + (1.0 + 9.0) / 2))
    torch.testing.assert_close(torch.stack([lecam.real, lecam.fake]), torch.tensor([1.5, -1.0]))


@pytest.mark.parametrize("shape", [(1, 16, 16), (5, 16, 24), (17, 32, 32)])
def test_one_discriminator_judges_every_format(shape):
    logits = Discriminator(4, (2, 2))(torch.randn(2, 3, *shape))
    assert logits.shape == (2,)


def test_blur_pool_halves_what_can_be_halved_and_keeps_a_plain_field():
    pooled = BlurPool()(torch.full((1, 2, 17, 8, 8), 0.7))
    assert pooled.shape == (1, 2, 9, 4, 4)
    torch.testing.assert_close(pooled, torch.full_like(pooled, 0.7))
    assert BlurPool()(torch.ones(1, 2, 1, 8, 8)).shape == (1, 2, 1, 4, 4)


def test_blur_pool_removes_the_finest_checkerboard():
    rows, columns = torch.meshgrid(torch.arange(8), torch.arange(8), indexing="ij")
    board = ((rows + columns) % 2 * 2.0 - 1).view(1, 1, 1, 8, 8)
    assert BlurPool()(board)[..., 1:-1, 1:-1].abs().max() < 1e-6


def test_a_discriminator_learns_to_tell_noise_from_plain_clips():
    torch.manual_seed(0)
    judge = Discriminator(4, (2, 2))
    descent = torch.optim.AdamW(judge.parameters(), lr=0.002)
    for _ in range(60):
        real, fake = torch.randn(4, 1, 1, 1, 1).expand(4, 3, 5, 8, 8), torch.randn(4, 3, 5, 8, 8)
        loss = adversarial.discriminator_loss(judge(real), judge(fake), "non_saturating")
        descent.zero_grad()
        loss.backward()
        descent.step()
    assert loss < 0.9  # knowing nothing: 2 ln 2 = 1.39
