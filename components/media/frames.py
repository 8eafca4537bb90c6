"""Decoded frame -> upright image of the displayed size: RGB pixels, or planes as video codecs take them.

Geometry is fixed by a stream's first frame: non-square pixels are made square, the display matrix rotates and mirrors,
and later frames of other sizes are scaled to the size of the first. Scaling is bit-exact and unthreaded. Planes are
I420 in one array: luma (H, W), below it both chroma planes of half the size, BT.709 in limited range. Frames that go
from one codec to another stay in planes: this costs half, and keeps the colors of the source.

Shapes: H rows, W columns, C channels; P = 3/2 · H rows of planes.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, cast

import numpy as np
import numpy.typing as npt
from av import VideoFrame
from av.sidedata.sidedata import Type
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter

from components.media import alpha, colors
from components.media.arrays import Pixels
from components.media.errors import Unreadable

Planes = npt.NDArray[np.uint8]
Fit = Callable[[int, int], tuple[int, int]]
EXACT = Interpolation.AREA | Interpolation.ACCURATE_RND | Interpolation.BITEXACT | Interpolation.FULL_CHR_H_INT
PLAIN = Interpolation.AREA | Interpolation.ACCURATE_RND | Interpolation.BITEXACT  # from planes to planes
MOST_PIXELS = 64_000_000  # of one image, by default: twice those of 8K
HD_HEIGHT_PX = 720
UNSPECIFIED = 2  # matrix coefficients of ITU-T H.273


def as_seen(height_px: int, width_px: int) -> tuple[int, int]:
    """Keep the displayed size, up to MOST_PIXELS; raises Unreadable("resolution_too_large")."""
    check_size(height_px, width_px, MOST_PIXELS)
    return height_px, width_px


def check_size(height_px: int, width_px: int, max_pixels: int) -> None:
    """Raise Unreadable("resolution_too_large") for an image of more pixels, before it is decoded."""
    if height_px * width_px > max_pixels:
        raise Unreadable("resolution_too_large", f"{width_px}×{height_px} pixels, the limit is {max_pixels}")


@dataclass(frozen=True)
class Turn:
    """Rotation and mirroring of a display matrix."""

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
        """Rotate and mirror stored pixels into displayed pixels."""
        turned = pixels_HWC.swapaxes(0, 1) if self.transpose else pixels_HWC
        turned = turned[::-1] if self.flip_rows else turned
        turned = turned[:, ::-1] if self.flip_columns else turned
        return np.ascontiguousarray(turned)


@dataclass(frozen=True)
class Upright:
    """Converts the frames of one stream to pixels of one size. For one thread at a time."""

    height_px: int  # as displayed
    width_px: int
    turn: Turn
    # Setting FFmpeg's scaler up costs as much as scaling a small frame, so it is kept.
    _scaler: VideoReformatter = field(default_factory=VideoReformatter, init=False, repr=False, compare=False)

    @staticmethod
    def of(frame: VideoFrame, pixel_aspect: Fraction | None, fit: Fit = as_seen) -> "Upright":
        """Take the geometry from a stream's first frame; `fit` maps the displayed height and width to wanted ones."""
        turn = Turn.of(frame)
        height_px, width_px = displayed_size(frame.height, frame.width, pixel_aspect)
        if turn.transpose:
            height_px, width_px = width_px, height_px
        return Upright(*fit(height_px, width_px), turn)

    def pixels(self, frame: VideoFrame) -> Pixels:
        """Return the frame's pixels (H, W, 3), as displayed."""
        return self.turn.apply(self._stored(frame))

    def planes(self, frame: VideoFrame) -> Planes:
        """Return the frame's planes (3/2 · H, W), as displayed; both sizes must be even."""
        height_px, width_px = self._stored_size
        if not frame.format.name.startswith(("yuv4", "yuvj4")) or frame.color_trc in (colors.PQ, colors.HLG):
            return self._turned(to_planes(self._stored(frame)))
        small = self._scaler.reformat(
            frame, width_px, height_px, "yuv420p", interpolation=PLAIN, dst_color_range=ColorRange.MPEG, threads=1
        )
        planes = np.asarray(small.to_ndarray(), np.uint8)
        if not (frame.colorspace == colors.BT709 or _is_hd(frame)):
            planes = colors.to_bt709(planes, frame.colorspace)
        return self._turned(planes)

    @property
    def _stored_size(self) -> tuple[int, int]:
        """Height and width before turning."""
        return (self.width_px, self.height_px) if self.turn.transpose else (self.height_px, self.width_px)

    def _stored(self, frame: VideoFrame) -> Pixels:
        """Return pixels of the wanted size, before rotation."""
        height_px, width_px = self._stored_size
        high_range = frame.color_trc in (colors.PQ, colors.HLG)
        stored = self._scaler.reformat(
            _before_white(frame, high_range) if alpha.has_alpha(frame) else frame,
            width_px,
            height_px,
            "rgb48le" if high_range else "rgb24",
            src_colorspace=Colorspace.ITU709 if _is_hd(frame) else None,
            interpolation=EXACT,
            dst_color_range=ColorRange.JPEG,
            threads=1,
        ).to_ndarray()
        if high_range:
            return colors.to_standard_range(stored.astype(np.uint16, copy=False), frame.color_trc)
        return np.asarray(stored, np.uint8)

    def _turned(self, planes_PW: Planes) -> Planes:
        if self.turn == Turn():
            return planes_PW
        height_px, width_px = self._stored_size
        luma, chroma = planes_PW[:height_px], planes_PW[height_px:].reshape(2, height_px // 2, width_px // 2)
        parts = [self.turn.apply(plane).reshape(-1) for plane in (luma, *chroma)]
        return np.concatenate(parts).reshape(-1, self.width_px)


def to_planes(pixels_HWC: Pixels) -> Planes:
    """Convert pixels to planes (3/2 · H, W); ValueError unless both sizes are even."""
    height_px, width_px = pixels_HWC.shape[:2]
    if height_px % 2 or width_px % 2:
        raise ValueError(f"4:2:0 color needs even sizes, got {height_px}×{width_px}")
    return np.asarray(
        VideoFrame.from_ndarray(np.ascontiguousarray(pixels_HWC), "rgb24")
        .reformat(
            format="yuv420p",
            dst_colorspace=Colorspace.ITU709,
            dst_color_range=ColorRange.MPEG,
            interpolation=EXACT,
            threads=1,
        )
        .to_ndarray(),
        np.uint8,
    )


def to_pixels(planes_PW: Planes) -> Pixels:
    """Convert planes to pixels (H, W, 3)."""
    frame = VideoFrame.from_ndarray(np.ascontiguousarray(planes_PW), "yuv420p")
    rgb = frame.reformat(
        format="rgb24",
        src_colorspace=Colorspace.ITU709,
        src_color_range=ColorRange.MPEG,
        dst_color_range=ColorRange.JPEG,
        interpolation=EXACT,
        threads=1,
    )
    return np.asarray(rgb.to_ndarray(), np.uint8)


def _before_white(frame: VideoFrame, high_range: bool) -> VideoFrame:
    """Composite a frame with alpha over white at full size: after scaling, hidden colors would bleed into edges."""
    whole = frame.reformat(
        format="rgba64le" if high_range else "rgba",
        src_colorspace=Colorspace.ITU709 if _is_hd(frame) else None,
        interpolation=EXACT,
        dst_color_range=ColorRange.JPEG,
        threads=1,
    )
    opaque = alpha.over_white(cast(alpha.Levels, whole.to_ndarray()))
    return VideoFrame.from_ndarray(opaque, "rgb48le" if high_range else "rgb24")


def _is_hd(frame: VideoFrame) -> bool:
    """Return True if a frame without a matrix is taken to be BT.709, as players do."""
    return bool(frame.colorspace == UNSPECIFIED and frame.height >= HD_HEIGHT_PX)


def displayed_size(height_px: int, width_px: int, pixel_aspect: Fraction | None) -> tuple[int, int]:
    """Return height and width with square pixels; an absurd pixel aspect (beyond 4:1) is ignored."""
    if not pixel_aspect or not Fraction(1, 4) <= pixel_aspect <= 4:
        return height_px, width_px
    return height_px, max(1, round(width_px * pixel_aspect))
