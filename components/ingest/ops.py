"""Pictures in time -> spans of one shot. Pure.

A span has exactly `long_frames` or `clip_frames` pictures and never crosses a change of shot. Spans are taken from the
start of each shot without gaps; what is left over is not used.

Shapes: T frames, H rows, W columns.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from components.common.formats import Formats, Orientation

Pixels = npt.NDArray[np.uint8]
TRANSFORM = 1  # part of every clip id: raise it when the same span of the same source becomes another clip
LEVELS = 4  # per colour in the histogram that finds changes of shot
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
    for shot in _full_or_ended(pictures, formats.long_frames, shot_change):
        frames = formats.long_frames if len(shot) == formats.long_frames else formats.clip_frames
        for start in range(0, len(shot) - frames + 1, frames):
            yield Span(shot[start][0], np.stack([pixels for _, pixels in shot[start : start + frames]]))
            count += 1
            if count == most:
                return


def _full_or_ended(
    pictures: Iterable[tuple[float, Pixels]], full: int, shot_change: float
) -> Iterator[list[tuple[float, Pixels]]]:
    """Group pictures until a group is full or its shot ends."""
    group: list[tuple[float, Pixels]] = []
    before: npt.NDArray[np.float64] | None = None
    shown: Pixels | None = None
    for time_s, pixels in pictures:
        if shown is not pixels:  # held frames come as the same array
            colours = histogram(pixels)
            if before is not None and difference(before, colours) > shot_change and group:
                yield group
                group = []
            before, shown = colours, pixels
        group.append((time_s, pixels))
        if len(group) == full:
            yield group
            group = []
    if group:
        yield group


def histogram(pixels_HWC: Pixels) -> npt.NDArray[np.float64]:
    """Share of the pixels at each of LEVELS³ colours."""
    coarse = pixels_HWC // (256 // LEVELS)
    index = (coarse[..., 0].astype(np.int64) * LEVELS + coarse[..., 1]) * LEVELS + coarse[..., 2]
    return np.asarray(np.bincount(index.ravel(), minlength=LEVELS**3) / index.size, np.float64)


def difference(one: npt.NDArray[np.float64], other: npt.NDArray[np.float64]) -> float:
    """Share of the pixels that changed colour, at the least: 0 for the same colours, 1 for none in common."""
    return float(np.abs(one - other).sum() / 2)


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
