"""Frames in time -> spans of one shot. Pure.

A span has exactly `long_frames` or `clip_frames` frames and never crosses a shot boundary. Spans are taken from the
start of each shot without gaps; the remainder is not used.

Shapes: T frames, H rows, W columns.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from components.common.formats import Formats, Orientation
from components.media.colors import LUMA_LEVELS
from components.media.frames import Planes

TRANSFORM = 2  # part of every clip id: raise it when the same span of the same source becomes another clip
SILENCE = 1e-4  # peak: 80 dB below full scale, above the dither of no codec


@dataclass(frozen=True)
class Span:
    """Consecutive frames; `start_s` is on the container's clock."""

    start_s: float
    planes: Planes  # (T, 3/2 · H, W)


def spans(
    timed_frames: Iterable[tuple[float, Planes]], formats: Formats, *, most: int, shot: Callable[[float], int]
) -> Iterator[Span]:
    """Cut frames, one every 1/fps s, into at most `most` spans; reads no further than needed.

    `shot` returns the number of the shot at an instant; it is called for a frame only after that frame was read.
    """
    count = 0
    for part in _parts(timed_frames, formats.long_frames, shot):
        frames = formats.long_frames if len(part) == formats.long_frames else formats.clip_frames
        for start in range(0, len(part) - frames + 1, frames):
            yield Span(part[start][0], np.stack([planes for _, planes in part[start : start + frames]]))
            count += 1
            if count == most:
                return


def _parts(
    timed_frames: Iterable[tuple[float, Planes]], most: int, shot: Callable[[float], int]
) -> Iterator[list[tuple[float, Planes]]]:
    """Split frames where the shot changes, and where a part has `most` frames."""
    part: list[tuple[float, Planes]] = []
    for time_s, planes in timed_frames:
        if part and (len(part) == most or shot(time_s) != shot(part[-1][0])):
            yield part
            part = []
        part.append((time_s, planes))
    if part:
        yield part


def motion(planes_TPW: Planes) -> float:
    """Return the mean change of a sample (luma or chroma) between frames, as a share of luma's range; 0 for one."""
    if len(planes_TPW) < 2:
        return 0.0
    sampled = planes_TPW[:, ::2, ::2].astype(np.int16)
    return round(float(np.abs(np.diff(sampled, axis=0)).mean(dtype=np.float64)) / LUMA_LEVELS, 6)


def orientation(height_px: int, width_px: int, formats: Formats) -> Orientation:
    """Return the orientation that loses less to cropping."""
    square, portrait = formats.height_px / formats.width_px, formats.portrait_height_px / formats.portrait_width_px
    return "portrait" if height_px / width_px > (square * portrait) ** 0.5 else "square"


def audio_state(samples_S: npt.NDArray[np.float32] | None) -> Literal["audible", "silent", "none"]:
    """Classify audio as audible, as a silent track, or as absent."""
    if samples_S is None:
        return "none"
    return "audible" if float(np.abs(samples_S).max(initial=0.0)) > SILENCE else "silent"


def clip_id(source_sha256: str, start_s: float, frames: int, fps: int) -> str:
    """Return the permanent id of a span of a source (64 hex digits)."""
    span = f"{source_sha256}:{round(start_s * 1000)}:{frames}:{fps}:{TRANSFORM}"
    return hashlib.sha256(span.encode()).hexdigest()
