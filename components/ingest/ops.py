"""Pictures in time -> spans of one shot. Pure.

A span has exactly `long_frames` or `clip_frames` pictures and never crosses a change of shot. Spans are taken from the
start of each shot without gaps; what is left over is not used.

Shapes: T frames, H rows, W columns.
"""

import hashlib
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from components.common.formats import Formats, Orientation
from components.media import pixels

Pixels = npt.NDArray[np.uint8]
TRANSFORM = 1  # part of every clip id: raise it when the same span of the same source becomes another clip
THUMBNAIL_PX, LATELY, OUTLIER, NOISE = 16, 4, 3.0, 0.01  # see Shots
SILENCE = 1e-4  # peak: 80 dB below full scale, above the dither of no codec


@dataclass(frozen=True)
class Span:
    """Consecutive pictures; `start_s` is on the container's clock."""

    start_s: float
    pixels: Pixels  # (T, H, W, 3)


def spans(
    pictures: Iterable[tuple[float, Pixels]], formats: Formats, *, most: int, shot_change: float
) -> Iterator[Span]:
    """Cut pictures, one every 1/fps s, into at most `most` spans; reads no further than it needs."""
    count = 0
    for part in _parts(pictures, formats.long_frames, shot_change):
        frames = formats.long_frames if len(part) == formats.long_frames else formats.clip_frames
        for start in range(0, len(part) - frames + 1, frames):
            yield Span(part[start][0], np.stack([picture for _, picture in part[start : start + frames]]))
            count += 1
            if count == most:
                return


def _parts(
    pictures: Iterable[tuple[float, Pixels]], most: int, shot_change: float
) -> Iterator[list[tuple[float, Pixels]]]:
    """Part pictures where the shot changes, and where a part has `most` of them."""
    part: list[tuple[float, Pixels]] = []
    shots = Shots(shot_change)
    for time_s, picture in pictures:
        if (shots.changed(picture) and part) or len(part) == most:
            yield part
            part = []
        part.append((time_s, picture))
    if part:
        yield part


class Shots:
    """Finds where a picture belongs to another shot than the one before it.

    There the mean change of a thumbnail's pixel exceeds both `least` (a share of the full scale) and OUTLIER times what
    it was lately, so that neither a fast camera nor a fade is taken for a cut.
    """

    def __init__(self, least: float):
        self.least = least
        self.shown: Pixels | None = None
        self.thumbnail: npt.NDArray[np.float32] | None = None
        self.lately: deque[float] = deque(maxlen=LATELY)

    def changed(self, picture: Pixels) -> bool:
        """Whether `picture` starts another shot; to be asked for every picture in turn."""
        if self.shown is picture:  # a frame that is held comes as the same array
            return False
        before, self.shown = self.thumbnail, picture
        self.thumbnail = pixels.resize(picture, THUMBNAIL_PX, THUMBNAIL_PX).astype(np.float32)
        if before is None:
            return False
        change = float(np.abs(self.thumbnail - before).mean()) / 255
        if self.lately and change > self.least and change > OUTLIER * (sum(self.lately) / len(self.lately) + NOISE):
            return True
        self.lately.append(change)
        return False


def motion(frames_THWC: Pixels) -> float:
    """Mean change of a pixel from picture to picture, as a share of the full scale; 0 for a still."""
    if len(frames_THWC) < 2:
        return 0.0
    grey = frames_THWC[:, ::2, ::2].mean(axis=-1, dtype=np.float32)
    return round(float(np.abs(np.diff(grey, axis=0)).mean(dtype=np.float64)) / 255, 6)


def orientation(height_px: int, width_px: int, formats: Formats) -> Orientation:
    """Which of the two shapes loses less to cropping."""
    square, portrait = formats.height_px / formats.width_px, formats.portrait_height_px / formats.portrait_width_px
    return "portrait" if height_px / width_px > (square * portrait) ** 0.5 else "square"


def audio_state(samples_S: npt.NDArray[np.float32] | None) -> Literal["audible", "silent", "none"]:
    """Whether there is sound, a track of silence, or no track."""
    if samples_S is None:
        return "none"
    return "audible" if float(np.abs(samples_S).max(initial=0.0)) > SILENCE else "silent"


def clip_id(source_sha256: str, start_s: float, frames: int, fps: int) -> str:
    """Name of a span of a source, the same for ever (64 hex digits)."""
    span = f"{source_sha256}:{round(start_s * 1000)}:{frames}:{fps}:{TRANSFORM}"
    return hashlib.sha256(span.encode()).hexdigest()
