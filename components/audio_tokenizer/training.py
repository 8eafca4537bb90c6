"""How the codec learns: reconstruction in time and spectrum, straight-through codes, optional discriminators.

Codebooks first stand aside (`codebooks.start_step` steps), are then placed by k-means and follow the encoder by
moving averages. All chance is drawn from seeds of the step number.
Shapes: B sounds, S samples; S = window_frames · hop.
"""

import copy
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.optim import AdamW, Optimizer

from components.audio_tokenizer import discriminators as judges
from components.audio_tokenizer import spectra
from components.audio_tokenizer.config import Config
from components.audio_tokenizer.data import Sounds
from components.audio_tokenizer.model import Model, Reconstruction
from components.common.random import seed_of
from components.nn import ema
from components.nn.schedules import set_learning_rate, warmup_cosine


@dataclass(frozen=True)
class Batch:
    """Stretches of sound, and how many levels each may use."""

    wave: Tensor  # (B, S)
    levels: Tensor  # (B)


class Training:
    """The codec, its moving average, and the discriminators where the losses ask for them."""

    def __init__(self, config: Config, sounds: Sounds):
        torch.manual_seed(seed_of(config.seed, "weights"))
        self.config, self.sounds = config, sounds
        self.codec = Model(config.architecture)
        self.average = copy.deepcopy(self.codec).requires_grad_(False)
        self.modules: dict[str, nn.Module] = {"codec": self.codec, "average": self.average}
        self.optimizers: dict[str, Optimizer] = {"codec": optimizer(self.codec, config.learning_rate)}
        if config.losses.has_discriminators:
            self.modules["discriminators"] = judges.Discriminators(
                config.losses.discriminator_channels, config.losses.discriminator_window
            )
            self.optimizers["discriminators"] = optimizer(
                self.modules["discriminators"], config.discriminator_learning_rate
            )

    def batch(self, step: int, rank: int, world: int) -> Batch:
        """Draw this process's share of the global batch."""
        config = self.config
        count = config.global_batch // world
        draw = np.random.default_rng(seed_of(config.seed, "batch", step, rank))
        length = config.window_frames * config.architecture.hop
        waves = [self.sounds.stretch(draw, length) for _ in range(count)]
        levels_B = np.full(count, config.architecture.levels)
        fewer_B = draw.random(count) < config.level_dropout
        levels_B[fewer_B] = draw.integers(1, config.architecture.levels + 1, int(fewer_B.sum()))
        return Batch(torch.from_numpy(np.stack(waves)), torch.from_numpy(levels_B))

    def step(self, fabric: Fabric, batch: Batch, step: int) -> Mapping[str, Tensor]:
        """One step of the codec, and of the discriminators once they have started."""
        config = self.config
        wave_BS, levels_B = fabric.to_device((batch.wave, batch.levels))
        generator = torch.Generator().manual_seed(seed_of(config.seed, "codes", step, fabric.global_rank))
        if step == config.codebooks.start_step:
            with torch.no_grad():
                latent_ND = self.codec.latent(wave_BS).flatten(0, 1)
            self.codec.quantizer.place(latent_ND, config.codebooks, generator, fabric)
        found: Reconstruction = self.modules["codec"](wave_BS, levels_B, step >= config.codebooks.start_step)
        scalars = self.losses(found, wave_BS)
        if "discriminators" in self.modules and step >= config.losses.discriminator_start_step:
            scalars |= self.rival(fabric, found.wave, wave_BS, step)
        scalars["loss"] = self.total(scalars)
        self.descend(fabric, "codec", scalars["loss"], config.learning_rate, step)
        if found.quantized is not None:
            self.codec.quantizer.learn(found.quantized, levels_B, config.codebooks, generator, fabric)
        ema.update(self.average, self.codec, min(config.ema_decay, (1 + step) / (10 + step)))
        return scalars

    def losses(self, found: Reconstruction, wave_BS: Tensor) -> dict[str, Tensor]:
        """The terms that need no discriminator, unweighted."""
        losses = self.config.losses
        scalars = {
            "waveform": (found.wave - wave_BS).square().mean(),
            "spectral": spectra.spectral_loss(
                found.wave,
                wave_BS,
                sample_rate_hz=self.config.formats.sample_rate_hz,
                windows=losses.spectral_windows,
                mels=losses.mels,
                floor=losses.floor,
            ),
        }
        if found.quantized is not None:
            scalars["commitment"] = found.quantized.commitment
        return scalars

    def total(self, scalars: Mapping[str, Tensor]) -> Tensor:
        """Weighted sum of the terms that are there."""
        losses = self.config.losses
        weights = {
            "waveform": losses.waveform,
            "spectral": losses.spectral,
            "commitment": losses.commitment,
            "adversarial": losses.adversarial,
            "feature_matching": losses.feature_matching,
        }
        return torch.stack([weight * scalars[name] for name, weight in weights.items() if name in scalars]).sum()

    def rival(self, fabric: Fabric, made_BS: Tensor, true_BS: Tensor, step: int) -> dict[str, Tensor]:
        """Teach the discriminators, then let them judge the codec."""
        judge = self.modules["discriminators"]
        judge.requires_grad_(True)
        verdict = judges.discriminator_loss(judge(true_BS), judge(made_BS.detach()))
        self.descend(fabric, "discriminators", verdict, self.config.discriminator_learning_rate, step)
        judge.requires_grad_(False)
        real, made = judge(true_BS), judge(made_BS)
        return {
            "discriminator": verdict,
            "adversarial": judges.adversarial_loss(made),
            "feature_matching": judges.feature_matching_loss(real, made),
        }

    def descend(self, fabric: Fabric, name: str, loss: Tensor, peak: float, step: int) -> None:
        """Backward, clip, update."""
        config, descent = self.config, self.optimizers[name]
        rate = warmup_cosine(step, steps=config.steps, warmup_steps=config.warmup_steps, peak=peak, floor=peak / 10)
        set_learning_rate(descent, rate)
        descent.zero_grad(set_to_none=True)
        fabric.backward(loss)
        fabric.clip_gradients(self.modules[name], descent, max_norm=config.gradient_clip)
        descent.step()


def optimizer(module: nn.Module, learning_rate: float) -> Optimizer:
    """Adam with the short memory that codecs are trained with."""
    return AdamW(module.parameters(), lr=learning_rate, betas=(0.8, 0.99), weight_decay=0.0)
