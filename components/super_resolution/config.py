"""Settings of one super-resolution stage: training and sampling."""

from dataclasses import dataclass
from typing import Literal

from components.common.optimization import Optimization

Grid = tuple[int, int, int]  # frames, rows, columns of tokens


@dataclass(frozen=True)
class Windows:
    """Local windows of self-attention over the high-resolution grid, one for each of the three layers of a block."""

    vertical: Grid
    """Window of the first layer: frames, rows, columns of tokens."""

    horizontal: Grid
    """Window of the second layer."""

    temporal: Grid
    """Window of the third layer."""

    def __post_init__(self) -> None:
        for name, (_, rows, columns) in self.named():
            if rows % 2 or columns % 2:
                raise ValueError(
                    f"windows.{name}: rows and columns must be even (the low-resolution grid has half), "
                    f"got {rows, columns}"
                )

    def named(self) -> tuple[tuple[str, Grid], ...]:
        """Return the three windows in the order of a block's layers."""
        return ("vertical", self.vertical), ("horizontal", self.horizontal), ("temporal", self.temporal)

    def check(self, grid: Grid) -> None:
        """Raise ValueError unless every window tiles `grid` exactly."""
        for name, window in self.named():
            if any(length % part for length, part in zip(grid, window, strict=True)):
                raise ValueError(f"windows.{name} {window} must divide the token grid {grid} exactly")


@dataclass(frozen=True)
class Config:
    """One training run (paper, §A.3: 1 B parameters for stage 1, 500 M for stage 2)."""

    threads: int
    """CPU threads of the stage."""

    seed: int
    """Seed of weights, batches and masks."""

    stage: Literal["stage1", "stage2"]
    """Pairs to train on: stage1 doubles the base size, stage2 doubles that."""

    width: int
    """Width of the transformer; a multiple of 16 × heads."""

    heads: int
    """Attention heads."""

    feed_forward_width: int
    """Width of the feed-forward layers (SwiGLU)."""

    blocks: int
    """Blocks of three layers each."""

    windows: Windows
    """Windows of self-attention; each must divide the token grid exactly."""

    subpixel_conditioning: bool
    """True if high-resolution tokens also start from the low-resolution ones around them (paper, §3.3: no)."""

    lr_noise_max: float
    """Up to this share of the low-resolution tokens is resampled, as noise augmentation; 0 turns it off."""

    condition_dropout: float
    """Share of clips without text, and of clips without the low-resolution clip, for classifier-free guidance."""

    label_smoothing: float
    """Share of the target's probability that is spread over all values."""

    global_batch_pairs: int
    """Pairs in a step, over all processes."""

    optimization: Optimization
    """Optimizer and learning-rate schedule."""

    ema_decay: float
    """Decay of the exponential moving average of the weights, which is the model that is kept."""

    checkpoint_every_steps: int
    """Steps between checkpoints in scratch."""

    def __post_init__(self) -> None:
        if self.width % (16 * self.heads):
            raise ValueError(f"width must be a multiple of 16 × heads ({16 * self.heads}), got {self.width}")
        for name in ("lr_noise_max", "condition_dropout", "label_smoothing", "ema_decay"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name} is a share: 0 ≤ {name} < 1, got {getattr(self, name)}")
        if min(self.blocks, self.global_batch_pairs, self.checkpoint_every_steps) < 1:
            raise ValueError("blocks, global_batch_pairs and checkpoint_every_steps must be positive")


@dataclass(frozen=True)
class UpsamplingConfig:
    """Settings of decoding (paper, §A.3: 24 steps; guidance by text 4 and 8, by the low-resolution clip 1 and 2)."""

    steps: int
    """Decoding steps."""

    text_guidance: float
    """Weight of guidance by text: 1 follows the text as learned, more exaggerates it."""

    lr_guidance: float
    """Weight of guidance by the low-resolution clip: 1 follows it as learned."""

    temperature: float
    """Temperature of the draw of each token; 0 takes the likeliest."""

    choice_temperature: float
    """Scale of the noise on the confidence that decides which tokens are kept; it falls to 0 with the last step."""

    def __post_init__(self) -> None:
        if self.steps < 1 or self.temperature < 0 or self.choice_temperature < 0:
            raise ValueError(f"super-resolution needs a step or more and temperatures of at least 0: {self}")
