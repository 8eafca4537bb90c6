from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from components.media import images
from components.media.errors import Unreadable

PIXELS = np.random.default_rng(0).integers(0, 255, (8, 12, 3), np.uint8)


def saved(image: Image.Image, form: str, **options: object) -> bytes:
    buffer = BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def test_png_is_exact_and_jpeg_is_close() -> None:
    np.testing.assert_array_equal(images.read(images.encode_png(PIXELS)), PIXELS)
    smooth = np.tile(np.linspace(0, 255, 32, dtype=np.uint8)[:, None, None], (1, 32, 3))
    assert np.abs(images.read(images.encode_jpeg(smooth)).astype(int) - smooth).max() < 6


@pytest.mark.parametrize("mode", ["L", "1", "P", "CMYK", "RGBA", "LA", "I;16"])
def test_every_mode_becomes_rgb(mode: str) -> None:
    gray = Image.new("L", (12, 8), 255)
    image = Image.fromarray(np.full((8, 12), 65535, np.uint16)) if mode == "I;16" else gray.convert(mode)
    pixels = images.read(saved(image, "TIFF" if mode == "CMYK" else "PNG"))
    assert pixels.shape == (8, 12, 3)
    assert pixels.min() > 250


def test_what_is_transparent_is_white() -> None:
    assert images.read(saved(Image.new("RGBA", (4, 4), (255, 0, 0, 0)), "PNG")).min() == 255


def test_the_orientation_in_the_file_is_applied() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise
    image = Image.fromarray(np.repeat(PIXELS[:1], 8, axis=0))
    assert images.read(saved(image, "PNG", exif=exif)).shape == (12, 8, 3)


def test_a_picture_with_too_many_pixels_is_refused_by_its_header() -> None:
    with pytest.raises(Unreadable, match="resolution_too_large: 12×8 pixels, the limit is 95"):
        images.read(images.encode_png(PIXELS), max_pixels=95)


def test_damage_is_named() -> None:
    whole = images.encode_png(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8))
    with pytest.raises(Unreadable, match="truncated_image"):
        images.read(whole[: len(whole) // 2])
    with pytest.raises(Unreadable, match="unreadable_container"):
        images.read(b"no picture at all")
