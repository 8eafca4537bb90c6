"""Configuration of the rendered corpus."""

from dataclasses import dataclass

from components.common.formats import Formats


@dataclass(frozen=True)
class Config:
    """Numbers, sizes and properties of the rendered files. Shares are parts of all videos."""

    formats: Formats
    """Clip formats of the whole pipeline; files are multiples of their sizes."""
    threads: int
    """Files rendered in parallel; changes no output."""
    seed: int
    """Seed of the content of all files."""
    videos: int
    """Number of videos, held-out ones included."""
    images: int
    """Number of images, held-out ones included."""
    heldout_videos: int
    """Held-out videos, all captioned; combinations of shape, color and motion that training never shows come first."""
    heldout_images: int
    """Held-out images, all captioned."""
    scale: int
    """Pixels of a file per pixel of the base format, along each side."""
    fps: int
    """Frame rate of the videos, in frames per second."""
    sample_rate_hz: int
    """Sample rate of the audio, in Hz."""
    seconds: float
    """Duration of a usual video, in seconds; at least that of the format `clip`."""
    long_seconds: float
    """Duration of a long video, in seconds; at least that of the format `long`."""
    long_share: float
    """Share of long videos (0 to 1)."""
    portrait_share: float
    """Share of portrait videos, and of portrait images (0 to 1)."""
    silent_share: float
    """Share of videos with an audio track of digital silence (0 to 1)."""
    without_audio_share: float
    """Share of videos without an audio track (0 to 1)."""
    uncaptioned_share: float
    """Share of the training videos and images without a caption (0 to 1)."""
    crf: int
    """Constant rate factor of H.264 (0 to 51): lower is better and larger."""

    def __post_init__(self) -> None:
        if self.heldout_videos > self.videos or self.heldout_images > self.images:
            raise ValueError("corpus: heldout_videos and heldout_images are parts of videos and images; lower them")
        for name in ("long_share", "portrait_share", "silent_share", "without_audio_share", "uncaptioned_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"corpus.{name} must lie between 0 and 1, got {getattr(self, name)}")
        if self.silent_share + self.without_audio_share > 1:
            raise ValueError("corpus: silent_share + without_audio_share must not exceed 1")
        for name, frames in (("seconds", self.formats.clip_frames), ("long_seconds", self.formats.long_frames)):
            if getattr(self, name) * self.formats.fps < frames:
                raise ValueError(f"corpus.{name} must be at least {frames / self.formats.fps} for {frames} frames")
        if self.scale * self.formats.height_px % 2 or self.scale * self.formats.portrait_height_px % 2:
            raise ValueError("corpus.scale must make even sizes (H.264 with 4:2:0 color)")
