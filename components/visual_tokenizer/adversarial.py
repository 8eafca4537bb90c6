"""The game between tokenizer and discriminator: losses on logits, R1 penalty, LeCAM regularisation.

Shapes: B clips; logits are (B,).
"""

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Kind = Literal["non_saturating", "hinge"]


def generator_loss(fake_B: Tensor, kind: Kind) -> Tensor:
    """What the tokenizer minimises: to be taken for real."""
    return F.softplus(-fake_B).mean() if kind == "non_saturating" else -fake_B.mean()


def discriminator_loss(real_B: Tensor, fake_B: Tensor, kind: Kind) -> Tensor:
    """What the discriminator minimises: to tell them apart."""
    if kind == "non_saturating":
        return (F.softplus(-real_B) + F.softplus(fake_B)).mean()
    return (F.relu(1 - real_B) + F.relu(1 + fake_B)).mean()


def gradient_penalty(real_B: Tensor, x_BCTHW: Tensor) -> Tensor:
    """R1: mean squared norm of the logits' gradient at true clips, which must require gradients."""
    (gradient,) = torch.autograd.grad(real_B.sum(), x_BCTHW, create_graph=True)
    return gradient.square().flatten(1).sum(1).mean()


class Lecam(nn.Module):
    """E[relu(D(x) − fake average)²] + E[relu(real average − D(x̂))²], the averages moving with the training."""

    def __init__(self, decay: float):
        super().__init__()
        self.decay = decay
        self.real: Tensor
        self.fake: Tensor
        self.register_buffer("real", torch.zeros(()))
        self.register_buffer("fake", torch.zeros(()))

    def forward(self, real_B: Tensor, fake_B: Tensor) -> Tensor:
        """Regularise towards the averages so far, then move them."""
        loss = F.relu(real_B - self.fake).square().mean() + F.relu(self.real - fake_B).square().mean()
        self.real.lerp_(real_B.detach().mean(), 1 - self.decay)
        self.fake.lerp_(fake_B.detach().mean(), 1 - self.decay)
        return loss
