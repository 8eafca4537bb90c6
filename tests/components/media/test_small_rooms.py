import numpy as np
import pytest
import torch

from components.media import colors, images, pictures, sniff, tensors, video


def test_pixels_survive_the_way_to_the_model_and_back() -> None:
    pixels = torch.arange(256, dtype=torch.uint8).repeat(3).reshape(1, 4, 8, 8, 3)
    unit = tensors.to_unit(pixels)
    assert unit.shape == (1, 3, 4, 8, 8)
    assert float(unit.min()) == -1
    assert float(unit.max()) == 1
    assert torch.equal(tensors.to_bytes(unit), pixels)


def test_what_a_model_overshoots_is_clipped() -> None:
    assert tensors.to_bytes(torch.tensor([-3.0, 3.0]).reshape(1, 1, 1, 1, 2)).flatten().tolist() == [0, 255]


@pytest.mark.parametrize("transfer", [colors.PQ, colors.HLG])
def test_tone_mapping_is_monotonous_keeps_grey_grey_and_fades_highlights(transfer: int) -> None:
    ramp = np.linspace(0, 65535, 256).astype(np.uint16)
    mapped = colors.to_standard_range(np.repeat(ramp[None, :, None], 3, axis=2), transfer)[0].astype(int)
    assert (np.diff(mapped[:, 0]) >= 0).all()
    assert np.abs(mapped - mapped[:, :1]).max() <= 1
    assert mapped[0, 0] == 0
    assert mapped[-1, 0] == 255


def test_the_content_tells_what_a_file_is() -> None:
    pixels = np.zeros((32, 32, 3), np.uint8)
    assert sniff.kind_of(images.encode_png(pixels)) == "image"
    assert sniff.kind_of(images.encode_jpeg(pixels)) == "image"
    assert sniff.kind_of(video.encode_mp4(pixels[None], fps=8)) == "video"
    assert sniff.kind_of(b"<html>not found</html>") is None
    assert sniff.kind_of(b"") is None


def test_a_contact_sheet_shows_every_clip_in_the_height_that_is_asked_for() -> None:
    clip, tall = np.zeros((17, 32, 32, 3), np.uint8), np.zeros((1, 56, 32, 3), np.uint8)
    sheet = pictures.contact_sheet([[clip, tall], [clip]], frames=4, tile_px=64)
    assert sheet.shape[0] == 2 * 64 + 3 * pictures.GAP_PX
    assert (sheet == 0).all(axis=-1).sum() == 2 * 4 * 64 * 64 + 64 * round(64 * 32 / 56)
    with pytest.raises(ValueError, match="at least one clip"):
        pictures.contact_sheet([])
