"""Distances, correlations and intervals, in NumPy with double precision.

Shapes: N samples, D features, T frames, H height, W width, C channels.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.media.arrays import Pixels

Mask = NDArray[np.bool_]
Doubles = NDArray[np.float64]

MIN_SQUARED_ERROR = 1e-6  # mean square on a 0..1 scale; caps PSNR at 60 dB


def psnr_db(made: Pixels, true: Pixels, where: Mask | None = None) -> float:
    """Return the peak signal-to-noise ratio over the pixels of `where` (T, H, W), all if None; at most 60 dB."""
    squared = ((made.astype(np.float64) - true) / 255) ** 2
    chosen = squared if where is None else squared[where]
    return float(-10 * np.log10(max(chosen.mean(), MIN_SQUARED_ERROR)))


def moving(true_THWC: Pixels, from_HWC: Pixels, threshold: int) -> Mask:
    """Return where frames differ from a given one by more than `threshold` in some channel, (T, H, W)."""
    difference_THWC = np.abs(true_THWC.astype(np.int16) - from_HWC)
    where: Mask = difference_THWC.max(axis=-1) > threshold
    return where


def frechet_distance(one_ND: Doubles, other_ND: Doubles) -> float:
    """Return the Fréchet distance between Gaussians fitted to two sets of features; 0 for equal sets.

    The trace of the geometric mean of the covariances is the sum of the square roots of the eigenvalues of A^½ B A^½,
    which is symmetric, so no complex numbers appear.
    """
    mean_one_D, mean_other_D = one_ND.mean(axis=0), other_ND.mean(axis=0)
    one_DD, other_DD = (np.atleast_2d(np.cov(features, rowvar=False)) for features in (one_ND, other_ND))
    values_D, vectors_DD = np.linalg.eigh(one_DD)
    root_DD = (vectors_DD * np.sqrt(values_D.clip(min=0))) @ vectors_DD.T
    shared = np.sqrt(np.linalg.eigvalsh(root_DD @ other_DD @ root_DD).clip(min=0)).sum()
    distance = ((mean_one_D - mean_other_D) ** 2).sum() + np.trace(one_DD) + np.trace(other_DD) - 2 * shared
    return max(0.0, float(distance))


def correlation(one: NDArray[Any], other: NDArray[Any]) -> float:
    """Return Pearson's correlation of two arrays; 0 if one of them is constant."""
    first, second = (values.astype(np.float64).ravel() - values.mean() for values in (one, other))
    norm = np.sqrt((first @ first) * (second @ second))
    return float(first @ second / norm) if norm > 0 else 0.0


def concordance(one: NDArray[Any], other: NDArray[Any]) -> float:
    """Return Lin's concordance of two arrays: 1 for equal ones, 0 if one is constant or they are unrelated."""
    first, second = one.astype(np.float64).ravel(), other.astype(np.float64).ravel()
    shared = ((first - first.mean()) * (second - second.mean())).mean()
    apart = first.var() + second.var() + (first.mean() - second.mean()) ** 2
    return float(2 * shared / apart) if apart > 0 else 1.0


def interval(values_N: Doubles, draws: int, seed: int) -> tuple[float, float]:
    """Return the 95 % bootstrap interval of the mean."""
    random = np.random.default_rng(seed)
    means = [values_N[random.integers(len(values_N), size=len(values_N))].mean() for _ in range(draws)]
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)
