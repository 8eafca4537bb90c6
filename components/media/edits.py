"""Edit lists of MP4 and QuickTime files: how many pieces of its media each track shows.

FFmpeg knows two ways with them. The elaborate one plays any number of pieces, but lets a piece that begins within a
frame begin with the next frame, early, so that pictures are up to a frame ahead of the sound. The plain one is exact,
and knows one piece only.
"""

import re
import struct
from typing import BinaryIO

MOST_BYTES = 64 * 1024 * 1024  # of the index of a file
LIST = re.compile(rb"elst([\0\1])\0\0\0(....)", re.DOTALL)


def shows_one_piece(file: BinaryIO) -> bool:
    """Whether a file, open at its beginning, has an index of MP4's that shows, of each track, one piece at most."""
    index = _index(file)
    return bool(index) and all(_pieces(index, found) <= 1 for found in LIST.finditer(index))


def _index(file: BinaryIO) -> bytes:
    """The content of the box `moov`; nothing if there is none, or none that can be read."""
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
    """Edits of a list that show media, not the empty ones which only delay it."""
    is_long, count = found[1] == b"\1", int.from_bytes(found[2], "big")
    entry = struct.Struct(">QqI" if is_long else ">IiI")
    edits = index[found.end() : found.end() + min(count, 1000) * entry.size]
    return sum(
        media_time != -1 for _, media_time, _ in entry.iter_unpack(edits[: len(edits) // entry.size * entry.size])
    )
