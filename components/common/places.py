"""Draws by weight."""

import numpy as np
from numpy.typing import NDArray


class Places:
    """Places in a list, to be drawn in proportion to their weights, which are above 0."""

    def __init__(self, weights_N: NDArray[np.float64]):
        self.reached_N = weights_N.cumsum()
        self.alike = not len(weights_N) or bool(weights_N.min() == weights_N.max())

    @property
    def weight(self) -> float:
        """Sum of the weights."""
        return float(self.reached_N[-1]) if len(self.reached_N) else 0.0

    def draw(self, random: np.random.Generator, count: int, *, once: bool = False) -> NDArray[np.int64]:
        """Draw `count` places; where all weigh the same and there are enough, `once` lets none come twice.

        Where weights differ, one place is drawn in each of `count` equal parts of the weight: each comes `count` times
        its share on average, to the digit, and varies less than by draws that know nothing of each other.
        """
        places = len(self.reached_N)
        if self.alike:
            return random.choice(places, count, replace=not once or count > places)
        at = (np.arange(count) + random.random(count)) / count * self.weight
        found: NDArray[np.int64] = self.reached_N.searchsorted(at, side="right").clip(max=places - 1)
        return found
