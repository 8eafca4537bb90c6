"""A decoded frame -> upright RGB pixels of the size that people see.

Geometry is fixed by a stream's first frame: pixels that are not square are made square, the display matrix turns and
mirrors, and later frames of other sizes are brought to the size of the first. Scaling is bit-exact and unthreaded.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt
from av import VideoFrame
from av.sidedata.sidedata import Type
from av.video.reformatter import ColorRange, Colorspace, Interpolation

from components.media import colors

Pixels = npt.NDArray[np.uint8]
Fit = Callable[[int, int], tuple[int, int]]
EXACT = Interpolation.AREA | Interpolation.ACCURATE_RND | Interpolation.BITEXACT | Interpolation.FULL_CHR_H_INT
HD_HEIGHT_PX = 720
UNSPECIFIED = 2


def as_seen(height_px: int, width_px: int) -> tuple[int, int]:
    """Keep the displayed size."""
    return height_px, width_px


@dataclass(frozen=True)
class Turn:
    """What the display matrix asks for, in quarter turns and mirrorings."""

    transpose: bool = False
    flip_rows: bool = False
    flip_columns: bool = False

    @staticmethod
    def of(frame: VideoFrame) -> "Turn":
        """Read the display matrix [a b; c d]: a pixel (x, y) goes to (a·x + c·y, b·x + d·y)."""
        side_data: Any = frame.side_data  # its stub knows the names of the kinds only
        if Type.DISPLAYMATRIX not in side_data:
            return Turn()
        a, b, _, c, d = struct.unpack("5i", bytes(side_data[Type.DISPLAYMATRIX])[:20])
        if abs(a) + abs(d) >= abs(b) + abs(c):
            return Turn(False, flip_rows=d < 0, flip_columns=a < 0)
        return Turn(True, flip_rows=b < 0, flip_columns=c < 0)

    def apply(self, pixels_HWC: Pixels) -> Pixels:
        """Turn pixels as they are stored into pixels as they are seen."""
        turned = pixels_HWC.swapaxes(0, 1) if self.transpose else pixels_HWC
        turned = turned[::-1] if self.flip_rows else turned
        turned = turned[:, ::-1] if self.flip_columns else turned
        return np.ascontiguousarray(turned)


@dataclass(frozen=True)
class Upright:
    """Turns the frames of one stream into pixels of one size."""

    height_px: int  # as seen
    width_px: int
    turn: Turn

    @staticmethod
    def of(frame: VideoFrame, pixel_aspect: Fraction | None, fit: Fit = as_seen) -> "Upright":
        """Take the geometry from a stream's first frame; `fit` maps the displayed height and width to wanted ones."""
        turn = Turn.of(frame)
        height_px, width_px = displayed_size(frame.height, frame.width, pixel_aspect)
        if turn.transpose:
            height_px, width_px = width_px, height_px
        return Upright(*fit(height_px, width_px), turn)

    def pixels(self, frame: VideoFrame) -> Pixels:
        """The frame's pixels (H, W, 3), as seen."""
        height_px, width_px = self.height_px, self.width_px
        if self.turn.transpose:
            height_px, width_px = width_px, height_px
        high_range = frame.color_trc in (colors.PQ, colors.HLG)
        hd = frame.colorspace == UNSPECIFIED and frame.height >= HD_HEIGHT_PX
        stored = frame.reformat(
            width_px,
            height_px,
            "rgb48le" if high_range else "rgb24",
            src_colorspace=Colorspace.ITU709 if hd else None,
            interpolation=EXACT,
            dst_color_range=ColorRange.JPEG,
            threads=1,
        ).to_ndarray()
        if high_range:
            return self.turn.apply(colors.to_standard_range(stored.astype(np.uint16, copy=False), frame.color_trc))
        return self.turn.apply(stored.astype(np.uint8, copy=False))


def displayed_size(height_px: int, width_px: int, pixel_aspect: Fraction | None) -> tuple[int, int]:
    """Height and width once pixels are square; an absurd pixel aspect (beyond 4:1) is not believed."""
    if not pixel_aspect or not Fraction(1, 4) <= pixel_aspect <= 4:
        return height_px, width_px
    return height_px, max(1, round(width_px * pixel_aspect))
