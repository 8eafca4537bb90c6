"""What may be chosen about the judge."""

from dataclasses import dataclass

from components.common.formats import Formats


@dataclass(frozen=True)
class Architecture:
    """The sizes of the judge's two sides (ours: the paper uses public judges)."""

    look_widths: tuple[int, ...]  # channels of the still stream; layers 1, 2, 4, 6 … halve the picture
    move_widths: tuple[int, ...]  # channels of the motion stream; every layer halves the picture
    look_every_frames: int  # the still stream sees one frame in this many
    features: int  # of the vector that both sides share
    word_width: int

    def __post_init__(self) -> None:
        if len(self.look_widths) < 2 or len(self.move_widths) < 2:
            raise ValueError("architecture.look_widths and move_widths need at least two layers each")
        sizes = (*self.look_widths, *self.move_widths, self.look_every_frames, self.features, self.word_width)
        if min(sizes) < 1:
            raise ValueError("architecture: every width must be positive")


@dataclass(frozen=True)
class Config:
    """One training of the judge on the clips' train split."""

    formats: Formats
    threads: int
    seed: int
    architecture: Architecture
    steps: int
    clips_per_batch: int
    stills_per_batch: int
    still_share: float  # of the steps, which learn from images and single frames of clips
    learning_rate: float
    warmup_steps: int
    weight_decay: float
    gradient_clip: float
    label_smoothing: float
    contrast_weight: float  # of the caption loss, beside the attributes'
    temperature: float  # divides cosines in the caption loss
    min_clips_per_value: int  # an attribute's rarer values are not learnt; an attribute with fewer than two is left out
    blur: float  # greatest share of a half-resolution copy mixed into a picture: lossy pictures are judged too
    noise: float  # greatest standard deviation of added noise, where pixels span -1..1
    shift_px: int  # greatest shift of a whole clip
    memory_mib: int  # of decoded clips of each format kept in memory
    checkpoint_every_steps: int

    def __post_init__(self) -> None:
        if not 0 <= self.still_share < 1:
            raise ValueError(f"still_share must be at least 0 and below 1 (clips must be seen), got {self.still_share}")
        if min(self.clips_per_batch, self.stills_per_batch) < 2:
            raise ValueError("clips_per_batch and stills_per_batch must be at least 2: the caption loss compares pairs")
        if self.temperature <= 0:
            raise ValueError(f"temperature must be positive, got {self.temperature}")
        if min(self.steps, self.min_clips_per_value, self.checkpoint_every_steps) < 1:
            raise ValueError("steps, min_clips_per_value and checkpoint_every_steps must be at least 1")
