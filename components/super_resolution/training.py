"""How super-resolution learns: hide a random share of the large clip's tokens, tell them from the rest.

The share follows the schedule of decoding, so that every state met there is practised. The small clip's tokens are
disturbed (a random subset drawn anew), because at generation they are a language model's and not the truth's; text and
small clip are each left out now and then, so that guidance has something to compare with.

Shapes: B clips, T H W the large grid, h w the small one, S text positions, D text width.
"""

import copy
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from lightning_fabric import Fabric
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import AdamW, Optimizer

from components.common.places import Places
from components.common.random import seed_of
from components.nn import ema
from components.nn.halves import split
from components.nn.schedules import set_learning_rate, warmup_cosine
from components.pretokenize.data import Pairs
from components.super_resolution import ops
from components.super_resolution.config import Config
from components.super_resolution.model import Model


@dataclass(frozen=True)
class Batch:
    """Clips with what is hidden, disturbed and left out already decided."""

    high: Tensor  # int (B, T, H, W): codes of the large clip
    hidden: Tensor  # bool (B, T, H, W): where they are not seen
    low: Tensor  # int (B, T, h, w): codes of the small clip
    low_dropped: Tensor  # bool (B,)
    text: Tensor  # float (B, S, D)
    lengths: Tensor  # int (B,)

    def to(self, device: torch.device) -> "Batch":
        """The same on a device."""
        return Batch(*(tensor.to(device) for tensor in vars(self).values()))


class Training:
    """Masked modelling of the pairs of one stage."""

    def __init__(self, config: Config, pairs: Pairs, model: Model):
        self.config, self.pairs, self.bits = config, pairs, model.architecture.bits
        self.rows = np.flatnonzero(np.array(pairs.split) == "train")
        self.places = Places(pairs.weight[self.rows])
        self.average = copy.deepcopy(model).requires_grad_(False)
        self.modules: dict[str, nn.Module] = {"model": model, "average": self.average}
        optimizer = AdamW(
            model.parameters(), lr=config.learning_rate, betas=(0.9, 0.96), weight_decay=config.weight_decay
        )
        self.optimizers: dict[str, Optimizer] = {"model": optimizer}

    def batch(self, step: int, rank: int, world: int) -> Batch:
        """Draw clips and everything random about them."""
        config = self.config
        draw = np.random.default_rng(seed_of(config.seed, "batch", step, rank))
        rows = self.rows[self.places.draw(draw, config.global_batch // world)]
        progress_B = draw.random(len(rows))
        batch = draw_batch(
            self.pairs, rows, draw, bits=self.bits, progress_B=progress_B, low_noise=config.low_noise_max
        )
        low_dropped_B, text_dropped_B = torch.from_numpy(draw.random((2, len(rows))) < config.condition_dropout)
        lengths_B = batch.lengths.masked_fill(text_dropped_B, 0)
        return replace(batch, low_dropped=low_dropped_B, lengths=lengths_B)

    def step(self, fabric: Fabric, batch: Batch, step: int) -> Mapping[str, Tensor]:
        """Learn from a batch; returns the loss per half code in nats."""
        config, model, optimizer = self.config, self.modules["model"], self.optimizers["model"]
        learning_rate = warmup_cosine(
            step,
            steps=config.steps,
            warmup_steps=config.warmup_steps,
            peak=config.learning_rate,
            floor=config.final_learning_rate,
        )
        set_learning_rate(optimizer, learning_rate)
        loss = masked_loss(model, batch.to(fabric.device), self.bits, config.label_smoothing)
        fabric.backward(loss)
        norm = fabric.clip_gradients(model, optimizer, max_norm=config.gradient_norm)
        assert norm is not None
        optimizer.step()
        optimizer.zero_grad()
        ema.update(self.average, model, config.ema_decay)
        return {"loss": loss.detach(), "gradient_norm": norm}


def draw_batch(
    pairs: Pairs,
    rows: NDArray[np.int64],
    draw: np.random.Generator,
    *,
    bits: int,
    progress_B: NDArray[np.float64],
    low_noise: float,
) -> Batch:
    """Take rows of `pairs`, hiding what decoding would hide at each clip's `progress`, at least one token.

    In each clip a share of the small codes, drawn between 0 and `low_noise`, is replaced by any codes of `bits` bits.
    """
    high_BTHW, low_BThw = pairs.hr[rows].astype(np.int64), pairs.lr[rows].astype(np.int64)
    B, positions = len(rows), int(np.prod(high_BTHW.shape[1:]))
    counts_B = np.maximum(1, (ops.masked_share(torch.from_numpy(progress_B)).numpy() * positions).astype(np.int64))
    order_BN = draw.random((B, positions)).argsort(axis=1).argsort(axis=1)
    hidden_BTHW = (order_BN < counts_B[:, None]).reshape(high_BTHW.shape)
    noisy_BThw = draw.random(low_BThw.shape) < draw.uniform(0, low_noise, (B, 1, 1, 1))
    return Batch(
        torch.from_numpy(high_BTHW),
        torch.from_numpy(hidden_BTHW),
        torch.from_numpy(np.where(noisy_BThw, draw.integers(1 << bits, size=low_BThw.shape), low_BThw)),
        torch.zeros(B, dtype=torch.bool),
        torch.from_numpy(pairs.text[rows].astype(np.float32)),
        torch.from_numpy(pairs.text_length[rows].astype(np.int64)),
    )


def masked_loss(model: nn.Module, batch: Batch, bits: int, label_smoothing: float) -> Tensor:
    """Mean cross-entropy of both halves at the hidden positions."""
    halves = hidden_logits(model, batch, bits)
    losses = [F.cross_entropy(logits.float(), target, label_smoothing=label_smoothing) for logits, target in halves]
    return torch.stack(losses).mean()


def hidden_logits(model: nn.Module, batch: Batch, bits: int) -> list[tuple[Tensor, Tensor]]:
    """For each half: logits and target values at the hidden positions, one row each."""
    logits: tuple[Tensor, Tensor] = model(*vars(batch).values())
    targets = split(batch.high, bits)[batch.hidden]
    return [(logits[half][batch.hidden], targets[:, half]) for half in (0, 1)]
