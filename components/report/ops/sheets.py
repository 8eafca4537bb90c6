"""Contact sheets -> sheets of a shape that fits the page.

A sheet is rows of tiles on white, with white gaps between rows (media/contact_sheets.py). Pixels are never scaled here.
"""

import numpy as np

from components.media.arrays import Pixels

WIDTH_PX = 1060  # of the page's text
TALL = 1.5  # height over width from which a sheet is cut
WHITE = 255


def reflowed(sheet_HWC: Pixels) -> Pixels:
    """Cut a tall sheet between rows of tiles and put the pieces side by side, as many as the page is wide."""
    height_px, width_px = sheet_HWC.shape[:2]
    gaps = _gaps(sheet_HWC)
    columns = min(WIDTH_PX // width_px, len(gaps) + 1)
    if height_px <= TALL * width_px or columns < 2:
        return sheet_HWC
    wanted = [height_px * number / columns for number in range(1, columns)]
    cuts = sorted({min(gaps, key=lambda gap: abs(gap - place)) for place in wanted})
    pieces = np.split(sheet_HWC, cuts)
    tallest = max(len(piece) for piece in pieces)
    return np.concatenate([_padded(piece, tallest) for piece in pieces], axis=1)


def _gaps(sheet_HWC: Pixels) -> list[int]:
    """Middle rows of the white bands inside the sheet."""
    white = (sheet_HWC == WHITE).all(axis=(1, 2))
    edges = np.flatnonzero(np.diff(white.astype(np.int8)))
    starts = [int(edge) + 1 for edge in edges if white[edge + 1]]
    ends = [int(edge) + 1 for edge in edges if not white[edge + 1]]
    return [(start + end) // 2 for start in starts for end in [next((e for e in ends if e > start), 0)] if end]


def _padded(piece_HWC: Pixels, height_px: int) -> Pixels:
    return np.pad(piece_HWC, ((0, height_px - len(piece_HWC)), (0, 0), (0, 0)), constant_values=WHITE)
