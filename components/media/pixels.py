"""Sizes and crops of clips (T, H, W, 3) uint8.

Resizing filters before it shrinks (bicubic in fixed-point arithmetic), so that it gives the same bytes on every
machine and makes no moiré.
"""

import numpy as np
from PIL import Image

from components.media.arrays import Pixels


def crop_box(height_px: int, width_px: int, to_height_px: int, to_width_px: int) -> tuple[float, float, float, float]:
    """Return left, top, right, bottom of the largest centered box of the aspect; edges may be between pixels."""
    scale = min(height_px / to_height_px, width_px / to_width_px)
    left, top = (width_px - to_width_px * scale) / 2, (height_px - to_height_px * scale) / 2
    return max(0.0, left), max(0.0, top), min(float(width_px), width_px - left), min(float(height_px), height_px - top)


def crop_and_resize(frames_THWC: Pixels, height_px: int, width_px: int) -> Pixels:
    """Crop the center to the wanted aspect and resize it; a clip of the wanted size is returned unchanged."""
    if frames_THWC.shape[1:3] == (height_px, width_px):
        return frames_THWC
    box = crop_box(frames_THWC.shape[1], frames_THWC.shape[2], height_px, width_px)
    return np.stack([_resized(frame, (width_px, height_px), box) for frame in frames_THWC])


def cover(height_px: int, width_px: int, box_height_px: int, box_width_px: int) -> tuple[int, int]:
    """Return the smallest even size of the same aspect that covers the box: at most the image's, at least 2."""
    scale = min(1.0, max(box_height_px / height_px, box_width_px / width_px))
    return max(2, 2 * round(height_px * scale / 2)), max(2, 2 * round(width_px * scale / 2))


def resize(pixels_HWC: Pixels, height_px: int, width_px: int) -> Pixels:
    """Resize one image without cropping."""
    if pixels_HWC.shape[:2] == (height_px, width_px):
        return pixels_HWC
    return _resized(pixels_HWC, (width_px, height_px), None)


def _resized(pixels_HWC: Pixels, size: tuple[int, int], box: tuple[float, float, float, float] | None) -> Pixels:
    return np.asarray(Image.fromarray(pixels_HWC).resize(size, Image.Resampling.BICUBIC, box))
