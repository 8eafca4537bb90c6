"""First bytes -> kind of a file. The content decides, never the name."""

from typing import Literal

Kind = Literal["image", "video"]

IMAGES = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a", b"BM", b"II*\x00", b"MM\x00*")
CONTAINERS = (
    b"\x1aE\xdf\xa3",  # Matroska, WebM
    b"OggS",
    b"FLV\x01",
    b"0&\xb2u\x8ef\xcf\x11",  # ASF, WMV
    b"\x00\x00\x01\xba",  # MPEG program stream
    b"\x00\x00\x01\xb3",  # MPEG video
)
BOXES = (b"ftyp", b"moov", b"moof", b"mdat", b"styp", b"sidx", b"free", b"skip", b"wide", b"pnot")
STILL_BRANDS = (b"avif", b"heic", b"heix", b"mif1")
ENCRYPTED = (b"encv", b"pssh", b"sinf", b"tenc")
HEAD_BYTES = 1 << 16
PACKET_BYTES = 188


def kind_of(head: bytes) -> Kind | None:
    """Return the kind that the first bytes show (564 or more, if the file has them); None for an unknown one."""
    if head.startswith(IMAGES) or (head[:4] == b"RIFF" and head[8:12] == b"WEBP"):
        return "image"
    if head[4:8] == b"ftyp" and head[8:12] in STILL_BRANDS:
        return "image"
    transport_stream = len(head) > PACKET_BYTES and head[0] == head[PACKET_BYTES] == 0x47
    if head.startswith(CONTAINERS) or head[4:8] in BOXES or transport_stream:
        return "video"
    return "video" if head[:4] == b"RIFF" and head[8:12] == b"AVI " else None


def looks_encrypted(head: bytes) -> bool:
    """Return True if the head of a file has boxes of Common Encryption."""
    return head[4:8] in BOXES and any(box in head for box in ENCRYPTED)
