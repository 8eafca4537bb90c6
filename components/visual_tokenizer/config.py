"""What may be chosen about the visual tokenizer.

One network serves pictures and clips: with `kernel_t: 1` it treats every frame alone (the image tokenizer), with
`kernel_t: 3` it also looks back in time. Sizes come from the shared `formats`.
"""

from dataclasses import dataclass
from math import prod
from typing import Literal

from components.common.formats import Formats

FINEST = 4  # clips are stored at up to this many times the base size: super-resolution's last stage


@dataclass(frozen=True)
class Architecture:
    """The network's shape; saved beside the weights (MAGVIT-v2: conv stem, 128 × (1, 2, 2, 4), 4 blocks, 18 bits)."""

    stem: Literal["conv", "patch"]
    stem_px: int  # side of the patches that a patch stem turns into one position; 1 with a conv stem
    kernel_t: int  # frames that a convolution sees; 1: no time
    channels: int
    multipliers: tuple[int, ...]  # width of each level, in `channels`
    blocks: int  # residual blocks of a level
    middle_blocks: int  # more of them at the coarsest level, on either side of the codes
    strides_t: tuple[int, ...]  # between the levels
    strides_px: tuple[int, ...]
    groups: int  # of a normalisation
    codebook_bits: int

    def __post_init__(self) -> None:
        if len(self.strides_t) != len(self.multipliers) - 1 or len(self.strides_px) != len(self.strides_t):
            raise ValueError(
                f"architecture: {len(self.multipliers)} multipliers need {len(self.multipliers) - 1} strides_t and "
                f"strides_px between them, got {list(self.strides_t)} and {list(self.strides_px)}"
            )
        if (self.stem == "conv") != (self.stem_px == 1):
            raise ValueError(
                f"architecture.stem_px must be 1 with a conv stem and above 1 with patches, got {self.stem_px}"
            )
        if self.kernel_t not in (1, 3):
            raise ValueError(f"architecture.kernel_t must be 1 (pictures) or 3 (clips), got {self.kernel_t}")
        if self.kernel_t == 1 and self.stride_t != 1:
            raise ValueError(
                "architecture.strides_t must all be 1 with kernel_t 1: a frame alone has no time to shorten"
            )
        if any(stride not in (1, 2) for stride in self.strides_t + self.strides_px):
            raise ValueError("architecture: strides_t and strides_px must be 1 or 2")
        if any(width % self.groups for width in self.widths):
            raise ValueError(f"architecture.groups ({self.groups}) must divide every width {list(self.widths)}")
        if not 2 <= self.codebook_bits <= 24:
            raise ValueError(f"architecture.codebook_bits must lie between 2 and 24, got {self.codebook_bits}")

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels of each level."""
        return tuple(self.channels * multiplier for multiplier in self.multipliers)

    @property
    def stride_t(self) -> int:
        """Frames that one latent frame stands for, the first excepted."""
        return prod(self.strides_t)

    @property
    def stride_px(self) -> int:
        """Side of the square of pixels that one token stands for."""
        return self.stem_px * prod(self.strides_px)

    def latent(self, frames: int, height_px: int, width_px: int) -> tuple[int, int, int]:
        """Token grid of a clip; raises ValueError for a clip that does not fill it."""
        if (frames - 1) % self.stride_t or frames < 1:
            raise ValueError(f"a clip must have 1 + a multiple of {self.stride_t} frames, got {frames}")
        if height_px % self.stride_px or width_px % self.stride_px:
            raise ValueError(f"height and width must be multiples of {self.stride_px} px, got {height_px}×{width_px}")
        return 1 + (frames - 1) // self.stride_t, height_px // self.stride_px, width_px // self.stride_px


@dataclass(frozen=True)
class Losses:
    """Weights of the terms; a term of weight 0 is not computed, and its network not built."""

    reconstruction: float
    entropy: float
    entropy_temperature: float
    entropy_boost: float  # share added to the entropy weight at the first step, gone after `entropy_boost_steps`
    entropy_boost_steps: int
    commitment: float
    perceptual: float
    adversarial: float
    adversarial_kind: Literal["non_saturating", "hinge"]
    gradient_penalty: float  # R1, on true clips
    lecam: float
    lecam_decay: float
    discriminator_start_step: int
    discriminator_channels: int
    discriminator_multipliers: tuple[int, ...]

    def __post_init__(self) -> None:
        weights = (self.reconstruction, self.entropy, self.commitment, self.perceptual, self.adversarial)
        if min(*weights, self.gradient_penalty, self.lecam) < 0:
            raise ValueError("losses: weights must not be negative")
        if self.entropy_temperature <= 0 or not 0 < self.lecam_decay < 1:
            raise ValueError("losses: entropy_temperature must be positive and lecam_decay between 0 and 1")


@dataclass(frozen=True)
class Diet:
    """What the training draws: shares of the steps, one kind of batch a step.

    A clip or a single frame of one is seen whole, or through a window of the base size on a finer copy.
    """

    images: float  # single frames
    finer: tuple[float, float]  # windows at 2 and at 4 times the base size
    windows: int  # on one finer copy: decoding it for one only costs more than learning from it
    balance: (
        float  # between folders: 0 draws every clip alike, 1 every folder alike, 0.5 folders by the root of their size
    )
    global_batch_images: int
    global_batch_clips: int

    def __post_init__(self) -> None:
        if not 0 <= self.images <= 1 or min(self.finer) < 0 or sum(self.finer) > 1:
            raise ValueError("diet: images is a share of the steps, and so is the sum of finer: between 0 and 1")
        if not 0 <= self.balance <= 1:
            raise ValueError(f"diet.balance must lie between 0 (clips alike) and 1 (folders alike), got {self.balance}")
        if min(self.windows, self.global_batch_images, self.global_batch_clips) < 1:
            raise ValueError("diet: windows and the global batches must be positive")


@dataclass(frozen=True)
class Config:
    """One training run: on single frames, or from there on clips."""

    formats: Formats
    threads: int
    seed: int
    architecture: Architecture
    losses: Losses
    diet: Diet
    precision: Literal["float32", "bfloat16"]  # of the convolutions; codes and losses are float32
    steps: int
    learning_rate: float
    discriminator_learning_rate: float
    betas: tuple[float, float]
    weight_decay: float
    warmup_steps: int
    gradient_clip: float
    ema_decay: float
    checkpoint_every_steps: int
    cache_mib: int  # decoded frames kept in memory, for each format and fineness
    evaluation_clips: int

    def __post_init__(self) -> None:
        formats = self.formats
        for format in formats.all():
            self.architecture.latent(format.frames, format.height_px, format.width_px)
        if self.architecture.kernel_t == 1 and self.diet.images != 1:
            raise ValueError("diet.images must be 1 with architecture.kernel_t 1: that network knows no clips")
        if not 0 <= self.warmup_steps < self.steps:
            raise ValueError(f"warmup_steps ({self.warmup_steps}) must be below steps ({self.steps})")
        if not 0 < self.ema_decay < 1:
            raise ValueError(f"ema_decay must lie between 0 and 1, got {self.ema_decay}")
