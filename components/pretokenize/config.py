"""What may be chosen about the token shards."""

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
class Pairs:
    """Which clips become super-resolution pairs: the first so many by clip id, which is a hash, so a random subset."""

    orientation: Orientation
    stage1_clips: int  # of the training split; 0 makes no pairs: a fine-tune needs none
    stage2_clips: int
    heldout_clips: int  # of either stage

    def limits(self, stage: Stage) -> dict[str, int]:
        """Upper limit on the pairs of `stage`, by split."""
        return {"train": self.stage1_clips if stage == "stage1" else self.stage2_clips, "heldout": self.heldout_clips}


@dataclass(frozen=True)
class Config:
    """One pass over the kept clips."""

    threads: int
    batch_tokens: int  # clips are encoded together up to this many visual tokens, and at least one by one
    precision: Precision  # of the visual tokenizer: half changes a code in a hundred
    regions: tuple[Region, ...]  # of the masked video-to-video tasks: what is hidden from the condition
    pairs: Pairs
    formats: Formats

    def __post_init__(self) -> None:
        if self.batch_tokens < 1:
            raise ValueError(f"pretokenize.batch_tokens must be positive, got {self.batch_tokens}")
        if len(set(self.regions)) != len(self.regions):
            raise ValueError(f"pretokenize.regions names a region twice: {list(self.regions)}")
        if min(self.pairs.stage1_clips, self.pairs.stage2_clips) < 0 or self.pairs.heldout_clips < 1:
            raise ValueError("pretokenize.pairs: heldout_clips must be positive, the others must not be negative")

    def high(self, stage: Stage) -> Format:
        """The format that super-resolution `stage` makes: 2 or 4 times the height and width of a base clip."""
        base = self.formats.of(self.formats.clip_frames, self.pairs.orientation)
        return base.scaled(2 if stage == "stage1" else 4)
