"""What may be chosen about the audio tokenizer.

Rates come from the shared `formats`; one code frame covers `hop` samples, the product of the strides.
"""

from dataclasses import dataclass
from math import prod
from typing import Literal

from components.common.formats import Formats


@dataclass(frozen=True)
class Architecture:
    """The codec's shape; it is saved beside the weights (paper, §3.1: 50 Hz, 4 levels of 1 024 codes)."""

    patch: int  # samples that the first layer turns into one position (SoundStream: 1)
    channels: int  # after the first layer; every stride multiplies them by `growth`, up to `max_channels`
    growth: float
    max_channels: int
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    activation: Literal["elu", "snake"]
    latent_width: int
    levels: int
    codebook_size: int

    def __post_init__(self) -> None:
        if not self.strides or min(self.strides) < 2:
            raise ValueError(f"architecture.strides must be one or more numbers above 1, got {list(self.strides)}")
        if not self.dilations or min(self.dilations) < 1:
            raise ValueError(f"architecture.dilations must be one or more positive numbers, got {list(self.dilations)}")
        if min(self.channels, self.latent_width, self.levels) < 1 or self.codebook_size < 2:
            raise ValueError("architecture: channels, latent_width and levels must be positive, codebook_size above 1")
        if self.growth < 1 or self.max_channels < self.channels:
            raise ValueError("architecture: growth must be at least 1 and max_channels at least channels")

    @property
    def hop(self) -> int:
        """Samples that one code frame covers."""
        return self.patch * prod(self.strides)

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels after the first layer and after each stride."""
        return tuple(
            min(round(self.channels * self.growth**depth), self.max_channels) for depth in range(len(self.strides) + 1)
        )


@dataclass(frozen=True)
class Codebooks:
    """How the codebooks learn: moving averages, not gradients."""

    decay: float
    kmeans_iterations: int
    start_step: int  # before it the codec trains unquantized; at it k-means places the codes
    dead_share: float  # a code used less than this share of an even use is replaced by a vector of the batch

    def __post_init__(self) -> None:
        if not 0 < self.decay < 1 or not 0 <= self.dead_share < 1:
            raise ValueError("codebooks: decay must lie between 0 and 1 and dead_share in [0, 1)")
        if self.kmeans_iterations < 1 or self.start_step < 0:
            raise ValueError("codebooks: kmeans_iterations must be positive and start_step not negative")


@dataclass(frozen=True)
class Losses:
    """Weights of the terms; with `adversarial` and `feature_matching` at 0 no discriminator is built."""

    waveform: float
    spectral: float
    spectral_windows: tuple[int, ...]
    mels: int
    floor: float  # magnitude (1: a full-scale tone) under which the spectral loss hears silence
    commitment: float
    adversarial: float
    feature_matching: float
    discriminator_channels: int
    discriminator_start_step: int
    discriminator_window: int  # samples of the spectrum that is judged

    def __post_init__(self) -> None:
        if min(self.waveform, self.spectral, self.commitment, self.adversarial, self.feature_matching) < 0:
            raise ValueError("losses: weights must not be negative")
        if not self.spectral_windows or any(window < 16 or window & (window - 1) for window in self.spectral_windows):
            raise ValueError("losses.spectral_windows must be powers of two from 16 on")
        if self.discriminator_channels < 1 or self.discriminator_window < 128:
            raise ValueError("losses.discriminator_channels must be at least 1 and discriminator_window at least 128")

    @property
    def has_discriminators(self) -> bool:
        """Whether any term needs the discriminators."""
        return self.adversarial > 0 or self.feature_matching > 0


@dataclass(frozen=True)
class Config:
    """One training run of the codec on the sounds of the kept clips."""

    formats: Formats
    threads: int
    seed: int
    architecture: Architecture
    codebooks: Codebooks
    losses: Losses
    steps: int
    global_batch: int
    window_frames: int  # code frames of one training example
    level_dropout: float  # share of examples that train with fewer than all levels
    learning_rate: float
    discriminator_learning_rate: float
    warmup_steps: int
    gradient_clip: float
    ema_decay: float
    checkpoint_every_steps: int
    cached_sounds: int  # decoded sounds kept in memory
    evaluation_sounds: int

    def __post_init__(self) -> None:
        samples = self.formats.samples(self.formats.clip_frames)
        if samples < self.architecture.hop:
            raise ValueError(
                f"audio_tokenizer.architecture.strides multiply to {self.architecture.hop} samples, "
                f"longer than a clip's {samples}: use smaller strides"
            )
        if not 0 <= self.level_dropout <= 1:
            raise ValueError(f"audio_tokenizer.level_dropout must be between 0 and 1, got {self.level_dropout}")
        if not 0 <= self.codebooks.start_step < self.steps:
            raise ValueError(
                f"audio_tokenizer.codebooks.start_step ({self.codebooks.start_step}) "
                f"must come before steps ({self.steps})"
            )
        samples = self.window_frames * self.architecture.hop
        if max(self.losses.spectral_windows) > samples:
            raise ValueError(f"audio_tokenizer.losses.spectral_windows must fit the {samples} samples of window_frames")
        if self.losses.has_discriminators and 2 * self.losses.discriminator_window > samples:
            raise ValueError(
                f"audio_tokenizer.losses.discriminator_window must be at most half of window_frames, {samples} samples"
            )
