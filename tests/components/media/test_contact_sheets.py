import numpy as np
import pytest

from components.media import contact_sheets


def test_a_contact_sheet_shows_every_clip_in_the_height_that_is_asked_for() -> None:
    clip, tall = np.zeros((17, 32, 32, 3), np.uint8), np.zeros((1, 56, 32, 3), np.uint8)
    sheet = contact_sheets.contact_sheet([[clip, tall], [clip]], frames=4, tile_px=64)
    assert sheet.shape[0] == 2 * 64 + 3 * contact_sheets.GAP_PX
    assert (sheet == 0).all(axis=-1).sum() == 2 * 4 * 64 * 64 + 64 * round(64 * 32 / 56)
    with pytest.raises(ValueError, match="at least one clip"):
        contact_sheets.contact_sheet([])
