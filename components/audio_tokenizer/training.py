"""Losses and training steps of the codec: reconstruction in time and spectrum, codes, optional discriminators.

Codebooks are unused for the first `codebooks.start_step` steps, are then initialized by k-means and follow the encoder
by moving averages. All random numbers come from seeds of the step number.
Shapes: B waveforms, S samples; S = window_frames · hop.
"""

import copy
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from components.audio_tokenizer import discriminators, spectra
from components.audio_tokenizer.config import Config
from components.audio_tokenizer.data import AudibleClips
from components.audio_tokenizer.model import Model, Reconstruction
from components.common.fit.optimizer import adamw, optimizer_step
from components.common.fit.strategy import Strategy
from components.common.random import seed_of
from components.nn import ema


@dataclass(frozen=True)
class Batch:
    """Stretches of audio, and how many levels each may use."""

    wave: Tensor  # (B, S)
    levels: Tensor  # (B)


class Training:
    """The codec, its moving average, and the discriminators where the losses ask for them."""

    def __init__(self, config: Config, clips: AudibleClips):
        torch.manual_seed(seed_of(config.seed, "weights"))
        self.config, self.clips = config, clips
        self.codec = Model(config.architecture)
        self.ema = copy.deepcopy(self.codec).requires_grad_(False)
        self.modules: dict[str, nn.Module] = {"codec": self.codec, "ema": self.ema}
        self.optimizers: dict[str, Optimizer] = {"codec": adamw(self.codec.parameters(), config.optimization)}
        if config.losses.has_discriminators:
            network = discriminators.Discriminators(
                config.losses.discriminator_channels, config.losses.discriminator_window
            )
            self.modules["discriminators"] = network
            self.optimizers["discriminators"] = adamw(network.parameters(), config.discriminator_optimization)

    def batch(self, step: int, rank: int, world: int) -> Batch:
        """Draw this process's share of the global batch."""
        config = self.config
        count = config.global_batch_sounds // world
        draw = np.random.default_rng(seed_of(config.seed, "batch", step, rank))
        length = config.window_frames * config.architecture.hop
        waves = [self.clips.stretch(draw, length) for _ in range(count)]
        levels_B = np.full(count, config.architecture.levels)
        fewer_B = draw.random(count) < config.level_dropout
        levels_B[fewer_B] = draw.integers(1, config.architecture.levels + 1, int(fewer_B.sum()))
        return Batch(torch.from_numpy(np.stack(waves)), torch.from_numpy(levels_B))

    def step(self, strategy: Strategy, batch: Batch, step: int) -> Mapping[str, Tensor]:
        """One step of the codec, and of the discriminators once they have started."""
        config = self.config
        wave_BS, levels_B = batch.wave.to(strategy.device), batch.levels.to(strategy.device)
        generator = torch.Generator().manual_seed(seed_of(config.seed, "codes", step, strategy.rank))
        if step == config.codebooks.start_step:
            with torch.no_grad():
                latent_ND = self.codec.latent(wave_BS).flatten(0, 1)
            self.codec.quantizer.init_kmeans(latent_ND, config.codebooks, generator, strategy)
        found: Reconstruction = self.modules["codec"](wave_BS, levels_B, step >= config.codebooks.start_step)
        scalars = self.losses(found, wave_BS)
        if "discriminators" in self.modules and step >= config.losses.discriminator_start_step:
            scalars |= self.discriminator_step(strategy, found.wave, wave_BS, step)
        scalars["loss"] = self.total(scalars)
        optimizer_step(
            strategy, self.modules["codec"], self.optimizers["codec"], scalars["loss"], config.optimization, step
        )
        if found.quantized is not None:
            self.codec.quantizer.update_codebooks(found.quantized, levels_B, config.codebooks, generator, strategy)
        ema.update(self.ema, self.codec, min(config.ema_decay, (1 + step) / (10 + step)))
        return scalars

    def losses(self, found: Reconstruction, wave_BS: Tensor) -> dict[str, Tensor]:
        """Return the terms that need no discriminator, unweighted."""
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
        """Return the weighted sum of the terms that are there."""
        losses = self.config.losses
        weights = {
            "waveform": losses.waveform,
            "spectral": losses.spectral,
            "commitment": losses.commitment,
            "adversarial": losses.adversarial,
            "feature_matching": losses.feature_matching,
        }
        return torch.stack([weight * scalars[name] for name, weight in weights.items() if name in scalars]).sum()

    def discriminator_step(self, strategy: Strategy, fake_BS: Tensor, real_BS: Tensor, step: int) -> dict[str, Tensor]:
        """Train the discriminators, then return the codec's terms against them."""
        network, optimizer = self.modules["discriminators"], self.optimizers["discriminators"]
        network.requires_grad_(True)
        loss = discriminators.discriminator_loss(network(real_BS), network(fake_BS.detach()))
        optimizer_step(strategy, network, optimizer, loss, self.config.discriminator_optimization, step)
        network.requires_grad_(False)
        real, fake = network(real_BS), network(fake_BS)
        return {
            "discriminator": loss,
            "adversarial": discriminators.adversarial_loss(fake),
            "feature_matching": discriminators.feature_matching_loss(real, fake),
        }
