"""What may be chosen about keeping clips."""

from dataclasses import dataclass

from components.common.formats import Formats


@dataclass(frozen=True)
class Config:
    """The rules a clip must pass, and how sources without a split are divided."""

    formats: Formats
    threads: int
    min_duration_s: float  # of a video
    min_side_px: int
    min_motion: float  # mean change of a pixel from frame to frame of a video, as a share of the full scale
    duplicate_distance: float  # mean difference of two clips' thumbnails below which they are the same, as such a share
    heldout_share: float  # of the sources that come without a split
    shard_digits: int  # shards are named by so many hex digits of the clip id

    def __post_init__(self) -> None:
        for name in ("min_motion", "duplicate_distance", "heldout_share"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"filter.{name} must lie in [0, 1), got {getattr(self, name)}")
        shortest_s = self.formats.clip_frames / self.formats.fps
        if self.min_duration_s > self.formats.long_frames / self.formats.fps:
            raise ValueError(f"filter.min_duration_s would drop every clip: choose at most {shortest_s}")
        if self.threads < 1 or not 1 <= self.shard_digits <= 3:
            raise ValueError("filter: threads must be positive and shard_digits 1, 2 or 3")
