"""Tall contact sheets are cut between rows of tiles, and no tile is lost."""

import numpy as np

from components.report.ops.sheets import WIDTH_PX, reflowed


def sheet(rows: int, width_px: int = 100) -> np.ndarray:
    """Rows of 50 px, each of its own gray, with white gaps."""
    tiles = [
        np.pad(np.full((50, width_px, 3), number + 1, np.uint8), ((4, 4), (4, 4), (0, 0)), constant_values=255)
        for number in range(rows)
    ]
    return np.concatenate(tiles)


def test_a_tall_sheet_becomes_a_wide_one_with_the_same_pixels() -> None:
    tall = sheet(20)
    wide = reflowed(tall)
    assert wide.shape[1] <= WIDTH_PX
    assert wide.shape[0] < wide.shape[1]
    for gray in range(1, 21):
        assert (wide == gray).sum() == (tall == gray).sum()


def test_a_sheet_that_fits_is_left_as_it_is() -> None:
    wide = sheet(2)
    assert reflowed(wide) is wide


def test_a_picture_without_gaps_is_left_as_it_is() -> None:
    plain = np.zeros((900, 100, 3), np.uint8)
    assert reflowed(plain) is plain
