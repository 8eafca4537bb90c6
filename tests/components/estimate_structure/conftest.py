"""A disc that moves over a calm ground."""

import numpy as np
import pytest
from numpy.typing import NDArray


def disc(step_px: float, frames: int = 5, height: int = 32, width: int = 32) -> NDArray[np.uint8]:
    """A bright disc of radius 8 that moves `step_px` to the right every frame."""
    rows, columns = np.mgrid[:height, :width]
    clip = np.zeros((frames, height, width, 3), np.float64)
    for t in range(frames):
        distance = np.hypot(rows - height / 2, columns - (width / 2 + step_px * (t - frames / 2)))
        inside = np.clip(8.5 - distance, 0, 1)[..., None]
        shade = 1 - 0.02 * rows[..., None]
        clip[t] = (1 - inside) * (40 + 0.3 * columns[..., None]) + inside * shade * np.array([230, 190, 60])
    return clip.astype(np.uint8)


@pytest.fixture
def moving() -> NDArray[np.uint8]:
    return disc(0.8)
