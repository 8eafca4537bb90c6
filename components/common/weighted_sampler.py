"""Weights -> indices drawn in proportion to them."""

import numpy as np
from numpy.typing import NDArray


class WeightedSampler:
    """Draws indices of a list in proportion to their weights, which are above 0."""

    def __init__(self, weights_N: NDArray[np.float64]):
        self.cumulative_N = weights_N.cumsum()
        self.is_uniform = not len(weights_N) or bool(weights_N.min() == weights_N.max())

    def __len__(self) -> int:
        return len(self.cumulative_N)

    @property
    def weight(self) -> float:
        """Sum of the weights."""
        return float(self.cumulative_N[-1]) if len(self) else 0.0

    def draw(self, random: np.random.Generator, count: int, *, once: bool = False) -> NDArray[np.int64]:
        """Draw `count` indices evenly; if all weigh the same and there are enough, `once` lets none come twice.

        Where weights differ, one index is drawn in each of `count` equal parts of the weight (stratified sampling):
        each comes `count` times its share on average, exactly, and varies less than by independent draws.
        """
        if self.is_uniform:
            return random.choice(len(self), count, replace=not once or count > len(self))
        return self._at((np.arange(count) + random.random(count)) / count)

    def draw_independent(self, random: np.random.Generator, count: int) -> NDArray[np.int64]:
        """Draw `count` indices with replacement, each without regard to the others."""
        return self._at(random.random(count))

    def _at(self, share_N: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return the indices at shares, in [0, 1), of the cumulative weight."""
        found: NDArray[np.int64] = self.cumulative_N.searchsorted(share_N * self.weight, side="right")
        return found.clip(max=len(self) - 1)
