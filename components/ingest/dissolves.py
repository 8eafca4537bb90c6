"""Thumbnails in order of time -> when one shot dissolves into the next, or fades from or to a blank frame.

During a dissolve, each frame is a mixture (1-α)·A + α·B of the frames at both ends, and α grows from 0 to 1. Motion is
no such mixture: halfway, an object is in the middle, not at both ends at half the brightness. So frames are compared
with the nearest mixture, and the residual must be a small part of the change.

No dissolve is found where the change is small, or only of light, or of less than half of the frame (such as a title
that appears); nor where both shots move so much in the meantime that the frames are no mixture.
"""

import math
from bisect import bisect_left
from collections import deque
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from components.media.arrays import Pixels

Vector = NDArray[np.float32]

WINDOWS_S = (2.0, 1.0, 0.5)  # lengths that are searched; longer dissolves are found piece by piece
EVERY_S = 0.2
SAMPLES = 16  # greatest number of frames of a window that are compared
MIN_CHANGE = 20.0  # of 255, from end to end, on average over the frame
MIN_AREA = 0.5  # share of the frame that changes by `CHANGED` or more
CHANGED = 15.0
MAX_LIKENESS = 0.9  # correlation of both ends' levels: where only the light changes, it is near 1
FLAT = 4.0  # a standard deviation, of 255: a frame that varies less is blank
MAX_LEFT = 0.15  # residual of the worst frame, as a share of the change
BETWEEN, MIN_BETWEEN = (0.2, 0.8), 3  # range of a clear mixture, and their least number: a cut has none
DONE = 0.02  # share of a mixture that is invisible


class Dissolves:
    """Finds dissolves in the frames of one file, which are added once each, in their order."""

    def __init__(self) -> None:
        self._latest: deque[tuple[float, Vector]] = deque()  # of the longest window and a little more
        self._searched_s = -np.inf
        self.edges_s: list[float] = []  # first mixture, first frame after it, and so on, ascending

    def add(self, time_s: float, frame_HWC: Pixels) -> None:
        """Add the next frame."""
        half_HWC = cv2.resize(frame_HWC, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)  # reduces jitter
        self._latest.append((time_s, half_HWC.astype(np.float32).ravel()))
        while self._latest[0][0] < time_s - WINDOWS_S[0] - EVERY_S:
            self._latest.popleft()
        if time_s - self._searched_s >= EVERY_S:
            self.search()

    def search(self) -> None:
        """Search for a dissolve among the latest frames."""
        times_s, frames = [time_s for time_s, _ in self._latest], [frame_N for _, frame_N in self._latest]
        if not times_s:
            return
        self._searched_s = times_s[-1]
        for window_s in WINDOWS_S:
            first = bisect_left(times_s, times_s[-1] - window_s)
            if found := mixed(frames[first:]):
                start, end = found
                self._note(times_s[first + start], times_s[first + end])

    @property
    def known_s(self) -> float:
        """Time before which no edge will be added, whatever frames follow."""
        return self._searched_s - WINDOWS_S[0]

    def _note(self, start_s: float, end_s: float) -> None:
        """Add an interval of mixtures, merged with those that overlap it."""
        while self.edges_s and self.edges_s[-1] >= start_s:
            end_s = max(end_s, self.edges_s.pop())
            start_s = min(start_s, self.edges_s.pop())
        self.edges_s += [start_s, end_s]


def mixed(frames: Sequence[Vector]) -> tuple[int, int] | None:
    """Return the index of the first mixture, and of the first frame after the mixtures; None without a dissolve."""
    first_N, last_N = frames[0], frames[-1]
    size = cv2.norm(first_N, last_N, cv2.NORM_L1) / len(first_N)
    if size < MIN_CHANGE:
        return None
    change_N = last_N - first_N
    if np.count_nonzero(np.abs(change_N) >= CHANGED) < MIN_AREA * len(change_N) or alike(first_N, last_N):
        return None
    along_N = change_N / (change_N @ change_N)
    sampled_SN = np.stack(frames[:: -(-len(frames) // SAMPLES)]) - first_N
    alphas_S = sampled_SN @ along_N
    if np.count_nonzero((alphas_S > BETWEEN[0]) & (alphas_S < BETWEEN[1])) < MIN_BETWEEN:
        return None
    if np.abs(sampled_SN - np.outer(alphas_S, change_N)).mean(axis=1).max() > MAX_LEFT * size:
        return None
    alphas = np.array([(frame_N - first_N) @ along_N for frame_N in frames])
    middle = int(np.argmax(alphas >= 0.5))
    start = middle - int(np.argmax(alphas[middle::-1] < DONE)) + 1
    return start, middle + int(np.argmax(alphas[middle:] > 1 - DONE))


def alike(first_N: Vector, last_N: Vector) -> bool:
    """Return True if two frames show the same, possibly in another light, or if both are blank."""
    first_N, last_N = first_N - first_N.mean(), last_N - last_N.mean()
    count = len(first_N)
    spreads = math.sqrt(first_N @ first_N / count), math.sqrt(last_N @ last_N / count)
    if max(spreads) < FLAT:
        return True
    return float(first_N @ last_N) > MAX_LIKENESS * count * max(spreads[0], FLAT) * max(spreads[1], FLAT)
