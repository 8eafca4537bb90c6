from fractions import Fraction
from io import BytesIO

import av
import numpy as np
import pytest
from av import VideoFrame
from av.video.reformatter import ColorRange, Colorspace

from components.media import video
from components.media.frames import Turn, Upright, displayed_size, to_pixels


def quadrants() -> np.ndarray:
    """Red above left, green above right, blue below left, white below right: 64 high, 96 wide."""
    pixels = np.zeros((64, 96, 3), np.uint8)
    pixels[:32, :48], pixels[:32, 48:] = (220, 20, 20), (20, 220, 20)
    pixels[32:, :48], pixels[32:, 48:] = (20, 20, 220), (235, 235, 235)
    return pixels


def colors(pixels_HWC: np.ndarray) -> str:
    """Names of the four corners, in reading order."""
    corners = [pixels_HWC[y, x].astype(int) for y in (8, -9) for x in (8, -9)]
    names = ["red", "green", "blue"]
    return " ".join("white" if corner.min() > 150 else names[int(corner.argmax())] for corner in corners)


def turned(degrees: int, mirror: bool = False) -> bytes:
    buffer = BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=8, options={"crf": "5"})
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        stream.set_display_rotation(degrees, hflip=mirror)
        for index in range(4):
            frame = VideoFrame.from_ndarray(quadrants(), "rgb24")
            frame.pts, frame.time_base = index, Fraction(1, 8)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("degrees", "seen"),
    [
        (0, "red green blue white"),
        (90, "green white red blue"),  # anticlockwise
        (180, "white blue green red"),
        (-90, "blue red white green"),
    ],
)
def test_the_display_matrix_turns_the_picture(degrees: int, seen: str) -> None:
    picture = video.decode(turned(degrees), fps=8, frames=1)[0]
    assert colors(picture) == seen
    assert picture.shape == ((64, 96, 3) if degrees % 180 == 0 else (96, 64, 3))


def test_the_display_matrix_mirrors_the_picture() -> None:
    assert colors(video.decode(turned(0, mirror=True), fps=8, frames=1)[0]) == "green red white blue"


@pytest.mark.parametrize("transpose", [False, True])
@pytest.mark.parametrize("rows", [False, True])
@pytest.mark.parametrize("columns", [False, True])
def test_a_turn_keeps_every_pixel(transpose: bool, rows: bool, columns: bool) -> None:
    pixels = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    after = Turn(transpose, rows, columns).apply(pixels)
    assert after.shape == ((3, 2, 3) if transpose else (2, 3, 3))
    assert sorted(after.ravel()) == sorted(pixels.ravel())


def test_pixels_become_square_unless_their_aspect_is_absurd() -> None:
    assert displayed_size(1080, 1280, Fraction(3, 2)) == (1080, 1920)
    assert displayed_size(100, 100, None) == (100, 100)
    assert displayed_size(100, 100, Fraction(1000, 1)) == (100, 100)


@pytest.mark.parametrize("height_px", [64, 62])  # of which half is odd: then a plane of chroma ends in mid-row
@pytest.mark.parametrize("color_range", [ColorRange.MPEG, ColorRange.JPEG])
@pytest.mark.parametrize(
    "matrix", [Colorspace.ITU709, Colorspace.ITU601, Colorspace.FCC, Colorspace.SMPTE240M, Colorspace.BT2020]
)
def test_planes_have_the_colors_that_the_source_has_whatever_matrix_made_it(
    matrix: Colorspace, color_range: ColorRange, height_px: int
) -> None:
    made = VideoFrame.from_ndarray(quadrants()[:height_px], "rgb24").reformat(
        format="yuv420p", dst_colorspace=matrix, dst_color_range=color_range
    )
    seen = to_pixels(Upright.of(made, None).planes(made)).astype(int)
    for rows, columns in ((slice(4, 28), slice(4, 44)), (slice(4, 28), slice(52, 92)), (slice(36, 60), slice(4, 44))):
        assert np.abs(seen[rows, columns] - quadrants()[rows, columns]).max() <= 4
    assert np.abs(seen[36:60, 52:92] - 235).max() <= 2
