"""Losses and training steps of the tokenizer: reconstruction, codes, and optional perceptual and adversarial terms.

Shapes: B clips, T frames, H height, W width, C channels; the discriminator and the perceptual network see the
reconstruction in float32.
"""

import copy
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Optimizer

from components.common.fit.optimizer import adamw, optimizer_step
from components.common.fit.strategy import Strategy
from components.media.tensors import to_unit
from components.nn import ema
from components.visual_tokenizer import adversarial, lfq
from components.visual_tokenizer.config import Config
from components.visual_tokenizer.data import Batches
from components.visual_tokenizer.discriminator import Discriminator
from components.visual_tokenizer.model import Model


class Training:
    """A tokenizer with its moving average, and its discriminator where the adversarial term has weight."""

    def __init__(self, config: Config, model: Model, batches: Batches, perceptual: nn.Module | None):
        self.config, self.batches, self.perceptual = config, batches, perceptual
        self.modules: dict[str, nn.Module] = {"model": model, "ema": copy.deepcopy(model).requires_grad_(False)}
        self.optimizers: dict[str, Optimizer] = {"model": adamw(model.parameters(), config.optimization, fused=True)}
        if config.losses.adversarial:
            discriminator = Discriminator(config.losses.discriminator_channels, config.losses.discriminator_multipliers)
            self.modules |= {"discriminator": discriminator, "lecam": adversarial.Lecam(config.losses.lecam_decay)}
            self.optimizers["discriminator"] = adamw(
                discriminator.parameters(), config.discriminator_optimization, fused=True
            )

    def batch(self, step: int, rank: int, world: int) -> Tensor:
        """Return the pixels of a step."""
        return self.batches.batch(step, rank, world)

    def step(self, strategy: Strategy, batch: Tensor, step: int) -> Mapping[str, Tensor]:
        """Learn from one batch: the tokenizer first, then the discriminator on the reconstruction."""
        config = self.config
        x_BCTHW = to_unit(batch.to(strategy.device))
        with torch.autocast(strategy.device.type, torch.bfloat16, enabled=config.precision == "bfloat16"):
            y_BCTHW, z_BCTHW = self.modules["model"](x_BCTHW)
        y_BCTHW = y_BCTHW.float()
        terms = self._terms(strategy, x_BCTHW, y_BCTHW, z_BCTHW, step)
        terms["gradient_norm"] = optimizer_step(
            strategy, self.modules["model"], self.optimizers["model"], terms["loss"], config.optimization, step
        )
        ema.update(self.modules["ema"], self.modules["model"], min(config.ema_decay, (1 + step) / (10 + step)))
        if config.losses.adversarial and step >= config.losses.discriminator_start_step:
            terms |= self._discriminator_step(strategy, x_BCTHW, y_BCTHW.detach(), step)
        return {name: value.detach() for name, value in terms.items()}

    def _terms(
        self, strategy: Strategy, x_BCTHW: Tensor, y_BCTHW: Tensor, z_BCTHW: Tensor, step: int
    ) -> dict[str, Tensor]:
        weights = self.config.losses
        z_NK = z_BCTHW.movedim(1, -1).flatten(0, -2)
        each, whole = lfq.entropies(z_NK, weights.entropy_temperature, strategy.mean)
        terms = {
            "reconstruction": F.mse_loss(y_BCTHW, x_BCTHW),
            "code_entropy": each,
            "codebook_entropy": whole,
            "commitment": lfq.commitment(z_BCTHW),
        }
        entropy = lfq.annealed(
            weights.entropy, step, boost=weights.entropy_boost, boost_steps=weights.entropy_boost_steps
        )
        loss = weights.reconstruction * terms["reconstruction"] + weights.commitment * terms["commitment"]
        loss = loss + entropy * (each - whole)
        if self.perceptual is not None:
            terms["perceptual"] = self.perceptual.to(y_BCTHW.device)(y_BCTHW, x_BCTHW)
            loss = loss + weights.perceptual * terms["perceptual"]
        if weights.adversarial and step >= weights.discriminator_start_step:
            terms["adversarial"] = adversarial.generator_loss(
                self.modules["discriminator"](y_BCTHW), weights.adversarial_kind
            )
            loss = loss + weights.adversarial * terms["adversarial"]
        return terms | {"loss": loss}

    def _discriminator_step(
        self, strategy: Strategy, real_BCTHW: Tensor, fake_BCTHW: Tensor, step: int
    ) -> dict[str, Tensor]:
        weights, discriminator = self.config.losses, self.modules["discriminator"]
        real_BCTHW = real_BCTHW.requires_grad_(weights.gradient_penalty > 0)
        real, fake = discriminator(real_BCTHW), discriminator(fake_BCTHW)
        loss = adversarial.discriminator_loss(real, fake, weights.adversarial_kind)
        terms = {"discriminator": loss}
        if weights.gradient_penalty:
            terms["gradient_penalty"] = adversarial.gradient_penalty(real, real_BCTHW)
            loss = loss + 0.5 * weights.gradient_penalty * terms["gradient_penalty"]
        if weights.lecam:
            terms["lecam"] = self.modules["lecam"](real, fake)
            loss = loss + weights.lecam * terms["lecam"]
        # the optimizer step drops the gradients that the generator's loss left in the discriminator
        optimizer = self.optimizers["discriminator"]
        optimizer_step(strategy, discriminator, optimizer, loss, self.config.discriminator_optimization, step)
        return terms
