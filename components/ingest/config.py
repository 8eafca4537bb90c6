"""Configuration of ingest: which parts of a file become clips, how they are stored, and limits of decoding."""

from dataclasses import dataclass

from components.common.formats import Formats


@dataclass(frozen=True)
class Config:
    """Cutting, storing and limits of decoding."""

    formats: Formats
    """Clip formats of the whole pipeline."""
    threads: int
    """Files decoded in parallel, each in a process of its own; changes no output."""
    scale: int
    """Stored pixels per pixel of the base format, along each side: 4 for the last super-resolution stage."""
    crf: int
    """Constant rate factor of the stored H.264 (0 to 51): lower is better and larger."""
    spans_per_source: int
    """Greatest number of clips of one file."""
    shot_change: float
    """Least mean change of hue, saturation and value at a cut, in levels of 255."""
    shot_ratio: float
    """Least ratio of the change at a cut to the changes around it; at least 1."""
    min_side_px: int
    """Least length of a file's shorter side, in pixels; smaller files are refused."""
    max_pixels: int
    """Greatest number of pixels of one image, by its header; larger files are refused."""
    memory_limit_mib: int
    """Memory that decoding one file may take, in MiB; at least 256."""
    time_limit_s: int
    """Processor time that decoding one file may take, in seconds."""
    max_error_rate: float
    """Share of files that may be refused before the stage fails (0 to 1)."""
    shard_digits: int
    """Hex digits of the clip id that name a shard: 1, 2 or 3, for 16, 256 or 4096 shards per batch."""

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
        if self.memory_limit_mib < 256:
            raise ValueError(f"ingest.memory_limit_mib must be at least 256, got {self.memory_limit_mib}")
