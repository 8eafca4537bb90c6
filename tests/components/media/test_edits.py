"""Which way FFmpeg is to go with a file's edit lists."""

import io
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.media import edits, video


def box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(content), kind) + content


def listed(*media_times: int, is_long: bool = False) -> bytes:
    entries = b"".join(struct.pack(">QqI" if is_long else ">IiI", 1000, time, 1 << 16) for time in media_times)
    return box(b"elst", bytes([is_long, 0, 0, 0]) + struct.pack(">I", len(media_times)) + entries)


def file(*lists: bytes) -> bytes:
    return box(b"ftyp", b"isom") + box(b"mdat", b"elst" * 9) + box(b"moov", b"".join(lists))


def shows_one_piece(content: bytes) -> bool:
    return edits.shows_one_piece(io.BytesIO(content))


@pytest.mark.parametrize("is_long", [False, True])
def test_a_delay_before_one_piece_is_no_second_piece(is_long: bool) -> None:
    assert shows_one_piece(file(listed(500, is_long=is_long), listed(-1, 0, is_long=is_long)))
    assert not shows_one_piece(file(listed(500, is_long=is_long), listed(0, 900, is_long=is_long)))


def test_what_has_no_index_of_mp4_shows_none() -> None:
    for content in (b"", b"RIFF....AVI ", file()[:-3], box(b"ftyp", b"isom")):
        assert not shows_one_piece(content)
    assert shows_one_piece(video.encode_mp4(np.zeros((9, 32, 32, 3), np.uint8), fps=8))


@given(st.binary(max_size=60))
def test_any_bytes_are_taken(content: bytes) -> None:
    for one in (content, box(b"moov", content + b"elst\0\0\0\0" + content)):
        assert shows_one_piece(one) in (True, False)
