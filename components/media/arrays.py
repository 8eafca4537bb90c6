"""Types of decoded media, without a codec behind them."""

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
"""RGB pixels of a clip (T, H, W, 3) or of an image (H, W, 3)."""

Wave = NDArray[np.float32]
"""Mono audio samples in [-1, 1]."""
