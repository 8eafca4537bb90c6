"""Real clips -> files shown beside generated ones: the whole clip, or the part that a task was given."""

from collections.abc import Mapping
from dataclasses import dataclass

from components.common.formats import Format
from components.filter.data import Clips
from components.media import images, video
from components.pretokenize import regions
from components.pretokenize.config import Region
from components.report.records import Kind


@dataclass(frozen=True)
class Original:
    """A real clip at a size, its leading frames alone, or all but a masked region."""

    clip_id: str
    fmt: Format
    frames: int
    region: Region | None

    @property
    def is_complete(self) -> bool:
        """True if nothing of the clip is missing."""
        return self.frames == self.fmt.frames and self.region is None

    @property
    def kind(self) -> Kind:
        """`image` for a single frame."""
        return "image" if self.frames == 1 else "video"

    @property
    def name(self) -> str:
        """Name of its file, the same for the same pixels."""
        part = "" if self.frames == self.fmt.frames else f"-{self.frames}"
        masked = f"-{self.region}" if self.region else ""
        return f"{self.clip_id}-{self.fmt.name}{part}{masked}{'.png' if self.kind == 'image' else '.mp4'}"


class Originals:
    """The kept clips by their ids."""

    def __init__(self, clips: Clips):
        self.clips = clips
        known = [clips[row] for row in range(len(clips))]
        self.rows: Mapping[str, int] = {clip.clip_id: row for row, clip in enumerate(known)}
        self.audible: Mapping[str, bool] = {clip.clip_id: clip.audio_state == "audible" for clip in known}

    def encode(self, original: Original, *, fps: int, sample_rate_hz: int) -> bytes:
        """Encode an image, or a clip, with its audio where it is complete and audible."""
        row = self.rows[original.clip_id]
        frames_THWC = self.clips.pixels(row, original.fmt)[: original.frames]
        if original.region is not None:
            frames_THWC = regions.condition(frames_THWC, original.region)
        if original.kind == "image":
            return images.encode_png(frames_THWC[0])
        is_audible = original.is_complete and self.audible[original.clip_id]
        audio_S = self.clips.samples(row, original.fmt.frames) if is_audible else None
        return video.encode_mp4(frames_THWC, fps=fps, audio_S=audio_S, sample_rate_hz=sample_rate_hz)
