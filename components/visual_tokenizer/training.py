"""How the tokenizer learns: reconstruction, codes, and where they have weight, perception and adversary.

Shapes: B clips, T frames, H height, W width, C channels; the discriminator and the perceptual network see the
reconstruction in float32.
"""

import copy
from collections.abc import Mapping
from typing import cast

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Optimizer

from components.media.tensors import to_unit
from components.nn import ema
from components.nn.schedules import set_learning_rate, warmup_cosine
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
        self.optimizers: dict[str, Optimizer] = {"model": self._optimizer(model, config.learning_rate)}
        if config.losses.adversarial:
            discriminator = Discriminator(config.losses.discriminator_channels, config.losses.discriminator_multipliers)
            self.modules |= {"discriminator": discriminator, "lecam": adversarial.Lecam(config.losses.lecam_decay)}
            self.optimizers["discriminator"] = self._optimizer(discriminator, config.discriminator_learning_rate)

    def _optimizer(self, module: nn.Module, learning_rate: float) -> Optimizer:
        chosen = self.config
        return torch.optim.AdamW(
            module.parameters(), lr=learning_rate, betas=chosen.betas, weight_decay=chosen.weight_decay, fused=True
        )

    def batch(self, step: int, rank: int, world: int) -> Tensor:
        """The pixels of a step."""
        return self.batches.batch(step, rank, world)

    def step(self, fabric: Fabric, batch: Tensor, step: int) -> Mapping[str, Tensor]:
        """Learn from one batch: the tokenizer first, then the discriminator on what it made."""
        config = self.config
        x_BCTHW = to_unit(batch.to(fabric.device))
        self._set_rates(step)
        with torch.autocast(fabric.device.type, torch.bfloat16, enabled=config.precision == "bfloat16"):
            y_BCTHW, z_BCTHW = self.modules["model"](x_BCTHW)
        y_BCTHW = y_BCTHW.float()
        terms = self._terms(fabric, x_BCTHW, y_BCTHW, z_BCTHW, step)
        fabric.backward(terms["loss"])
        terms["gradient_norm"] = self._update("model")
        ema.update(self.modules["ema"], self.modules["model"], min(config.ema_decay, (1 + step) / (10 + step)))
        if config.losses.adversarial and step >= config.losses.discriminator_start_step:
            terms |= self._discriminate(fabric, x_BCTHW, y_BCTHW.detach())
        return {name: value.detach() for name, value in terms.items()}

    def _terms(self, fabric: Fabric, x_BCTHW: Tensor, y_BCTHW: Tensor, z_BCTHW: Tensor, step: int) -> dict[str, Tensor]:
        weights = self.config.losses
        z_NK = z_BCTHW.movedim(1, -1).flatten(0, -2)
        each, whole = lfq.entropies(
            z_NK, weights.entropy_temperature, lambda mean: cast(Tensor, fabric.all_reduce(mean))
        )
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

    def _discriminate(self, fabric: Fabric, real_BCTHW: Tensor, fake_BCTHW: Tensor) -> dict[str, Tensor]:
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
        self.optimizers["discriminator"].zero_grad(set_to_none=True)  # the generator's loss went through it too
        fabric.backward(loss)
        self._update("discriminator")
        return terms

    def _update(self, name: str) -> Tensor:
        norm = nn.utils.clip_grad_norm_(self.modules[name].parameters(), self.config.gradient_clip)
        self.optimizers[name].step()
        self.optimizers[name].zero_grad(set_to_none=True)
        return norm

    def _set_rates(self, step: int) -> None:
        peaks = {"model": self.config.learning_rate, "discriminator": self.config.discriminator_learning_rate}
        for name, optimizer in self.optimizers.items():
            peak, steps, warmup = peaks[name], self.config.steps, self.config.warmup_steps
            rate = warmup_cosine(step, steps=steps, warmup_steps=warmup, peak=peak, floor=0.02 * peak)
            set_learning_rate(optimizer, rate)
