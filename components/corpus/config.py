"""What may be chosen about the rendered corpus."""

from dataclasses import dataclass

from components.common.formats import Formats


@dataclass(frozen=True)
class Config:
    """How many files of which kinds are rendered, and how large. Shares are parts of all videos."""

    formats: Formats
    threads: int
    seed: int
    videos: int
    images: int
    heldout_videos: int  # all captioned; combinations that training never sees come first
    heldout_images: int
    scale: int  # pixels of a file per pixel of the base format
    fps: int
    sample_rate_hz: int
    seconds: float
    long_seconds: float
    long_share: float
    portrait_share: float  # of the images too
    silent_share: float  # a sound track of digital silence
    soundless_share: float  # no sound track
    uncaptioned_share: float  # of the videos and images that are not held out
    crf: int  # constant rate factor of H.264: lower is better

    def __post_init__(self) -> None:
        if self.heldout_videos > self.videos or self.heldout_images > self.images:
            raise ValueError("corpus: heldout_videos and heldout_images are parts of videos and images; lower them")
        for name in ("long_share", "portrait_share", "silent_share", "soundless_share", "uncaptioned_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"corpus.{name} must lie between 0 and 1, got {getattr(self, name)}")
        if self.silent_share + self.soundless_share > 1:
            raise ValueError("corpus: silent_share + soundless_share must not exceed 1")
        for name, frames in (("seconds", self.formats.clip_frames), ("long_seconds", self.formats.long_frames)):
            if getattr(self, name) * self.formats.fps < frames:
                raise ValueError(f"corpus.{name} must be at least {frames / self.formats.fps} for {frames} frames")
        if self.scale * self.formats.height_px % 2 or self.scale * self.formats.portrait_height_px % 2:
            raise ValueError("corpus.scale must make even sizes (H.264 with 4:2:0 colour)")
