"""What a masked video-to-video task hides, and what its condition shows instead.

COMMIT: a condition is tokenized from pixels whose hidden part is gone, so no token of it can carry what the task asks
for. Inside a video (inpainting) the hidden part turns black; around it (outpainting) the edge of the visible part is
repeated outwards. Bands and centre cover the middle half, as in MAGVIT.

Shapes: T frames, H height, W width, C channels; pixels are bytes.
"""

from typing import assert_never

import numpy as np
from numpy.typing import NDArray

from components.pretokenize.config import Region

Pixels = NDArray[np.uint8]
Mask = NDArray[np.bool_]


def hidden(region: Region, height_px: int, width_px: int) -> Mask:
    """Where `region` hides pixels, (H, W)."""
    rows, columns = _middle(height_px)[:, None], _middle(width_px)[None, :]
    match region:
        case "inpaint_centre":
            return rows & columns
        case "inpaint_horizontal":
            return rows | np.zeros_like(columns)
        case "inpaint_vertical":
            return columns | np.zeros_like(rows)
        case "outpaint_centre":
            return ~(rows & columns)
        case "outpaint_horizontal":
            return ~rows | np.zeros_like(columns)
        case "outpaint_vertical":
            return ~columns | np.zeros_like(rows)
        case _:
            assert_never(region)


def condition(frames_THWC: Pixels, region: Region) -> Pixels:
    """Return the frames with what `region` hides replaced."""
    hidden_HW = hidden(region, *frames_THWC.shape[1:3])
    return blacked(frames_THWC, hidden_HW) if region.startswith("inpaint") else extended(frames_THWC, hidden_HW)


def blacked(frames_THWC: Pixels, hidden_HW: Mask) -> Pixels:
    """Turn hidden pixels black."""
    return np.where(hidden_HW[None, :, :, None], np.uint8(0), frames_THWC)


def extended(frames_THWC: Pixels, hidden_HW: Mask) -> Pixels:
    """Give each hidden pixel the colour of the nearest one in the rectangle that spans the visible part.

    Raises ValueError if nothing is visible.
    """
    rows, columns = np.flatnonzero(~hidden_HW.all(axis=1)), np.flatnonzero(~hidden_HW.all(axis=0))
    if not rows.size:
        raise ValueError("the mask hides the whole picture: outpainting needs something to start from")
    row = np.clip(np.arange(hidden_HW.shape[0]), rows[0], rows[-1])
    column = np.clip(np.arange(hidden_HW.shape[1]), columns[0], columns[-1])
    spread_THWC = frames_THWC[:, row[:, None], column[None, :]]
    return np.where(hidden_HW[None, :, :, None], spread_THWC, frames_THWC)


def _middle(length_px: int) -> Mask:
    """Mark the middle half of a line."""
    position = np.arange(length_px)
    return (position >= length_px // 4) & (position < length_px - length_px // 4)
