"""The discriminators tell noise from tone after a few steps, and their losses push the right way."""

import math

import torch

from components.audio_tokenizer import discriminators


def test_logits_have_the_right_sign_after_learning() -> None:
    torch.manual_seed(0)
    network = discriminators.Discriminators(channels=1, window=128)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    real_BS = torch.sin(torch.arange(1024) * 0.1 + torch.rand(2, 1) * 2 * math.pi)
    fake_BS = torch.rand(2, 1024) * 2 - 1
    first = discriminators.discriminator_loss(network(real_BS), network(fake_BS)).item()
    for _ in range(15):
        optimizer.zero_grad()
        discriminators.discriminator_loss(network(real_BS), network(fake_BS)).backward()
        optimizer.step()
    assert discriminators.discriminator_loss(network(real_BS), network(fake_BS)).item() < 0.5 * first
    assert discriminators.adversarial_loss(network(real_BS)) < discriminators.adversarial_loss(network(fake_BS))


def test_features_of_equal_sounds_match() -> None:
    torch.manual_seed(0)
    network = discriminators.Discriminators(channels=2, window=128)
    real, other = network(torch.rand(1, 512)), network(torch.rand(1, 512))
    assert discriminators.feature_matching_loss(real, real) == 0
    assert discriminators.feature_matching_loss(real, other) > 0


def test_there_is_one_discriminator_of_the_spectrum_and_three_of_the_wave() -> None:
    network = discriminators.Discriminators(channels=2, window=128)
    assert len(network(torch.rand(1, 512))) == 1 + discriminators.SCALES


def test_hinge_losses_have_their_known_values() -> None:
    real, fake = [[torch.tensor([2.0])]], [[torch.tensor([-3.0])]]
    assert discriminators.discriminator_loss(real, fake) == 0
    assert discriminators.discriminator_loss(fake, real) == 4 + 3
    assert discriminators.adversarial_loss(fake) == 4
