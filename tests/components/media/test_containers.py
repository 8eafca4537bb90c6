"""FFmpeg and Pillow read the one file that they are given, by its content, and no other."""

import io
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from components.media import audio, images, video
from components.media.errors import Unreadable

RATE_HZ = 8000
PICTURE = Image.new("RGB", (48, 32), "red")


def film(level: int) -> bytes:
    """A second of one gray, with a tone."""
    tone = np.sin(np.arange(RATE_HZ) / 5).astype(np.float32)
    frames = np.full((8, 32, 48, 3), level, np.uint8)
    return video.encode_mp4(frames, fps=8, audio_S=tone, sample_rate_hz=RATE_HZ)


FILM = film(100)
NO_MEDIA = b"\0\0\0\x08free" + bytes(700)  # taken for a film by its first bytes
NAMES = [
    "f%d.jpg",
    "x%05d.webp",
    "f%03d.png",
    "a[1-3].png",
    "a*.png",
    "%*.tiff",
    "-i.mp4",
    "concat:a|b.mp4",
    "http:x.mp4",
    "a:b.mp4",
    "data:video,x.mp4",
    "subfile,,start,9,end,99,,:x.mp4",
    "fd:",
    "pipe:0",
    "film.m3u8",
    "film.sdp",
    "two\nlines.mp4",
    " ",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_film_is_read_whatever_it_is_called(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for path in (tmp_path / name, Path(name)):
        path.write_bytes(FILM)
        assert video.probe(path).has_audio
        np.testing.assert_array_equal(
            video.decode(path, fps=8, start_s=0.5, frames=4), video.decode(FILM, fps=8, start_s=0.5, frames=4)
        )
        assert audio.decode(path, sample_rate_hz=RATE_HZ, duration_s=1.0) is not None


@pytest.mark.parametrize("name", ["f%d.jpg", "x%05d.webp", "p%02d.bmp", "q%d.tiff", "y%04d.jpeg", "z%1d.gif", "%d.png"])
def test_a_pattern_as_a_name_gives_no_picture_of_other_files(name: str, tmp_path: Path) -> None:
    for number in range(20):
        PICTURE.save(tmp_path / (name % number))
    (tmp_path / name).write_bytes(NO_MEDIA)
    with pytest.raises(Unreadable) as told:
        list(video.read(tmp_path / name, fps=8))
    assert told.value.reason in ("unreadable_container", "no_video_stream")
    with pytest.raises(Unreadable, match="unreadable_container"):
        images.read(tmp_path / name)


def jpegs_in_parts() -> bytes:
    whole = io.BytesIO()
    PICTURE.save(whole, "JPEG")
    return (b"--part\r\nContent-Type: image/jpeg\r\n\r\n" + whole.getvalue() + b"\r\n") * 9


TEXTS: dict[str, Callable[[Path], str | bytes]] = {
    "playlist": lambda _: "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nother.mp4\n#EXT-X-ENDLIST\n",
    "playlist by a whole path": lambda folder: (
        f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile://{folder}/other.mp4\n#EXT-X-ENDLIST\n"
    ),
    "list of films": lambda _: "ffconcat version 1.0\nfile other.mp4\n",
    "list of films by a protocol": lambda folder: f"ffconcat version 1.0\nfile file:{folder}/other.mp4\n",
    "session": lambda _: (
        "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 9 RTP/AVP 96\na=rtpmap:96 H264/90000\n"
    ),
    "pictures in parts": lambda _: jpegs_in_parts(),
    "metadata": lambda _: ";FFMETADATA1\ntitle=x\n",
    "captions": lambda _: '{"captions":[{"duration":1,"content":"x","startOfParagraph":true,"startTime":0}]}',
    "subtitles": lambda _: "1\n00:00:00,000 --> 00:00:01,000\nwords\n",
    "web subtitles": lambda _: "WEBVTT\n\n00:00.000 --> 00:01.000\nwords\n",
    "one picture": lambda _: b"P6\n48 32\n255\n" + bytes(48 * 32 * 3),
    "raw video": lambda _: b"YUV4MPEG2 W48 H32 F8:1 Ip A1:1 C420\nFRAME\n" + bytes(48 * 48),
}


@pytest.mark.parametrize("kind", TEXTS)
@pytest.mark.parametrize("ending", ["mp4", "m3u8", "sdp", "lavfi", "ffconcat"])
def test_a_text_that_names_other_files_is_no_container(
    kind: str, ending: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "other.mp4").write_bytes(FILM)
    said = TEXTS[kind](tmp_path)
    content = said if isinstance(said, bytes) else said.encode()
    path = tmp_path / f"secret.{ending}"
    path.write_bytes(content)
    for source in (path, content):
        for look in (video.probe, lambda one: audio.decode(one, sample_rate_hz=RATE_HZ, duration_s=1.0)):
            with pytest.raises(Unreadable, match="unreadable_container") as told:
                look(source)
            assert "secret" not in str(told.value)


def boxed(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(content), kind) + content


def elsewhere(content: bytes, name: bytes) -> bytes:
    """Boxes of a film whose samples lie in a file beside it, by an alias of QuickTime's."""
    path = name + bytes(len(name) % 2)
    alias = bytes(10) + bytes([9]) + b"Macintosh".ljust(27, b"\0") + bytes(12)
    alias += bytes([len(name)]) + name.ljust(63, b"\0") + bytes(16) + struct.pack(">hh", 1, 1) + bytes(16)
    alias += struct.pack(">hH", 2, len(name)) + path + struct.pack(">hH", -1, 0)
    made, at = b"", 0
    while at < len(content):
        size, kind = struct.unpack_from(">I4s", content, at)
        inner = content[at + 8 : at + size]
        if kind == b"dref":
            inner = bytes(4) + struct.pack(">I", 1) + boxed(b"alis", bytes(4) + alias)
        elif kind in (b"moov", b"trak", b"mdia", b"minf", b"dinf"):
            inner = elsewhere(inner, name)
        made, at = made + boxed(kind, inner), at + size
    return made


def test_samples_that_a_film_keeps_in_another_file_are_not_read(tmp_path: Path) -> None:
    (tmp_path / "other.mp4").write_bytes(FILM)
    path = tmp_path / "film.mov"
    path.write_bytes(elsewhere(FILM, b"other.mp4"))
    assert video.probe(path).height_px == 32  # the header is one
    assert list(video.read(path, fps=8)) == []


def test_two_readers_of_one_file_do_not_disturb_each_other(tmp_path: Path) -> None:
    (tmp_path / "film.mp4").write_bytes(FILM)
    pairs = zip(video.read(tmp_path / "film.mp4", fps=8), video.read(tmp_path / "film.mp4", fps=8), strict=True)
    assert [one[0] for one, other in pairs if np.array_equal(one[1], other[1])] == [index / 8 for index in range(8)]


def test_no_file_stays_open(tmp_path: Path) -> None:
    (tmp_path / "film.mp4").write_bytes(FILM)
    (tmp_path / "none.mp4").write_bytes(NO_MEDIA)
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(5):
        video.probe(tmp_path / "film.mp4")
        with pytest.raises(Unreadable):
            video.probe(tmp_path / "none.mp4")
    assert len(list(Path("/proc/self/fd").iterdir())) == before


@pytest.mark.parametrize("form", ["PPM", "TGA", "ICO", "PCX", "SGI", "EPS", "DDS", "IM", "JPEG2000"])
def test_pictures_of_other_kinds_than_are_documented_are_not_read(form: str, tmp_path: Path) -> None:
    PICTURE.save(tmp_path / "picture.png", form)
    with pytest.raises(Unreadable, match="unreadable_container"):
        images.read(tmp_path / "picture.png")


@pytest.mark.parametrize("form", ["JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP", "AVIF", "MPO"])
def test_pictures_of_known_kinds_are_read_whatever_they_are_called(form: str, tmp_path: Path) -> None:
    PICTURE.save(tmp_path / "f%d.eps", form)
    assert np.abs(images.read(tmp_path / "f%d.eps").astype(int) - (255, 0, 0)).max() < 5


def wav(rate_hz: int) -> bytes:
    sound = bytes(4000)
    form = struct.pack("<HHIIHH", 1, 1, rate_hz, 2 * rate_hz % (1 << 32), 2, 16)
    return b"RIFF" + struct.pack("<I", 36 + len(sound)) + b"WAVEfmt \x10\0\0\0" + form + b"data\xa0\x0f\0\0" + sound


def test_sound_of_gigahertz_is_none() -> None:
    assert audio.decode(wav(RATE_HZ), sample_rate_hz=RATE_HZ, duration_s=5.0) is not None
    assert audio.decode(wav(2_000_000_000), sample_rate_hz=RATE_HZ, duration_s=5.0) is None
