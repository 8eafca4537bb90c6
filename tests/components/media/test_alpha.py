"""Films whose left half is transparent: there they hold a color of their own, and white is seen."""

from fractions import Fraction
from io import BytesIO

import av
import numpy as np
import pytest
from av import VideoFrame
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from components.media import alpha, images, video
from components.media.frames import Fit, to_pixels

SIDE_PX, FRAMES = 64, 6
RED, BLUE = (200, 30, 40), (20, 60, 190)
FILMS = {
    "VP9": ("libvpx-vp9", "webm", "yuva420p", {}),
    "VP8": ("libvpx", "webm", "yuva420p", {"auto-alt-ref": "0"}),
    "ProRes 4444": ("prores_ks", "mov", "yuva444p10le", {"profile": "4444"}),
    "QuickTime Animation": ("qtrle", "mov", "argb", {}),
    "FFV1": ("ffv1", "matroska", "bgra", {}),
}


def transparent(share: int = 0) -> np.ndarray:
    """Red, seen by `share` of 255, beside blue."""
    pixels = np.empty((SIDE_PX, SIDE_PX, 4), np.uint8)
    pixels[:, : SIDE_PX // 2] = (*RED, share)
    pixels[:, SIDE_PX // 2 :] = (*BLUE, 255)
    return pixels


def film(codec: str, container: str, pixel_format: str, options: dict[str, str], *, says_so: bool = True) -> bytes:
    buffer = BytesIO()
    with av.open(buffer, "w", format=container) as file:
        stream = file.add_stream(codec, rate=8, options=options)
        stream.width = stream.height = SIDE_PX
        stream.pix_fmt = pixel_format
        if says_so:
            stream.metadata["alpha_mode"] = "1"
        for index in range(FRAMES):
            frame = VideoFrame.from_ndarray(transparent(), "rgba").reformat(format=pixel_format)
            frame.pts, frame.time_base = index, Fraction(1, 8)
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return buffer.getvalue()


def to_side(side_px: int) -> Fit:
    return lambda height_px, width_px: (side_px, side_px)


def halves(pixels_HWC: np.ndarray) -> list[np.ndarray]:
    """The colors of both sides, away from what lies between."""
    return [pixels_HWC[8:-8, 8:24].mean(axis=(0, 1)), pixels_HWC[8:-8, 40:56].mean(axis=(0, 1))]


@pytest.mark.parametrize("name", FILMS)
def test_what_is_transparent_in_a_film_shows_white(name: str) -> None:
    pictures = list(video.read(film(*FILMS[name]), fps=8))
    assert [time_s for time_s, _ in pictures] == [index / 8 for index in range(FRAMES)]
    for _, pixels in pictures:
        left, right = halves(pixels)
        np.testing.assert_allclose(left, 255, atol=2)
        np.testing.assert_allclose(right, BLUE, atol=8)


@pytest.mark.parametrize("name", FILMS)
def test_planes_show_it_too_in_half_the_size(name: str) -> None:
    (_, planes), *_ = video.read_planes(film(*FILMS[name]), fps=8, fit=to_side(SIDE_PX // 2), watch=iter)
    pixels = to_pixels(planes)
    np.testing.assert_allclose(pixels[4:-4, 4:12].mean(axis=(0, 1)), 255, atol=3)
    np.testing.assert_allclose(pixels[4:-4, 20:28].mean(axis=(0, 1)), BLUE, atol=8)


def test_hidden_colors_do_not_bleed_into_what_is_seen() -> None:
    (_, pixels), *_ = video.read(film(*FILMS["FFV1"]), fps=8, fit=to_side(9))  # its fifth column has of both
    from_blue_to_white = np.linspace(BLUE, 255, 256)
    farthest = np.abs(pixels.reshape(-1, 1, 3) - from_blue_to_white).max(axis=2).min(axis=1)
    assert farthest.max() <= 3
    assert 50 < pixels[4, 4, 0] < 250


def test_a_film_that_does_not_say_that_it_is_transparent_is_not() -> None:
    _, pixels = next(iter(video.read(film("libvpx-vp9", "webm", "yuv420p", {}, says_so=False), fps=8)))
    np.testing.assert_allclose(halves(pixels)[0], RED, atol=8)


@given(share=st.integers(0, 255))
def test_a_film_looks_like_a_picture_with_the_same_pixels(share: int) -> None:
    pixels = transparent(share)
    file = BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    assert np.abs(alpha.over_white(pixels).astype(int) - images.read(file.getvalue())).max() <= 1


@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
def test_what_is_seen_whole_keeps_its_color_and_what_is_not_is_white(depth: type) -> None:
    most = np.iinfo(depth).max
    colors = np.random.default_rng(0).integers(0, most, (5, 7, 3), dtype=depth, endpoint=True)
    whole, none = np.full((5, 7, 1), most, depth), np.zeros((5, 7, 1), depth)
    assert np.array_equal(alpha.over_white(np.concatenate([colors, whole], axis=2)), colors)
    assert (alpha.over_white(np.concatenate([colors, none], axis=2)) == most).all()
