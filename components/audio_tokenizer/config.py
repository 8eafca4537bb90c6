"""Parameters of the audio tokenizer.

Rates come from the shared `formats`; one code frame covers `hop` samples, the product of the strides.
"""

from dataclasses import dataclass, replace
from math import prod
from typing import Literal

from components.common.formats import Formats
from components.common.optimization import Optimization


@dataclass(frozen=True)
class Architecture:
    """The codec's shape; saved beside the weights (paper, §3.1: 50 Hz, 4 levels of 1,024 codes)."""

    patch: int
    """Samples that the first layer turns into one position (SoundStream: 1)."""

    channels: int
    """Width after the first layer."""

    growth: float
    """Factor by which every stride multiplies the width, up to `max_channels`."""

    max_channels: int
    """Greatest width of a layer."""

    strides: tuple[int, ...]
    """Downsampling of each level; with `patch` their product is the samples of one code frame."""

    dilations: tuple[int, ...]
    """Dilations of the residual units of each level."""

    activation: Literal["elu", "snake"]
    """Non-linearity; `snake` favors periodic signals."""

    latent_width: int
    """Width of the vectors that are quantized."""

    levels: int
    """Levels of residual quantization: codes per frame."""

    codebook_size: int
    """Codes of each level."""

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
    """Learning of the codebooks: by moving averages, not by gradients."""

    decay: float
    """Decay per step of the moving averages."""

    kmeans_iterations: int
    """Iterations of k-means that initialize the codes."""

    start_step: int
    """Step at which k-means initializes the codes; before it the codec trains unquantized."""

    dead_share: float
    """A code used less than this share of an even use is replaced by a vector of the batch; 0 replaces none."""

    def __post_init__(self) -> None:
        if not 0 < self.decay < 1 or not 0 <= self.dead_share < 1:
            raise ValueError("codebooks: decay must lie between 0 and 1 and dead_share in [0, 1)")
        if self.kmeans_iterations < 1 or self.start_step < 0:
            raise ValueError("codebooks: kmeans_iterations must be positive and start_step not negative")


@dataclass(frozen=True)
class AudioLosses:
    """Weights of the loss terms; with `adversarial` and `feature_matching` at 0 no discriminator is built."""

    waveform: float
    """Weight of the mean squared error of samples."""

    spectral: float
    """Weight of the multi-scale mel-spectral loss."""

    spectral_windows: tuple[int, ...]
    """Window lengths of the spectral loss in samples: powers of two."""

    mels: int
    """Mel bands of the spectral loss; short windows get fewer."""

    floor: float
    """Magnitude (1: a full-scale tone) below which the spectral loss takes audio for silence."""

    commitment: float
    """Weight of the squared distance of latents to their codes."""

    adversarial: float
    """Weight of the codec's loss against the discriminators."""

    feature_matching: float
    """Weight of the distance of the discriminators' feature maps."""

    discriminator_channels: int
    """Base width of the discriminators."""

    discriminator_start_step: int
    """Step at which the discriminators and their terms start."""

    discriminator_window: int
    """Window in samples of the spectrum that one discriminator sees."""

    def __post_init__(self) -> None:
        if min(self.waveform, self.spectral, self.commitment, self.adversarial, self.feature_matching) < 0:
            raise ValueError("losses: weights must not be negative")
        if not self.spectral_windows or any(window < 16 or window & (window - 1) for window in self.spectral_windows):
            raise ValueError("losses.spectral_windows must be powers of two from 16 on")
        if self.discriminator_channels < 1 or self.discriminator_window < 128:
            raise ValueError("losses.discriminator_channels must be at least 1 and discriminator_window at least 128")

    @property
    def has_discriminators(self) -> bool:
        """True if a term needs the discriminators."""
        return self.adversarial > 0 or self.feature_matching > 0


@dataclass(frozen=True)
class Config:
    """One training run of the codec on the audio of the kept clips."""

    formats: Formats
    """The shapes and rates that all stages share."""

    threads: int
    """CPU threads that the stage uses."""

    seed: int
    """Seed of weights, batches and all other random numbers."""

    architecture: Architecture
    """Shape of the network."""

    codebooks: Codebooks
    """Learning of the codebooks."""

    losses: AudioLosses
    """Weights of the loss terms."""

    optimization: Optimization
    """Optimizer and learning-rate schedule."""

    discriminator_learning_rate: float
    """Peak learning rate of the discriminators; all else is as in `optimization`."""

    discriminator_final_learning_rate: float
    """Learning rate of the discriminators at the end of the schedule."""

    global_batch_sounds: int
    """Examples a step, over all processes."""

    window_frames: int
    """Length of one training example in code frames."""

    level_dropout: float
    """Share of the examples that train with fewer than all levels."""

    ema_decay: float
    """Decay per step of the moving average of the weights, which is what the stage saves."""

    checkpoint_every_steps: int
    """Steps between checkpoints from which a stopped training resumes."""

    cache_mib: int
    """Memory in MiB for decoded waveforms of the train split."""

    evaluation_sounds: int
    """Held-out waveforms that the codec is measured on."""

    def __post_init__(self) -> None:
        samples = self.formats.samples(self.formats.clip_frames)
        if samples < self.architecture.hop:
            raise ValueError(
                f"audio_tokenizer.architecture.strides multiply to {self.architecture.hop} samples, "
                f"longer than a clip's {samples}: use smaller strides"
            )
        if not 0 <= self.level_dropout <= 1:
            raise ValueError(f"audio_tokenizer.level_dropout must be between 0 and 1, got {self.level_dropout}")
        if not 0 <= self.codebooks.start_step < self.optimization.steps:
            raise ValueError(
                f"audio_tokenizer.codebooks.start_step ({self.codebooks.start_step}) "
                f"must come before optimization.steps ({self.optimization.steps})"
            )
        samples = self.window_frames * self.architecture.hop
        if max(self.losses.spectral_windows) > samples:
            raise ValueError(f"audio_tokenizer.losses.spectral_windows must fit the {samples} samples of window_frames")
        if self.losses.has_discriminators and 2 * self.losses.discriminator_window > samples:
            raise ValueError(
                f"audio_tokenizer.losses.discriminator_window must be at most half of window_frames, {samples} samples"
            )

    @property
    def discriminator_optimization(self) -> Optimization:
        """The discriminators' optimizer: the same schedule at other learning rates."""
        return replace(
            self.optimization,
            learning_rate=self.discriminator_learning_rate,
            final_learning_rate=self.discriminator_final_learning_rate,
        )
