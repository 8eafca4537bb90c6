"""The discriminators tell noise from tone after a few steps, and their losses push the right way."""

import math

import torch

from components.audio_tokenizer import discriminators as judges


def test_verdicts_fall_on_the_right_side_after_learning() -> None:
    torch.manual_seed(0)
    judge = judges.Discriminators(channels=1, window=128)
    descent = torch.optim.Adam(judge.parameters(), lr=0.01)
    real_BS = torch.sin(torch.arange(1024) * 0.1 + torch.rand(2, 1) * 2 * math.pi)
    made_BS = torch.rand(2, 1024) * 2 - 1
    first = judges.discriminator_loss(judge(real_BS), judge(made_BS)).item()
    for _ in range(15):
        descent.zero_grad()
        judges.discriminator_loss(judge(real_BS), judge(made_BS)).backward()
        descent.step()
    assert judges.discriminator_loss(judge(real_BS), judge(made_BS)).item() < 0.5 * first
    assert judges.adversarial_loss(judge(real_BS)) < judges.adversarial_loss(judge(made_BS))


def test_features_of_equal_sounds_match() -> None:
    torch.manual_seed(0)
    judge = judges.Discriminators(channels=2, window=128)
    real, other = judge(torch.rand(1, 512)), judge(torch.rand(1, 512))
    assert judges.feature_matching_loss(real, real) == 0
    assert judges.feature_matching_loss(real, other) > 0


def test_there_is_one_judge_of_the_spectrum_and_three_of_the_wave() -> None:
    judge = judges.Discriminators(channels=2, window=128)
    assert len(judge(torch.rand(1, 512))) == 1 + judges.SCALES


def test_hinge_losses_have_their_known_values() -> None:
    real, made = [[torch.tensor([2.0])]], [[torch.tensor([-3.0])]]
    assert judges.discriminator_loss(real, made) == 0
    assert judges.discriminator_loss(made, real) == 4 + 3
    assert judges.adversarial_loss(made) == 4
