"""Edit lists of MP4 and QuickTime files: the number of pieces of its media that each track plays.

FFmpeg has two modes for them. The advanced one plays any number of pieces, but moves a piece that begins within a frame
to the next frame, so that video is up to a frame ahead of audio. The simple one is exact, but supports one piece only.
"""

import re
import struct
from typing import BinaryIO

MOST_BYTES = 64 * 1024 * 1024  # of the index of a file
LIST = re.compile(rb"elst([\0\1])\0\0\0(....)", re.DOTALL)


def shows_one_piece(file: BinaryIO) -> bool:
    """Return True if a file, open at its beginning, has an MP4 index with at most one piece per track."""
    index = _index(file)
    return bool(index) and all(_pieces(index, found) <= 1 for found in LIST.finditer(index))


def _index(file: BinaryIO) -> bytes:
    """Return the content of the box `moov`; empty if there is none that can be read."""
    while len(head := file.read(8)) == 8:
        size, kind = struct.unpack(">I4s", head)
        if size == 1:
            size = int.from_bytes(file.read(8), "big") - 8
        if kind == b"moov":
            return file.read(size - 8) if 8 < size <= MOST_BYTES else b""
        if size < 8:
            break
        file.seek(size - 8, 1)
    return b""


def _pieces(index: bytes, found: "re.Match[bytes]") -> int:
    """Count the edits of a list that play media; empty edits only delay it."""
    is_long, count = found[1] == b"\1", int.from_bytes(found[2], "big")
    entry = struct.Struct(">QqI" if is_long else ">IiI")
    edits = index[found.end() : found.end() + min(count, 1000) * entry.size]
    return sum(
        media_time != -1 for _, media_time, _ in entry.iter_unpack(edits[: len(edits) // entry.size * entry.size])
    )
