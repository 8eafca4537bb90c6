"""The shapes that pictures, clips and sounds take everywhere: the `formats` section of params.yaml.

An image is a clip of one frame. Sizes are base sizes, before super-resolution (stage 1 doubles, stage 2 quadruples).
"""

from dataclasses import dataclass
from typing import Literal

Orientation = Literal["square", "portrait"]
PORTRAIT = "_portrait"  # ends the names of portrait formats


@dataclass(frozen=True)
class Format:
    """One shape of a clip."""

    name: str
    frames: int
    height_px: int
    width_px: int
    orientation: Orientation

    def scaled(self, factor: int) -> "Format":
        """The same frames at `factor` times the height and width, as super-resolution makes them."""
        height_px, width_px = self.height_px * factor, self.width_px * factor
        return Format(f"{self.name}_x{factor}", self.frames, height_px, width_px, self.orientation)


@dataclass(frozen=True)
class Formats:
    """Frame counts, sizes and rates (paper, §4.1: 17 and 41 frames at 8 fps, 128×128 and 224 high × 128 wide)."""

    fps: int
    clip_frames: int
    long_frames: int
    height_px: int
    width_px: int
    portrait_height_px: int
    portrait_width_px: int
    sample_rate_hz: int
    text_tokens: int

    def __post_init__(self) -> None:
        for name in ("clip_frames", "long_frames"):
            if (getattr(self, name) - 1) % 4:
                raise ValueError(
                    f"formats.{name} must be 1 + a multiple of 4 (tokens cover 4 frames), got {getattr(self, name)}"
                )
        if self.long_frames <= self.clip_frames:
            raise ValueError(
                f"formats.long_frames must exceed clip_frames ({self.clip_frames}), got {self.long_frames}"
            )
        if self.portrait_height_px <= self.portrait_width_px:
            raise ValueError("formats.portrait_height_px must exceed portrait_width_px; swap the two")
        if (
            min(self.fps, self.height_px, self.width_px, self.portrait_width_px, self.sample_rate_hz, self.text_tokens)
            < 1
        ):
            raise ValueError("formats: every number must be positive")

    @property
    def image(self) -> Format:
        """A square still picture."""
        return self.of(1, "square")

    @property
    def image_portrait(self) -> Format:
        """An upright still picture."""
        return self.of(1, "portrait")

    @property
    def clip(self) -> Format:
        """The usual square clip."""
        return self.of(self.clip_frames, "square")

    @property
    def clip_portrait(self) -> Format:
        """The usual clip, upright."""
        return self.of(self.clip_frames, "portrait")

    @property
    def long(self) -> Format:
        """The long square clip."""
        return self.of(self.long_frames, "square")

    @property
    def long_portrait(self) -> Format:
        """The long clip, upright."""
        return self.of(self.long_frames, "portrait")

    def all(self) -> tuple[Format, ...]:
        """Every format, images first."""
        return (self.image, self.image_portrait, self.clip, self.clip_portrait, self.long, self.long_portrait)

    def of(self, frames: int, orientation: Orientation) -> Format:
        """The format of `frames` frames; raises ValueError for a frame count that no format has."""
        kinds = {1: "image", self.clip_frames: "clip", self.long_frames: "long"}
        if frames not in kinds:
            raise ValueError(f"no format has {frames} frames: choose one of {sorted(kinds)}")
        if orientation == "portrait":
            height_px, width_px = self.portrait_height_px, self.portrait_width_px
            return Format(kinds[frames] + PORTRAIT, frames, height_px, width_px, orientation)
        return Format(kinds[frames], frames, self.height_px, self.width_px, orientation)

    def samples(self, frames: int) -> int:
        """Sound samples that last as long as `frames` frames, rounded down."""
        return frames * self.sample_rate_hz // self.fps


def orientation_of(name: str) -> Orientation:
    """Return the orientation of a base format of which only the name is known, as in token shards."""
    return "portrait" if name.endswith(PORTRAIT) else "square"
