"""Gray stills -> share of the image under overlaid lines of letters. Pure.

Overlaid text stands still while the rest moves, and its letters are thin strokes, lighter or darker than their
surroundings, of one height, side by side. So strokes that two successive stills share at the same position are kept and
joined along rows. A joined region is a line of letters if it is long and low, has as many strokes as letters have, and
has free space above and below. A still image, or a video without motion, has only the geometry: a sign that stands
still in the scene, or moves along its own line, counts too. Vertical lines of text are not detected.

Shapes: S stills, H height, W width of an image whose shorter side is IMAGE_PX; all sizes below are in its pixels.
"""

from collections.abc import Iterator

import cv2
import numpy as np

from components.media.arrays import Pixels

Box = tuple[slice, slice]  # rows, columns

IMAGE_PX = 256
STROKE_PX = 9  # thickness from which on a region is no stroke
CONTRASTS = (64, 112)  # least contrast of strokes in levels: for faint ones, and for those on a busy background
GAP_PX = 11  # strokes that are nearer along a row are one line
LOWEST_PX, HIGHEST_PX = 5, 40  # of a line
LEAST_LONG = 3  # times its height
LEAST_FULL = 0.2  # share of its box that the outline of a line encloses
LEAST_STROKES = 9  # that a row through the middle of a line crosses
LEAST_CLOSE = 1.0  # strokes on as much of a row as the line is high
MOST_AROUND = 0.3  # share of strokes in the two rows above or below, of that within


def text_overlay(gray_SHW: Pixels) -> float:
    """Return the greatest share of the image in lines of letters that two successive stills have in common."""
    shares = [0.0]
    strokes = [_strokes(gray) for gray in gray_SHW]
    for now, then in zip(strokes, strokes[1:] or strokes, strict=False):
        covered_HW = np.zeros(gray_SHW.shape[1:], np.bool_)
        for here, there in zip(now, then, strict=True):
            both_HW = cv2.min(here, there)
            for contrast in CONTRASTS:
                for box in _lines((both_HW > contrast).view(np.uint8)):
                    covered_HW[box] = True
        shares.append(float(covered_HW.mean()))
    return max(shares)


def _strokes(gray_HW: Pixels) -> tuple[Pixels, Pixels]:
    """Return by how many levels thin structures are lighter, and darker, than their surroundings."""
    around = np.ones((STROKE_PX, STROKE_PX), np.uint8)
    return (
        np.asarray(cv2.morphologyEx(gray_HW, cv2.MORPH_TOPHAT, around), np.uint8),
        np.asarray(cv2.morphologyEx(gray_HW, cv2.MORPH_BLACKHAT, around), np.uint8),
    )


def _lines(strokes_HW: Pixels) -> Iterator[Box]:
    """Yield the boxes of lines of letters in a binary image."""
    joined_HW = cv2.morphologyEx(strokes_HW, cv2.MORPH_CLOSE, np.ones((1, GAP_PX), np.uint8))
    outlines, _ = cv2.findContours(joined_HW, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    for outline in outlines:
        left, top, width, height = cv2.boundingRect(outline)
        likely = LOWEST_PX <= height <= HIGHEST_PX and width >= LEAST_LONG * height
        if likely and cv2.contourArea(outline) >= LEAST_FULL * width * height:
            box = slice(top, top + height), slice(left, left + width)
            around = strokes_HW[max(0, top - 2) : top, box[1]], strokes_HW[top + height : top + height + 2, box[1]]
            if _is_letters(strokes_HW[box]) and _alone(strokes_HW[box], around):
                yield box


def _is_letters(line_HW: Pixels) -> bool:
    height, width = line_HW.shape
    middle_HW = line_HW[height // 4 : height - height // 4]
    crossed = float((middle_HW[:, 1:] > middle_HW[:, :-1]).sum()) / len(middle_HW)
    return crossed >= LEAST_STROKES and crossed * height >= LEAST_CLOSE * width


def _alone(line_HW: Pixels, around: tuple[Pixels, Pixels]) -> bool:
    return all(not rows.size or rows.mean() <= MOST_AROUND * line_HW.mean() for rows in around)
