"""Parameters of the visual tokenizer.

One network serves images and clips: with `kernel_t: 1` it treats every frame alone (the image tokenizer), with
`kernel_t: 3` it also sees earlier frames. Sizes come from the shared `formats`.
"""

from dataclasses import dataclass, replace
from math import prod
from typing import Literal

from components.common.formats import Formats
from components.common.optimization import Optimization

FINEST = 4  # clips are stored at up to this many times the base size: super-resolution's last stage


@dataclass(frozen=True)
class Architecture:
    """The network's shape; saved beside the weights (MAGVIT-v2: conv stem, 128 × (1, 2, 2, 4), 4 blocks, 18 bits)."""

    stem: Literal["conv", "patch"]
    """First layer: a convolution at full size, or one over non-overlapping patches."""

    stem_px: int
    """Side in pixels of the patches that a patch stem turns into one position; 1 with a conv stem."""

    kernel_t: int
    """Frames that a convolution sees: 1 for single frames alone, 3 for clips."""

    channels: int
    """Base width; `multipliers` scale it."""

    multipliers: tuple[int, ...]
    """Width of each level, in `channels`."""

    blocks: int
    """Residual blocks of each level."""

    middle_blocks: int
    """Additional residual blocks at the coarsest level, on either side of the codes."""

    strides_t: tuple[int, ...]
    """Downsampling in time between the levels: 1 or 2 each."""

    strides_px: tuple[int, ...]
    """Downsampling in height and width between the levels: 1 or 2 each."""

    groups: int
    """Groups of channels in each normalization; must divide every width."""

    codebook_bits: int
    """Bits of a code: the vocabulary has 2^bits tokens (paper, §3.1: 18)."""

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
            raise ValueError(f"architecture.kernel_t must be 1 (images) or 3 (clips), got {self.kernel_t}")
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
        """Return the token grid of a clip; raises ValueError for a clip that does not fill it."""
        if (frames - 1) % self.stride_t or frames < 1:
            raise ValueError(f"a clip must have 1 + a multiple of {self.stride_t} frames, got {frames}")
        if height_px % self.stride_px or width_px % self.stride_px:
            raise ValueError(f"height and width must be multiples of {self.stride_px} px, got {height_px}×{width_px}")
        return 1 + (frames - 1) // self.stride_t, height_px // self.stride_px, width_px // self.stride_px


@dataclass(frozen=True)
class VisualLosses:
    """Weights of the loss terms; a term of weight 0 is not computed, and its network not built."""

    reconstruction: float
    """Weight of the mean squared error of pixels in [-1, 1]."""

    entropy: float
    """Weight of the entropy term: sure about each code, even use of all codes."""

    entropy_temperature: float
    """Softness of the code distribution that the entropies are taken of."""

    entropy_boost: float
    """Share added to the entropy weight at the first step; it falls linearly to 0 over `entropy_boost_steps`."""

    entropy_boost_steps: int
    """Steps in which the boost disappears; 0 turns it off."""

    commitment: float
    """Weight of the squared distance of latents to their codes."""

    perceptual: float
    """Weight of the distance of VGG-16 features; needs `vgg16` among the pretrained models."""

    adversarial: float
    """Weight of the generator's loss against the discriminator."""

    adversarial_kind: Literal["non_saturating", "hinge"]
    """Form of the adversarial losses."""

    gradient_penalty: float
    """Weight of R1, the squared gradient of the discriminator at real clips."""

    lecam: float
    """Weight of LeCAM regularization of the discriminator."""

    lecam_decay: float
    """Decay per step of the moving averages that LeCAM compares with."""

    discriminator_start_step: int
    """Step at which the discriminator and the adversarial term start."""

    discriminator_channels: int
    """Base width of the discriminator."""

    discriminator_multipliers: tuple[int, ...]
    """Width of each of the discriminator's blocks, in `discriminator_channels`."""

    def __post_init__(self) -> None:
        weights = (self.reconstruction, self.entropy, self.commitment, self.perceptual, self.adversarial)
        if min(*weights, self.gradient_penalty, self.lecam) < 0:
            raise ValueError("losses: weights must not be negative")
        if self.entropy_temperature <= 0 or not 0 < self.lecam_decay < 1:
            raise ValueError("losses: entropy_temperature must be positive and lecam_decay between 0 and 1")


@dataclass(frozen=True)
class ClipSampling:
    """The draw of training batches: shares of the steps, one kind of batch a step.

    A clip or a single frame of one is seen whole, or as a crop of the base size on a copy of higher resolution.
    """

    image_share: float
    """Share of the steps on single frames; the others are on clips."""

    high_res_share: tuple[float, float]
    """Shares of the steps on crops at 2 and at 4 times the base resolution."""

    crops: int
    """Crops taken of one high-resolution copy: decoding it for one only costs more than learning from it."""

    balance: float
    """0 draws every clip equally often, 1 every folder, 0.5 folders by the square root of their size."""

    global_batch_images: int
    """Single frames a step, over all processes."""

    global_batch_clips: int
    """Clips a step, over all processes."""

    def __post_init__(self) -> None:
        if not 0 <= self.image_share <= 1 or min(self.high_res_share) < 0 or sum(self.high_res_share) > 1:
            raise ValueError(
                "sampling: image_share is a share of the steps, and so is the sum of high_res_share: between 0 and 1"
            )
        if not 0 <= self.balance <= 1:
            raise ValueError(
                f"sampling.balance must lie between 0 (clips alike) and 1 (folders alike), got {self.balance}"
            )
        if min(self.crops, self.global_batch_images, self.global_batch_clips) < 1:
            raise ValueError("sampling: crops and the global batches must be positive")


@dataclass(frozen=True)
class Config:
    """One training run: on single frames, or from there on clips."""

    formats: Formats
    """The shapes and rates that all stages share."""

    threads: int
    """CPU threads that the stage uses."""

    seed: int
    """Seed of weights, batches and all other random numbers."""

    architecture: Architecture
    """Shape of the network."""

    losses: VisualLosses
    """Weights of the loss terms."""

    sampling: ClipSampling
    """The draw of training batches."""

    precision: Literal["float32", "bfloat16"]
    """Number format of the convolutions; codes and losses are float32."""

    optimization: Optimization
    """Optimizer and learning-rate schedule."""

    discriminator_learning_rate: float
    """Peak learning rate of the discriminator; all else is as in `optimization`."""

    discriminator_final_learning_rate: float
    """Learning rate of the discriminator at the end of the schedule."""

    ema_decay: float
    """Decay per step of the moving average of the weights, which is what the stage saves."""

    checkpoint_every_steps: int
    """Steps between checkpoints from which a stopped training resumes."""

    cache_mib: int
    """Memory in MiB for decoded frames, for each format and resolution."""

    evaluation_clips: int
    """Held-out clips that the reconstruction is measured on."""

    def __post_init__(self) -> None:
        formats = self.formats
        for format in formats.all():
            self.architecture.latent(format.frames, format.height_px, format.width_px)
        if self.architecture.kernel_t == 1 and self.sampling.image_share != 1:
            raise ValueError("sampling.image_share must be 1 with architecture.kernel_t 1: that network knows no clips")
        if not 0 < self.ema_decay < 1:
            raise ValueError(f"ema_decay must lie between 0 and 1, got {self.ema_decay}")

    @property
    def discriminator_optimization(self) -> Optimization:
        """The discriminator's optimizer: the same schedule at other learning rates."""
        return replace(
            self.optimization,
            learning_rate=self.discriminator_learning_rate,
            final_learning_rate=self.discriminator_final_learning_rate,
        )
