"""What may be chosen about turning files into clips."""

from dataclasses import dataclass

from components.common.formats import Formats


@dataclass(frozen=True)
class Config:
    """Which parts of a file become clips, how they are stored, and what a file may cost."""

    formats: Formats
    threads: int  # files decoded side by side, each in a process of its own
    scale: int  # stored pixels per pixel of the base format: the last super-resolution stage
    crf: int  # constant rate factor of H.264: lower is better
    spans_per_source: int
    shot_change: float  # least mean change of hue, saturation and value at a cut, of 255
    shot_ratio: float  # how many times the changes round it that is at least
    min_side_px: int
    max_pixels: int  # of one picture, by its header
    memory_limit_mb: int  # of decoding one file
    time_limit_s: int  # processor seconds of decoding one file
    max_error_rate: float  # share of the files that may be refused
    shard_digits: int  # shards are named by so many hex digits of the clip id

    def __post_init__(self) -> None:
        if not 1 <= self.shard_digits <= 3:
            raise ValueError(f"ingest.shard_digits must be 1, 2 or 3, got {self.shard_digits}")
        if not 0 < self.shot_change <= 255:
            raise ValueError(f"ingest.shot_change must lie in (0, 255], got {self.shot_change}")
        if self.shot_ratio < 1:
            raise ValueError(f"ingest.shot_ratio must be at least 1, got {self.shot_ratio}")
        if not 0 <= self.max_error_rate <= 1:
            raise ValueError(f"ingest.max_error_rate must lie in [0, 1], got {self.max_error_rate}")
        if min(self.threads, self.scale, self.spans_per_source, self.min_side_px, self.time_limit_s) < 1:
            raise ValueError("ingest: threads, scale, spans_per_source, min_side_px and time_limit_s must be positive")
        if self.memory_limit_mb < 256:
            raise ValueError(f"ingest.memory_limit_mb must be at least 256, got {self.memory_limit_mb}")

    @property
    def stored_height_px(self) -> int:
        """Height that every stored picture covers, where the source is large enough."""
        return self.scale * self.formats.height_px

    @property
    def stored_width_px(self) -> int:
        """Width that every stored picture covers, where the source is large enough."""
        return self.scale * self.formats.width_px
