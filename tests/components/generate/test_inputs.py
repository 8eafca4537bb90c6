"""What a person gives is read within limits, or refused in words that name the file."""

import os
import struct
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from components.generate import inputs
from components.generate.config import Config
from components.language_model.tasks import TASKS
from components.media import images, pixels, video

FILM = video.encode_mp4(np.random.default_rng(0).integers(0, 255, (20, 48, 64, 3), np.uint8), fps=8)
PICTURE = images.encode_png(np.zeros((32, 32, 3), np.uint8))
HUGE_GIF = b"GIF89a" + struct.pack("<HH", 65535, 65535) + b"\xf0\0\0" + bytes(6) + b",\0\0\0\0\1\0\1\0\0\2\2D\1\0;"
TASK_OF = {"image": "image_to_video", "video": "inpainting", "mask": "inpainting", "audio": "audio_to_video"}


def large_picture() -> bytes:
    file = BytesIO()
    Image.new("1", (9000, 9000)).save(file, "PNG")
    return file.getvalue()


def large_film(form: str) -> bytes:
    """A film of 81 million pixels, of which nothing was encoded: its header is all there is."""
    file = BytesIO()
    with av.open(file, "w", format=form) as container:
        stream = container.add_stream("rawvideo" if form == "avi" else "mjpeg", rate=8)
        stream.width, stream.height, stream.pix_fmt = 9000, 9000, "yuvj420p" if form != "avi" else "yuv420p"
        for number in range(20):
            packet = av.Packet(b"\xff\xd8\xff\xd9" * 99)
            packet.stream, packet.pts, packet.dts, packet.is_keyframe = stream, number, number, True
            container.mux(packet)
    return file.getvalue()


def read(option: str, path: Path, config: Config, folder: Path) -> None:
    """Read a file as this option's, beside good ones."""
    (folder / "good.mp4").write_bytes(FILM)
    task = TASKS[TASK_OF[option]]
    files = {"video": folder / "good.mp4"} if option == "mask" else {}
    given = inputs.RequestInputs("words" if option == "image" else "", **{**files, option: path})
    given.check(task)
    fmt = config.formats.of(config.formats.clip_frames, "square")
    inputs.read_inputs(given, task, fmt, config, lambda frames: frames)


BAD: dict[str, Callable[[], bytes]] = {
    "empty": lambda: b"",
    "text": lambda: b"<html>not found</html>" * 50,
    "a film cut in its header": lambda: FILM[:300],
    "a film without its index": lambda: FILM[: FILM.index(b"moov")],
    "a picture cut in its header": lambda: PICTURE[:20],
    "a picture with damage": lambda: PICTURE[:40] + b"damage" * 9,
    "a huge GIF": lambda: HUGE_GIF,
    "a large picture": large_picture,
    "a large film in AVI": lambda: large_film("avi"),
    "a large film in Matroska": lambda: large_film("matroska"),
    "a table": lambda: b"PAR1" + bytes(900),
    "a list of films": lambda: b"ffconcat version 1.0\nfile good.mp4\n",
    "a playlist": lambda: b"#EXTM3U\n#EXTINF:1,\ngood.mp4\n",
}


@pytest.mark.parametrize("option", TASK_OF)
@pytest.mark.parametrize("kind", BAD)
def test_what_cannot_be_read_is_refused_by_its_name(kind: str, option: str, config: Config, tmp_path: Path) -> None:
    path = tmp_path / "mine.bin"
    path.write_bytes(BAD[kind]())
    with pytest.raises(ValueError, match=r"mine\.bin (holds no image|gives no|is no mask|has no audio)") as error:
        read(option, path, config, tmp_path)
    assert "\n" not in str(error.value)
    if ("large film" in kind and option in ("video", "image")) or ("picture" in kind and option in ("image", "mask")):
        assert ("resolution_too_large" in str(error.value)) == ("large" in kind)


@pytest.mark.parametrize("option", TASK_OF)
@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo, lambda path: path.symlink_to("/dev/zero"), lambda _: None])
def test_what_is_no_file_is_refused_and_not_waited_for(
    make: Callable[[Path], None], option: str, config: Config, tmp_path: Path
) -> None:
    make(tmp_path / "mine.mp4")
    with pytest.raises(ValueError, match=r"there is no file .*mine\.mp4"):
        read(option, tmp_path / "mine.mp4", config, tmp_path)


@pytest.mark.parametrize("name", ["f%d.png", "x%05d.jpg", "concat:a|b.mp4", "-i.mp4", "film.m3u8"])
def test_a_clip_is_read_by_its_content(name: str, config: Config, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(FILM)
    fmt = replace(config.formats.of(config.formats.clip_frames, "square"), height_px=16, width_px=16)
    wanted = pixels.crop_and_resize(video.decode(FILM, fps=8, frames=fmt.frames), 16, 16)
    np.testing.assert_array_equal(inputs.clip(tmp_path / name, fmt, fmt.frames, 8), wanted)
    np.testing.assert_array_equal(inputs.first_frame(tmp_path / name, fmt), wanted[:1])
