"""Grey stills -> share of the picture under lines of letters that were laid over it. Pure.

What is laid over a video stands still while the rest moves, and its letters are thin strokes, lighter or darker than
what is around them, of one height, side by side. So strokes are kept that two successive stills have at the same place,
and joined along rows. What comes out is a line of letters if it is long and low, has as many strokes as letters have,
and stands alone above and below. A still picture, and a video in which nothing moves, has the geometry alone: a sign
that holds still before the camera, or slides along its own line, counts too. A line that stands upright is not seen.

Shapes: S stills, H height, W width of a picture whose shorter side is PICTURE_PX; all sizes below are in its pixels.
"""

from collections.abc import Iterator

import cv2
import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
Box = tuple[slice, slice]  # rows, columns

PICTURE_PX = 256
STROKE_PX = 9  # what is as thick is no stroke
CONTRASTS = (64, 112)  # levels that strokes must stand out by: faint ones, and those that busy ground would join
GAP_PX = 11  # what is nearer along a row is one line
LOWEST_PX, HIGHEST_PX = 5, 40  # of a line
LEAST_LONG = 3  # times its height
LEAST_FULL = 0.2  # share of its box that the outline of a line encloses
LEAST_STROKES = 9  # that a row through the middle of a line crosses
LEAST_CLOSE = 1.0  # strokes on as much of a row as the line is high
MOST_AROUND = 0.3  # share of strokes in the two rows above or below, of that within


def overlaid(grey_SHW: Pixels) -> float:
    """Share of the picture in lines of letters: of the two successive stills that have most of them in common."""
    shares = [0.0]
    strokes = [_strokes(grey) for grey in grey_SHW]
    for now, then in zip(strokes, strokes[1:] or strokes, strict=False):
        covered_HW = np.zeros(grey_SHW.shape[1:], np.bool_)
        for here, there in zip(now, then, strict=True):
            both_HW = cv2.min(here, there)
            for contrast in CONTRASTS:
                for box in _lines((both_HW > contrast).view(np.uint8)):
                    covered_HW[box] = True
        shares.append(float(covered_HW.mean()))
    return max(shares)


def _strokes(grey_HW: Pixels) -> tuple[Pixels, Pixels]:
    """By how many levels thin things are lighter, and darker, than what is around them."""
    around = np.ones((STROKE_PX, STROKE_PX), np.uint8)
    return (
        np.asarray(cv2.morphologyEx(grey_HW, cv2.MORPH_TOPHAT, around), np.uint8),
        np.asarray(cv2.morphologyEx(grey_HW, cv2.MORPH_BLACKHAT, around), np.uint8),
    )


def _lines(strokes_HW: Pixels) -> Iterator[Box]:
    """Boxes of what is a line of letters in a picture of ones and zeros."""
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
