"""The shapes of images, clips and audio in all stages: the `formats` section of params.yaml.

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
        """Return the same frames at `factor` times the height and width, as super-resolution makes them."""
        height_px, width_px = self.height_px * factor, self.width_px * factor
        return Format(f"{self.name}_x{factor}", self.frames, height_px, width_px, self.orientation)


@dataclass(frozen=True)
class Formats:
    """Frame counts, sizes and rates (paper, §4.1: 17 and 41 frames at 8 fps, 128×128 and 224 high × 128 wide)."""

    fps: int
    """Frames per second of all clips."""

    clip_frames: int
    """Frames of a usual clip: 1 + a multiple of 4, because a latent frame covers 4 frames."""

    long_frames: int
    """Frames of a long clip: 1 + a multiple of 4, more than `clip_frames`."""

    height_px: int
    """Height of square clips and images."""

    width_px: int
    """Width of square clips and images."""

    portrait_height_px: int
    """Height of portrait clips and images."""

    portrait_width_px: int
    """Width of portrait clips and images."""

    sample_rate_hz: int
    """Samples per second of all audio."""

    text_tokens: int
    """Most tokens of a caption that the models see."""

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
        """A square still image."""
        return self.of(1, "square")

    @property
    def image_portrait(self) -> Format:
        """A portrait still image."""
        return self.of(1, "portrait")

    @property
    def clip(self) -> Format:
        """The usual square clip."""
        return self.of(self.clip_frames, "square")

    @property
    def clip_portrait(self) -> Format:
        """The usual clip in portrait orientation."""
        return self.of(self.clip_frames, "portrait")

    @property
    def long(self) -> Format:
        """The long square clip."""
        return self.of(self.long_frames, "square")

    @property
    def long_portrait(self) -> Format:
        """The long clip in portrait orientation."""
        return self.of(self.long_frames, "portrait")

    def all(self) -> tuple[Format, ...]:
        """Return every format, images first."""
        return (self.image, self.image_portrait, self.clip, self.clip_portrait, self.long, self.long_portrait)

    def of(self, frames: int, orientation: Orientation) -> Format:
        """Return the format of `frames` frames; raises ValueError for a frame count that no format has."""
        kinds = {1: "image", self.clip_frames: "clip", self.long_frames: "long"}
        if frames not in kinds:
            raise ValueError(f"no format has {frames} frames: choose one of {sorted(kinds)}")
        if orientation == "portrait":
            height_px, width_px = self.portrait_height_px, self.portrait_width_px
            return Format(kinds[frames] + PORTRAIT, frames, height_px, width_px, orientation)
        return Format(kinds[frames], frames, self.height_px, self.width_px, orientation)

    def samples(self, frames: int) -> int:
        """Return how many audio samples last as long as `frames` frames, rounded down."""
        return frames * self.sample_rate_hz // self.fps


def orientation_of(name: str) -> Orientation:
    """Return the orientation of a base format of which only the name is known, as in token shards."""
    return "portrait" if name.endswith(PORTRAIT) else "square"
