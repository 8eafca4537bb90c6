"""Decoded frames -> the shot of an instant: cuts by PySceneDetect's adaptive detector, and dissolves.

All frames of the source are examined, not only those that are kept, so that a cut is found to the frame. A change is a
cut if it is large, and much larger than those of the frames around it: a fast camera is no cut.
"""

from bisect import bisect_right
from collections import deque
from collections.abc import Iterable, Iterator
from functools import partial
from typing import NamedTuple

import cv2
import numpy as np
from av import VideoFrame
from av.video.reformatter import Interpolation, VideoReformatter
from scenedetect.common import FrameTimecode
from scenedetect.detectors import AdaptiveDetector

from components.ingest.dissolves import Dissolves
from components.media import alpha
from components.media.arrays import Pixels
from components.media.video import TOLERANCE_S

HEIGHT_PX, WIDTH_PX = 36, 64
DARKEST = 32  # hue and saturation of what is darker are noise
QUIET = 1 / 6  # of a cut's change: where colors differ less from frame to frame, there is no cut
AROUND = 2  # frames before and after that a change is compared with
BATCH = 16  # frames examined at once: alternating with the decoder, which evicts the caches, costs more
MOST_REPEATS = 24  # after which a frame that repeats is examined again


class Shots:
    """Counts the shots of one file while its frames pass; a dissolve between two shots is a shot of its own.

    The video is extended by its own reflection at both ends, so that a cut near them has neighbors to compare with.
    """

    def __init__(self, *, change: float, ratio: float):
        """Find cuts whose mean change of hue, saturation and value is `change` of 255, and `ratio` times the usual."""
        self._cuts = Cuts(change, ratio)
        self._dissolves = Dissolves()
        self._scaler = VideoReformatter()  # kept: setting one up costs more than using it
        self._small: list[tuple[float, Pixels]] = []
        self._latest: deque[tuple[float, Pixels]] = deque(maxlen=AROUND + 1)
        self._repeats = 0
        self._shown_s: list[float] = []
        self._cuts_s: list[float] = []
        self._is_over = False

    def watch(self, frames: Iterable[VideoFrame]) -> Iterator[VideoFrame]:
        """Examine frames and pass them on."""
        for frame in frames:
            if frame.pts is not None:
                self._small.append((frame.time, self._shrunk(frame)))
                if len(self._small) == BATCH:
                    self._examine()
            yield frame

    def end(self) -> None:
        """Finish after the last frame."""
        self._examine()
        if not self._shown_s:
            self._begin()
        for time_s, frame_HWC in [*self._latest][-2::-1]:
            self._show(max(time_s, self._shown_s[-1]), frame_HWC)
        self._dissolves.search()
        self._is_over = True

    def knows(self, time_s: float) -> bool:
        """Return True if the frames so far determine the shot of an instant."""
        if self._is_over or len(self._shown_s) <= AROUND:
            return self._is_over
        return time_s + TOLERANCE_S < min(self._shown_s[-AROUND], self._dissolves.known_s)

    def number(self, time_s: float) -> int:
        """Return the number of the shot at an instant, from 0."""
        time_s += TOLERANCE_S
        return bisect_right(self._cuts_s, time_s) + bisect_right(self._dissolves.edges_s, time_s)

    def _shrunk(self, frame: VideoFrame) -> Pixels:
        kind = "bgra" if alpha.has_alpha(frame) else "bgr24"
        small = self._scaler.reformat(frame, WIDTH_PX, HEIGHT_PX, kind, interpolation=Interpolation.AREA, threads=1)
        stored: Pixels = np.asarray(small.to_ndarray(), np.uint8)
        return alpha.over_white(stored).astype(np.uint8) if kind == "bgra" else stored

    def _examine(self) -> None:
        for time_s, small_HWC in self._small:
            self._dissolves.add(time_s, small_HWC)
            frame_HWC = np.maximum(small_HWC, np.uint8(DARKEST))
            if self._latest and self._repeats < MOST_REPEATS and not difference(frame_HWC, self._latest[-1][1]):
                self._repeats += 1
                continue  # a repeated frame would make all changes beside it look sudden
            self._repeats = 0
            self._latest.append((time_s, frame_HWC))
            if self._shown_s:
                self._show(time_s, frame_HWC)
            elif len(self._latest) > AROUND:
                self._begin()
        self._small.clear()

    def _begin(self) -> None:
        for _, frame_HWC in [*self._latest][:0:-1]:
            self._show(self._latest[0][0], frame_HWC)
        for time_s, frame_HWC in self._latest:
            self._show(time_s, frame_HWC)

    def _show(self, time_s: float, frame_HWC: Pixels) -> None:
        self._shown_s.append(time_s)
        self._cuts_s += [self._shown_s[number] for number in self._cuts.add(frame_HWC)]


class NumberedFrame(NamedTuple):
    """A frame and its number, from 0."""

    number: int
    pixels: Pixels
    differs: bool  # from the frame before


class Cuts:
    """Runs PySceneDetect's detector, which is slow, only on frames that differ and those around them."""

    def __init__(self, change: float, ratio: float):
        self._new_detector = partial(
            AdaptiveDetector, adaptive_threshold=ratio, min_scene_len=1, window_width=AROUND, min_content_val=change
        )
        self._least = QUIET * change
        self._latest: deque[NumberedFrame] = deque(maxlen=AROUND + 1)
        self._count = 0
        self._detector: AdaptiveDetector | None = None
        self._awaited = 0  # frames that it must still be given

    def add(self, frame_HWC: Pixels) -> list[int]:
        """Add the next frame; returns the number of the one `AROUND` before it, if that is the first after a cut."""
        differs = bool(self._latest) and difference(frame_HWC, self._latest[-1].pixels) >= self._least
        if differs:
            self._awaited = AROUND + 1
            if self._detector is None:
                self._detector = self._new_detector()
                for seen in self._latest:
                    self._detect(seen.number, seen.pixels)
        found = []
        if self._awaited:
            found = [number for number in self._detect(self._count, frame_HWC) if self._latest[-AROUND].differs]
            self._awaited -= 1
        if not self._awaited:
            self._detector = None
        self._latest.append(NumberedFrame(self._count, frame_HWC, differs))
        self._count += 1
        return found

    def _detect(self, number: int, frame_HWC: Pixels) -> list[int]:
        assert self._detector is not None
        return [cut.frame_num for cut in self._detector.process_frame(FrameTimecode(number, 1.0), frame_HWC)]


def difference(one: Pixels, other: Pixels) -> float:
    """Return the mean difference over all color channels, of 255."""
    return cv2.norm(one, other, cv2.NORM_L1) / one.size
