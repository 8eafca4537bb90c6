"""Small pictures that go by -> when one shot dissolves into the next, or fades from or to a blank picture.

While a shot dissolves, each picture is a mixture (1-α)·A + α·B of what is at both ends, and α grows from 0 to 1. What
moves is not: half of the way, a thing is in the middle, and not twice there, half as bright. So pictures are compared
with the mixture that comes nearest, and what is left over must be a small part of the change.

Nothing is found where the change is small, or only of light, or of less than half of the picture (such as a title that
appears); nor where both shots move so much in the meantime that the mixture is no longer one.
"""

import math
from bisect import bisect_left
from collections import deque
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from components.media.frames import Pixels

Vector = NDArray[np.float32]

WINDOWS_S = (2.0, 1.0, 0.5)  # that are looked through; what takes longer is found piece by piece
EVERY_S = 0.2
SAMPLES = 16  # pictures of a window, at most, that are compared
MIN_CHANGE = 20.0  # of 255, from end to end, on average over the picture
MIN_AREA = 0.5  # of the picture that changes by `CHANGED` or more
CHANGED = 15.0
MAX_LIKENESS = 0.9  # correlation of both ends' levels: where only the light changes, it is near 1
FLAT = 4.0  # a standard deviation, of 255: a picture that varies less shows nothing
MAX_LEFT = 0.15  # of the change, for the picture that fits worst
BETWEEN, MIN_BETWEEN = (0.2, 0.8), 3  # mixtures that are clearly neither, and how many there must be: a cut has none
DONE = 0.02  # of the mixture, which nobody sees


class Dissolves:
    """Finds dissolves while the pictures of one file go by, each once, in their order."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, Vector]] = deque()  # of the longest window and a little more
        self._looked_s = -np.inf
        self.edges_s: list[float] = []  # first mixture, first picture after it, and so on, ascending

    def see(self, time_s: float, picture: Pixels) -> None:
        """Look at the next picture (H, W, 3)."""
        half = cv2.resize(picture, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)  # what jitters, jitters less
        self._seen.append((time_s, half.astype(np.float32).ravel()))
        while self._seen[0][0] < time_s - WINDOWS_S[0] - EVERY_S:
            self._seen.popleft()
        if time_s - self._looked_s >= EVERY_S:
            self.look()

    def look(self) -> None:
        """Look for a dissolve among the latest pictures."""
        times_s, pictures = [time_s for time_s, _ in self._seen], [picture_N for _, picture_N in self._seen]
        if not times_s:
            return
        self._looked_s = times_s[-1]
        for window_s in WINDOWS_S:
            first = bisect_left(times_s, times_s[-1] - window_s)
            if found := mixed(pictures[first:]):
                start, end = found
                self._note(times_s[first + start], times_s[first + end])

    @property
    def known_s(self) -> float:
        """Up to when no edge is added any more, however many pictures follow."""
        return self._looked_s - WINDOWS_S[0]

    def _note(self, start_s: float, end_s: float) -> None:
        """Add a stretch of mixtures, or widen the last one by what overlaps it."""
        while self.edges_s and self.edges_s[-1] >= start_s:
            end_s = max(end_s, self.edges_s.pop())
            start_s = min(start_s, self.edges_s.pop())
        self.edges_s += [start_s, end_s]


def mixed(pictures: Sequence[Vector]) -> tuple[int, int] | None:
    """Positions of the first mixture, and of the first picture after them; None where there is no dissolve."""
    first_N, last_N = pictures[0], pictures[-1]
    size = cv2.norm(first_N, last_N, cv2.NORM_L1) / len(first_N)
    if size < MIN_CHANGE:
        return None
    change_N = last_N - first_N
    if np.count_nonzero(np.abs(change_N) >= CHANGED) < MIN_AREA * len(change_N) or alike(first_N, last_N):
        return None
    along_N = change_N / (change_N @ change_N)
    sampled_SN = np.stack(pictures[:: -(-len(pictures) // SAMPLES)]) - first_N
    alphas_S = sampled_SN @ along_N
    if np.count_nonzero((alphas_S > BETWEEN[0]) & (alphas_S < BETWEEN[1])) < MIN_BETWEEN:
        return None
    if np.abs(sampled_SN - np.outer(alphas_S, change_N)).mean(axis=1).max() > MAX_LEFT * size:
        return None
    alphas = np.array([(picture_N - first_N) @ along_N for picture_N in pictures])
    middle = int(np.argmax(alphas >= 0.5))
    start = middle - int(np.argmax(alphas[middle::-1] < DONE)) + 1
    return start, middle + int(np.argmax(alphas[middle:] > 1 - DONE))


def alike(first_N: Vector, last_N: Vector) -> bool:
    """Whether two pictures show the same, be it in another light; so do two that show nothing."""
    first_N, last_N = first_N - first_N.mean(), last_N - last_N.mean()
    count = len(first_N)
    spreads = math.sqrt(first_N @ first_N / count), math.sqrt(last_N @ last_N / count)
    if max(spreads) < FLAT:
        return True
    return float(first_N @ last_N) > MAX_LIKENESS * count * max(spreads[0], FLAT) * max(spreads[1], FLAT)
