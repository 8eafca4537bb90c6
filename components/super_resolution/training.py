"""Masked modeling of high-resolution tokens: mask a random share of them and predict it from the rest.

The share follows the schedule of decoding, so every state of decoding is trained. A random subset of the low-resolution
tokens is resampled (noise augmentation), because at generation they come from a language model; text and low-resolution
clip are each dropped from some examples, which classifier-free guidance needs.

Shapes: B clips, T H W the high-resolution grid (hr), h w the low-resolution one (lr), S text positions, D text width.
"""

import copy
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Optimizer

from components.common.fit.optimizer import adamw, optimizer_step
from components.common.fit.strategy import Strategy
from components.common.random import seed_of
from components.common.weighted_sampler import WeightedSampler
from components.nn import ema
from components.nn.factorization import split
from components.pretokenize.data import Pairs
from components.super_resolution import ops
from components.super_resolution.config import Config
from components.super_resolution.model import Model


@dataclass(frozen=True)
class Batch:
    """Clips with masks, noise and dropped conditions."""

    hr: Tensor  # int (B, T, H, W): high-resolution codes
    masked: Tensor  # bool (B, T, H, W): where they are not seen
    lr: Tensor  # int (B, T, h, w): low-resolution codes, with noise
    lr_dropped: Tensor  # bool (B,)
    text: Tensor  # float (B, S, D)
    lengths: Tensor  # int (B,)

    def to(self, device: torch.device) -> "Batch":
        """Return the batch on a device."""
        return Batch(*(tensor.to(device) for tensor in vars(self).values()))


class Training:
    """Masked modeling of the pairs of one stage."""

    def __init__(self, config: Config, pairs: Pairs, model: Model):
        self.config, self.pairs, self.bits = config, pairs, model.architecture.bits
        self.rows = np.flatnonzero(np.array(pairs.split) == "train")
        self.sampler = WeightedSampler(pairs.weight[self.rows])
        self.ema = copy.deepcopy(model).requires_grad_(False)
        self.modules: dict[str, nn.Module] = {"model": model, "ema": self.ema}
        self.optimizers: dict[str, Optimizer] = {"model": adamw(model.parameters(), config.optimization)}

    def batch(self, step: int, rank: int, world: int) -> Batch:
        """Draw clips, masks, noise and dropped conditions."""
        config = self.config
        draw = np.random.default_rng(seed_of(config.seed, "batch", step, rank))
        rows = self.rows[self.sampler.draw(draw, config.global_batch_pairs // world)]
        progress_B = draw.random(len(rows))
        batch = masked_batch(
            self.pairs, rows, draw, bits=self.bits, progress_B=progress_B, lr_noise=config.lr_noise_max
        )
        lr_dropped_B, text_dropped_B = torch.from_numpy(draw.random((2, len(rows))) < config.condition_dropout)
        lengths_B = batch.lengths.masked_fill(text_dropped_B, 0)
        return replace(batch, lr_dropped=lr_dropped_B, lengths=lengths_B)

    def step(self, strategy: Strategy, batch: Batch, step: int) -> Mapping[str, Tensor]:
        """Train on a batch; return the loss per factor in nats."""
        config, model, optimizer = self.config, self.modules["model"], self.optimizers["model"]
        loss = masked_loss(model, batch.to(strategy.device), self.bits, config.label_smoothing)
        norm = optimizer_step(strategy, model, optimizer, loss, config.optimization, step)
        ema.update(self.ema, model, config.ema_decay)
        return {"loss": loss.detach(), "gradient_norm": norm}


def masked_batch(
    pairs: Pairs,
    rows: NDArray[np.int64],
    draw: np.random.Generator,
    *,
    bits: int,
    progress_B: NDArray[np.float64],
    lr_noise: float,
) -> Batch:
    """Read rows of `pairs` and mask as many tokens as decoding has masked at each clip's `progress`, at least one.

    In each clip a share of the low-resolution codes, drawn between 0 and `lr_noise`, is replaced by any codes of `bits`
    bits.
    """
    hr_BTHW, lr_BThw = pairs.hr[rows].astype(np.int64), pairs.lr[rows].astype(np.int64)
    B, positions = len(rows), int(np.prod(hr_BTHW.shape[1:]))
    counts_B = np.maximum(1, (ops.mask_ratio(torch.from_numpy(progress_B)).numpy() * positions).astype(np.int64))
    order_BN = draw.random((B, positions)).argsort(axis=1).argsort(axis=1)
    masked_BTHW = (order_BN < counts_B[:, None]).reshape(hr_BTHW.shape)
    noisy_BThw = draw.random(lr_BThw.shape) < draw.uniform(0, lr_noise, (B, 1, 1, 1))
    return Batch(
        torch.from_numpy(hr_BTHW),
        torch.from_numpy(masked_BTHW),
        torch.from_numpy(np.where(noisy_BThw, draw.integers(1 << bits, size=lr_BThw.shape), lr_BThw)),
        torch.zeros(B, dtype=torch.bool),
        torch.from_numpy(pairs.text[rows].astype(np.float32)),
        torch.from_numpy(pairs.text_length[rows].astype(np.int64)),
    )


def masked_loss(model: nn.Module, batch: Batch, bits: int, label_smoothing: float) -> Tensor:
    """Return the mean cross-entropy of both factors at the masked positions."""
    factors = masked_logits(model, batch, bits)
    losses = [F.cross_entropy(logits.float(), target, label_smoothing=label_smoothing) for logits, target in factors]
    return torch.stack(losses).mean()


def masked_logits(model: nn.Module, batch: Batch, bits: int) -> list[tuple[Tensor, Tensor]]:
    """Return, for each factor, logits and target values at the masked positions, one row each."""
    logits: tuple[Tensor, Tensor] = model(*vars(batch).values())
    targets = split(batch.hr, bits)[batch.masked]
    return [(logits[factor][batch.masked], targets[:, factor]) for factor in (0, 1)]
