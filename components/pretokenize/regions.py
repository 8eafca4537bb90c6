"""Hidden regions of masked video-to-video tasks, and the pixels of their conditions.

COMMIT: a condition is tokenized from pixels whose masked part is removed, so that its tokens cannot leak the target.
The edge of the visible part is extended over the masked one, for inpainting as for outpainting. MAGVIT makes the masked
part black; but black regions, which no video has, shift the statistics the tokenizer normalizes by, and a small one
then loses much of what is visible. Bands and center cover the middle half, as in MAGVIT.

Shapes: T frames, H height, W width, C channels; pixels are bytes.
"""

from typing import assert_never

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from components.media.arrays import Pixels
from components.pretokenize.config import Region

Mask = NDArray[np.bool_]


def masked(region: Region, height_px: int, width_px: int) -> Mask:
    """Return the mask (H, W) of the pixels that `region` masks."""
    rows, columns = _middle(height_px)[:, None], _middle(width_px)[None, :]
    match region:
        case "inpaint_center":
            return rows & columns
        case "inpaint_horizontal":
            return rows | np.zeros_like(columns)
        case "inpaint_vertical":
            return columns | np.zeros_like(rows)
        case "outpaint_center":
            return ~(rows & columns)
        case "outpaint_horizontal":
            return ~rows | np.zeros_like(columns)
        case "outpaint_vertical":
            return ~columns | np.zeros_like(rows)
        case _:
            assert_never(region)


def condition(frames_THWC: Pixels, region: Region) -> Pixels:
    """Return the frames with what `region` hides filled."""
    return filled(frames_THWC, masked(region, *frames_THWC.shape[1:3]))


def filled(frames_THWC: Pixels, masked_HW: Mask) -> Pixels:
    """Give each masked pixel the color of the nearest visible one; raises ValueError if nothing is visible."""
    if masked_HW.all():
        raise ValueError("the mask hides the whole frame: leave some of it visible")
    row_HW, column_HW = ndimage.distance_transform_edt(masked_HW, return_distances=False, return_indices=True)
    return frames_THWC[:, row_HW, column_HW]


def _middle(length_px: int) -> Mask:
    """Mark the middle half of a line."""
    position = np.arange(length_px)
    return (position >= length_px // 4) & (position < length_px - length_px // 4)
