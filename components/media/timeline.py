"""Pieces of audio with slightly wrong timestamps -> samples at the positions of the timestamps.

The lateness of a piece is its timestamp minus the duration of all pieces before it. It rises in steps where audio was
lost, and changes slowly where clocks differ: both are followed. Where it soon falls again nothing was lost, since
pieces do not overlap: timestamps are rounded, or refer to pieces of other lengths, and are wrong by as much as it
falls. So pieces share one lateness, and join without a gap, while one exists that is wrong by no more than that, or
than `BELIEVED_S`, for all of them. A single timestamp between two that agree is ignored.

Shapes: S samples, P pieces.
"""

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.float32]
Seconds = npt.NDArray[np.float64]
NOTHING: Samples = np.zeros(0, np.float32)  # a view of a piece would keep all of it in memory
BELIEVED_S = 0.00075  # timestamps in whole milliseconds are wrong by half of one
SOON = 32  # pieces
MARGIN = 1.25  # so that slow changes do not separate such pieces again
MOST_FALL_S = 0.04  # a deeper fall is a new start, and is followed
BEFORE_S = 1.0  # pieces that end so long before the span are dropped
BEYOND = 2  # pieces behind the end that end the reading, since one timestamp may be wrong


class Timeline:
    """Samples of a span, `rate_hz` a second."""

    def __init__(self, rate_hz: int, start_s: float, duration_s: float):
        self.rate_hz, self.start_s, self.duration_s = rate_hz, start_s, duration_s
        self._pieces: list[Samples] = []
        self._late_s: list[float] = []
        self._counts = [0]  # samples before each piece
        self._beyond = 0

    def add(self, time_s: float | None, samples_S: Samples) -> bool:
        """Add the next piece; without a time it follows the previous one. False once no more can be in the span."""
        in_row_s = self._counts[-1] / self.rate_hz
        before_s = self._late_s[-1] if self._late_s else 0.0
        late_s = before_s if time_s is None else time_s - in_row_s
        self._late_s.append(late_s)
        self._counts.append(self._counts[-1] + len(samples_S))
        end_s = self._counts[-1] / self.rate_hz + max(late_s, before_s)
        self._pieces.append(samples_S if end_s > self.start_s - BEFORE_S else NOTHING)
        self._beyond = self._beyond + 1 if in_row_s + late_s >= self.start_s + self.duration_s else 0
        return self._beyond < BEYOND

    @property
    def samples(self) -> Samples:
        """Samples of the span; silence where there is no piece, the later piece where there are two."""
        whole: Samples = np.zeros(round(self.duration_s * self.rate_hz), np.float32)
        late_s = lateness(np.array(self._late_s))
        for piece, count, piece_late_s in zip(self._pieces, self._counts, late_s, strict=False):
            offset = count + round((piece_late_s - self.start_s) * self.rate_hz)
            first, last = max(0, -offset), min(len(piece), len(whole) - offset)
            if last > first:
                whole[offset + first : offset + last] = piece[first:last]
        return whole


def lateness(late_s_P: Seconds) -> Seconds:
    """Return the corrected lateness of each piece, in as few steps as possible."""
    if not len(late_s_P):
        return late_s_P
    wide = np.pad(late_s_P, 1, mode="edge")
    calm_s_P = np.median(np.stack([wide[:-2], wide[1:-1], wide[2:]]), axis=0)
    most_s = max(2 * BELIEVED_S, MARGIN * _deepest_fall_s(calm_s_P))
    believed_s_P, start = np.empty_like(calm_s_P), 0
    low = high = calm_s_P[0]
    for number, value in enumerate([*calm_s_P, np.inf]):
        if max(high, value) - min(low, value) > most_s:
            believed_s_P[start:number] = (low + high) / 2
            start, low, high = number, value, value
        low, high = min(low, value), max(high, value)
    return believed_s_P


def _deepest_fall_s(late_s_P: Seconds) -> float:
    """Return the deepest fall from one piece to another soon after it, new starts excluded; 0 if there is none."""
    deepest_s = 0.0
    for ahead in range(1, min(SOON, len(late_s_P) - 1) + 1):
        falls_s = late_s_P[:-ahead] - late_s_P[ahead:]
        deepest_s = max(deepest_s, float(falls_s[falls_s < MOST_FALL_S].max(initial=0.0)))
    return deepest_s
