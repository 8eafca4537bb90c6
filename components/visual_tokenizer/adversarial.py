"""Losses of tokenizer and discriminator against each other: on logits, R1 penalty, LeCAM regularization.

Shapes: B clips; logits are (B,).
"""

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Kind = Literal["non_saturating", "hinge"]


def generator_loss(fake_B: Tensor, kind: Kind) -> Tensor:
    """Return the tokenizer's loss, small if reconstructions pass for real."""
    return F.softplus(-fake_B).mean() if kind == "non_saturating" else -fake_B.mean()


def discriminator_loss(real_B: Tensor, fake_B: Tensor, kind: Kind) -> Tensor:
    """Return the discriminator's loss, small if it tells real clips from reconstructions."""
    if kind == "non_saturating":
        return (F.softplus(-real_B) + F.softplus(fake_B)).mean()
    return (F.relu(1 - real_B) + F.relu(1 + fake_B)).mean()


def gradient_penalty(real_B: Tensor, x_BCTHW: Tensor) -> Tensor:
    """R1: mean squared norm of the logits' gradient at true clips, which must require gradients."""
    (gradient,) = torch.autograd.grad(real_B.sum(), x_BCTHW, create_graph=True)
    return gradient.square().flatten(1).sum(1).mean()


class Lecam(nn.Module):
    """E[relu(D(x) − fake average)²] + E[relu(real average − D(x̂))²], with moving averages."""

    def __init__(self, decay: float):
        super().__init__()
        self.decay = decay
        self.real: Tensor
        self.fake: Tensor
        self.register_buffer("real", torch.zeros(()))
        self.register_buffer("fake", torch.zeros(()))

    def forward(self, real_B: Tensor, fake_B: Tensor) -> Tensor:
        """Regularize toward the averages so far, then update them."""
        loss = F.relu(real_B - self.fake).square().mean() + F.relu(self.real - fake_B).square().mean()
        self.real.lerp_(real_B.detach().mean(), 1 - self.decay)
        self.fake.lerp_(fake_B.detach().mean(), 1 - self.decay)
        return loss
