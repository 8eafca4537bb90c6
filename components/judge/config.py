"""Parameters of the judge."""

from dataclasses import dataclass

from components.common.formats import Formats
from components.common.optimization import Optimization


@dataclass(frozen=True)
class Architecture:
    """The sizes of the judge's two encoders (ours: the paper uses public models)."""

    appearance_widths: tuple[int, ...]
    """Channels of the layers of the appearance stream; layers 1, 2, 4, 6 … halve height and width."""

    motion_widths: tuple[int, ...]
    """Channels of the layers of the motion stream; every layer halves height and width."""

    appearance_every_frames: int
    """The appearance stream sees one frame in this many."""

    features: int
    """Width of the vector space that clips and texts share."""

    text_width: int
    """Width of the word vectors."""

    def __post_init__(self) -> None:
        if len(self.appearance_widths) < 2 or len(self.motion_widths) < 2:
            raise ValueError("architecture.appearance_widths and motion_widths need at least two layers each")
        sizes = (
            *self.appearance_widths,
            *self.motion_widths,
            self.appearance_every_frames,
            self.features,
            self.text_width,
        )
        if min(sizes) < 1:
            raise ValueError("architecture: every width must be positive")


@dataclass(frozen=True)
class Config:
    """One training of the judge on the clips' train split."""

    formats: Formats
    """The shapes and rates that all stages share."""

    threads: int
    """CPU threads that the stage uses."""

    seed: int
    """Seed of weights, batches and all other random numbers."""

    architecture: Architecture
    """Shape of the network."""

    optimization: Optimization
    """Optimizer and learning-rate schedule."""

    global_batch_clips: int
    """Clips of a step that learns from moving clips, over all processes."""

    global_batch_images: int
    """Frames of a step that learns from stills, over all processes."""

    image_share: float
    """Share of the steps that learn from images and single frames of clips; the others learn from moving clips."""

    label_smoothing: float
    """Share of the target probability spread over all values of an attribute."""

    contrast_weight: float
    """Weight of the caption loss beside the attributes' losses."""

    temperature: float
    """Divides cosines in the caption loss."""

    min_clips_per_value: int
    """Least clips that have a value for it to be learned; an attribute with fewer than two such values is left out."""

    blur: float
    """Greatest share of a low-resolution copy mixed into a training clip: generated clips lose detail too."""

    noise: float
    """Greatest standard deviation of noise added to a training clip, where pixels span -1..1."""

    shift_px: int
    """Greatest shift of a training batch in pixels, in each direction."""

    cache_mib: int
    """Memory in MiB for decoded clips, for each format."""

    checkpoint_every_steps: int
    """Steps between checkpoints from which a stopped training resumes."""

    def __post_init__(self) -> None:
        if not 0 <= self.image_share < 1:
            raise ValueError(f"image_share must be at least 0 and below 1 (clips must be seen), got {self.image_share}")
        if min(self.global_batch_clips, self.global_batch_images) < 2:
            raise ValueError(
                "global_batch_clips and global_batch_images must be at least 2: the caption loss compares pairs"
            )
        if self.temperature <= 0:
            raise ValueError(f"temperature must be positive, got {self.temperature}")
        if min(self.min_clips_per_value, self.checkpoint_every_steps) < 1:
            raise ValueError("min_clips_per_value and checkpoint_every_steps must be at least 1")
