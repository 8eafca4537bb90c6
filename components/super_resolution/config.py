"""What may be chosen about one stage of super-resolution: its training, and how it is sampled."""

from dataclasses import dataclass
from typing import Literal

from components.common.optimization import Optimization

Grid = tuple[int, int, int]  # frames, rows, columns of tokens


@dataclass(frozen=True)
class Windows:
    """Local windows of self-attention over the large grid, one for each of the three layers of a block."""

    vertical: Grid
    horizontal: Grid
    temporal: Grid

    def __post_init__(self) -> None:
        for name, (_, rows, columns) in self.named():
            if rows % 2 or columns % 2:
                raise ValueError(
                    f"windows.{name}: rows and columns must be even (the small grid has half), got {rows, columns}"
                )

    def named(self) -> tuple[tuple[str, Grid], ...]:
        """The three windows in the order of a block's layers."""
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
    seed: int
    stage: Literal["stage1", "stage2"]
    width: int
    heads: int
    hidden: int
    blocks: int  # of three layers each
    windows: Windows
    low_added: bool  # whether large tokens also start from the small ones around them (paper, §3.3: no)
    low_noise_max: float  # up to this share of the small clip's tokens is resampled
    condition_dropout: float  # text and small clip are each left out of this share of the clips
    label_smoothing: float
    global_batch_pairs: int
    optimization: Optimization
    ema_decay: float
    checkpoint_every_steps: int

    def __post_init__(self) -> None:
        if self.width % (16 * self.heads):
            raise ValueError(f"width must be a multiple of 16 × heads ({16 * self.heads}), got {self.width}")
        for name in ("low_noise_max", "condition_dropout", "label_smoothing", "ema_decay"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name} is a share: 0 ≤ {name} < 1, got {getattr(self, name)}")
        if min(self.blocks, self.global_batch_pairs, self.checkpoint_every_steps) < 1:
            raise ValueError("blocks, global_batch_pairs and checkpoint_every_steps must be positive")


@dataclass(frozen=True)
class Sampling:
    """How tokens are drawn (paper, §A.3: 24 steps; text 4 and 8, small clip 1 and 2 in stages 1 and 2)."""

    steps: int
    text_guidance: float  # 1 follows the text as learned
    low_guidance: float  # 1 follows the small clip as learned
    temperature: float  # of the draw; 0 takes the likeliest
    choice_temperature: float  # of the noise on what it is surest of; it falls to 0 with the last step

    def __post_init__(self) -> None:
        if self.steps < 1 or self.temperature < 0 or self.choice_temperature < 0:
            raise ValueError(f"super-resolution needs a step or more and temperatures of at least 0: {self}")
