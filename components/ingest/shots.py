"""Decoded frames -> in which shot an instant lies: cuts by PySceneDetect's adaptive detector, and dissolves.

Every frame of the source is looked at, not those alone that become pictures, so that a cut is found to the frame. A
change counts where it is large, and much larger than those of the frames round it: a fast camera is no cut.
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
from components.media.frames import Pixels
from components.media.video import TOLERANCE_S

HEIGHT_PX, WIDTH_PX = 36, 64
DARKEST = 32  # hue and saturation of what is darker are noise
QUIET = 1 / 6  # of a cut's change: where colours differ less from frame to frame, there is none
AROUND = 2  # frames before and after that a change is compared with
BATCH = 16  # frames that are looked at in a row: right after the decoder, which leaves no cache warm, it costs more
MOST_REPEATS = 24  # after which a picture that stands still is looked at again


class Shots:
    """Counts the shots of one file while its frames go by; what dissolves from one to another is a shot of its own.

    The film is looked at as if it ran backwards before its beginning and after its end, so that a cut beside them has
    neighbours to stand out from.
    """

    def __init__(self, *, change: float, ratio: float):
        """A cut changes hue, saturation and value by `change` of 255 on average, `ratio` times what is usual there."""
        self._cuts = Cuts(change, ratio)
        self._dissolves = Dissolves()
        self._scaler = VideoReformatter()  # kept, for setting one up costs more than using it
        self._small: list[tuple[float, Pixels]] = []
        self._latest: deque[tuple[float, Pixels]] = deque(maxlen=AROUND + 1)
        self._repeats = 0
        self._shown_s: list[float] = []
        self._cuts_s: list[float] = []
        self._is_over = False

    def watch(self, frames: Iterable[VideoFrame]) -> Iterator[VideoFrame]:
        """Look at frames and pass them on."""
        for frame in frames:
            if frame.pts is not None:
                self._small.append((frame.time, self._shrunk(frame)))
                if len(self._small) == BATCH:
                    self._look()
            yield frame

    def end(self) -> None:
        """Say that no frame comes any more."""
        self._look()
        if not self._shown_s:
            self._begin()
        for time_s, picture in [*self._latest][-2::-1]:
            self._show(max(time_s, self._shown_s[-1]), picture)
        self._dissolves.look()
        self._is_over = True

    def knows(self, time_s: float) -> bool:
        """Whether the frames that went by say in which shot an instant lies."""
        if self._is_over or len(self._shown_s) <= AROUND:
            return self._is_over
        return time_s + TOLERANCE_S < min(self._shown_s[-AROUND], self._dissolves.known_s)

    def number(self, time_s: float) -> int:
        """Number of the shot that an instant lies in, from 0."""
        time_s += TOLERANCE_S
        return bisect_right(self._cuts_s, time_s) + bisect_right(self._dissolves.edges_s, time_s)

    def _shrunk(self, frame: VideoFrame) -> Pixels:
        kind = "bgra" if alpha.has_alpha(frame) else "bgr24"
        small = self._scaler.reformat(frame, WIDTH_PX, HEIGHT_PX, kind, interpolation=Interpolation.AREA, threads=1)
        stored: Pixels = np.asarray(small.to_ndarray(), np.uint8)
        return alpha.over_white(stored).astype(np.uint8) if kind == "bgra" else stored

    def _look(self) -> None:
        for time_s, seen in self._small:
            self._dissolves.see(time_s, seen)
            picture = np.maximum(seen, np.uint8(DARKEST))
            if self._latest and self._repeats < MOST_REPEATS and not difference(picture, self._latest[-1][1]):
                self._repeats += 1
                continue  # a frame that is shown again would make all changes beside it look sudden
            self._repeats = 0
            self._latest.append((time_s, picture))
            if self._shown_s:
                self._show(time_s, picture)
            elif len(self._latest) > AROUND:
                self._begin()
        self._small.clear()

    def _begin(self) -> None:
        for _, picture in [*self._latest][:0:-1]:
            self._show(self._latest[0][0], picture)
        for time_s, picture in self._latest:
            self._show(time_s, picture)

    def _show(self, time_s: float, picture: Pixels) -> None:
        self._shown_s.append(time_s)
        self._cuts_s += [self._shown_s[number] for number in self._cuts.see(picture)]


class Seen(NamedTuple):
    """A picture, counted from 0, and whether it differs from the one before."""

    number: int
    picture: Pixels
    differs: bool


class Cuts:
    """PySceneDetect's detector, which takes its time, is shown what differs and what lies around it."""

    def __init__(self, change: float, ratio: float):
        self._new_detector = partial(
            AdaptiveDetector, adaptive_threshold=ratio, min_scene_len=1, window_width=AROUND, min_content_val=change
        )
        self._least = QUIET * change
        self._latest: deque[Seen] = deque(maxlen=AROUND + 1)
        self._count = 0
        self._detector: AdaptiveDetector | None = None
        self._awaited = 0  # pictures that it must be shown

    def see(self, picture: Pixels) -> list[int]:
        """Look at the next picture; returns the number of the one `AROUND` before it, if that was cut to."""
        differs = bool(self._latest) and difference(picture, self._latest[-1].picture) >= self._least
        if differs:
            self._awaited = AROUND + 1
            if self._detector is None:
                self._detector = self._new_detector()
                for seen in self._latest:
                    self._detect(seen.number, seen.picture)
        found = []
        if self._awaited:
            found = [number for number in self._detect(self._count, picture) if self._latest[-AROUND].differs]
            self._awaited -= 1
        if not self._awaited:
            self._detector = None
        self._latest.append(Seen(self._count, picture, differs))
        self._count += 1
        return found

    def _detect(self, number: int, picture: Pixels) -> list[int]:
        assert self._detector is not None
        return [cut.frame_num for cut in self._detector.process_frame(FrameTimecode(number, 1.0), picture)]


def difference(picture: Pixels, other: Pixels) -> float:
    """Mean difference of all colours, of 255."""
    return cv2.norm(picture, other, cv2.NORM_L1) / picture.size
