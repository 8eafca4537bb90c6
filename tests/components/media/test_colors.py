import numpy as np
import pytest

from components.media import colors


@pytest.mark.parametrize("transfer", [colors.PQ, colors.HLG])
def test_tone_mapping_is_monotonous_keeps_gray_gray_and_fades_highlights(transfer: int) -> None:
    ramp = np.linspace(0, 65535, 256).astype(np.uint16)
    mapped = colors.to_standard_range(np.repeat(ramp[None, :, None], 3, axis=2), transfer)[0].astype(int)
    assert (np.diff(mapped[:, 0]) >= 0).all()
    assert np.abs(mapped - mapped[:, :1]).max() <= 1
    assert mapped[0, 0] == 0
    assert mapped[-1, 0] == 255
