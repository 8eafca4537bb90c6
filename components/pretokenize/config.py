"""Configuration of the token shards."""

from dataclasses import dataclass
from typing import Literal

from components.common.formats import Format, Formats, Orientation

Region = Literal[
    "inpaint_center",
    "inpaint_horizontal",
    "inpaint_vertical",
    "outpaint_center",
    "outpaint_horizontal",
    "outpaint_vertical",
]
Stage = Literal["stage1", "stage2"]
Precision = Literal["float32", "bfloat16"]


@dataclass(frozen=True)
class PairSelection:
    """Clips that become super-resolution pairs: the first ones by clip id, which is a hash, so a random subset."""

    orientation: Orientation
    """Orientation of the clips."""
    stage1_clips: int
    """Greatest number of training pairs of stage 1; 0 makes no pairs, since a fine-tune needs none."""
    stage2_clips: int
    """Greatest number of training pairs of stage 2; 0 makes no pairs."""
    heldout_clips: int
    """Greatest number of held-out pairs of each stage; positive."""

    def limits(self, stage: Stage) -> dict[str, int]:
        """Return the greatest number of pairs of `stage` by split."""
        return {"train": self.stage1_clips if stage == "stage1" else self.stage2_clips, "heldout": self.heldout_clips}


@dataclass(frozen=True)
class Config:
    """Encoding of the kept clips."""

    threads: int
    """Threads of the tokenizers on a CPU; part of the cache's key, since they change rounding."""
    batch_tokens: int
    """Greatest number of visual tokens encoded at once; at least one clip is."""
    precision: Precision
    """Precision of the visual tokenizer; bfloat16 changes about 1 % of the codes."""
    regions: tuple[Region, ...]
    """Regions masked in the condition of inpainting and outpainting; each gives a column of codes."""
    pairs: PairSelection
    """Clips that become super-resolution pairs."""
    formats: Formats
    """Clip formats of the whole pipeline; each gives a group of rows."""

    def __post_init__(self) -> None:
        if self.batch_tokens < 1:
            raise ValueError(f"pretokenize.batch_tokens must be positive, got {self.batch_tokens}")
        if len(set(self.regions)) != len(self.regions):
            raise ValueError(f"pretokenize.regions names a region twice: {list(self.regions)}")
        if min(self.pairs.stage1_clips, self.pairs.stage2_clips) < 0 or self.pairs.heldout_clips < 1:
            raise ValueError("pretokenize.pairs: heldout_clips must be positive, the others must not be negative")

    def hr_format(self, stage: Stage) -> Format:
        """Return the output format of super-resolution `stage`: 2 or 4 times the height and width of a base clip."""
        base = self.formats.of(self.formats.clip_frames, self.pairs.orientation)
        return base.scaled(2 if stage == "stage1" else 4)
