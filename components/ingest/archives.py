"""WebDataset tars -> their members, where they stand. Nothing is unpacked.

Members with one key belong together: the key is the path up to the first dot of the last part. A `.json` or `.txt`
describes the media beside it; members of other kinds are none of our business.
"""

import os
import re
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import BinaryIO

from components.ingest.manifests import MOST_BYTES, Description, Refusal, beside, description, parsed

ENDINGS = (".tar",)
COMPRESSED = (".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar.zst")
PACKED = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd")  # how gzip, bzip2, xz and zstd begin
WORDS = (".json", ".txt")
BLOCKSIZE = tarfile.BLOCKSIZE
MOST_HEADER_BYTES = 1 << 20  # of all headers of one member: a path has 4 kB, an attribute of a file system 64 kB
PAX = (tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE)
EXTENDED = (*PAX, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK)
RECORD = re.compile(rb"([0-9]{1,7}) ([^=]{1,255})=")
SIZE = re.compile(r"[0-9]{1,19}")
GOES_ON_IN_HEADER, GOES_ON_IN_MORE = 482, 504  # of a sparse file: the byte that says whether one more block follows
OTHER = {".cls", ".npy", ".npz", ".pt", ".pth", ".pyd", ".pickle", ".index", ".md", ".csv", ".yaml"}


@dataclass(frozen=True)
class Member:
    """A media file in a tar, or why it, or what is left of the tar, is refused."""

    name: str  # "" for the tar itself
    offset_bytes: int = 0
    size_bytes: int = 0
    said: Description | None = None
    refusal: str = ""
    detail: str = ""


def members(file: BinaryIO) -> Iterator[Member]:
    """Media in an open tar; what comes before a damage, whole, counts."""
    whole, damage = _headers(file)
    words: dict[str, dict[str, tarfile.TarInfo]] = {}
    for info in whole:
        if _plain(info) and info.name.endswith(WORDS):
            key, ending = _key(info.name)
            words.setdefault(key, {})[ending] = info
    names = set[str]()
    for info in whole:
        path = PurePosixPath(info.name)
        if info.isdir() or path.name.startswith(".") or path.suffix.lower() in OTHER.union(WORDS):
            continue
        refusal = "repeated_path" if info.name in names else "" if _plain(info) else "link_in_archive"
        refusal = refusal if info.name else "unsafe_name"
        names.add(info.name)
        detail = ""
        try:
            said = None if refusal else _said(file, words.get(_key(info.name)[0], {}))
        except Refusal as error:
            said, refusal, detail = None, error.reason, error.detail
        yield Member(info.name or "?", info.offset_data, info.size, said, refusal, detail)
    if damage:
        yield Member("", refusal=damage)


def _headers(file: BinaryIO) -> tuple[list[tarfile.TarInfo], str]:
    found: list[tarfile.TarInfo] = []
    try:
        for info in _walk(file, file.seek(0, os.SEEK_END)):
            found.append(info)  # one by one, for an error keeps what came before it
    except tarfile.TarError:
        file.seek(0)
        packed = not found and file.read(max(map(len, PACKED))).startswith(PACKED)
        return found, "compressed_archive" if packed else "broken_archive"
    return found, ""


def _walk(file: BinaryIO, end: int) -> Iterator[tarfile.TarInfo]:
    """Members that are whole, in order; raises TarError at the first damage.

    `tarfile` itself believes headers: a negative size takes it round in circles, a large one fills the memory.
    """
    at = 0
    while info := _header(file, at, end):
        said, left = dict[str, str](), MOST_HEADER_BYTES
        while info.type in EXTENDED:
            content = _content(file, at + BLOCKSIZE, info.size, left)
            at, left = at + BLOCKSIZE + _padded(info.size), left - BLOCKSIZE - _padded(info.size)
            said = _said_by(info, content) | said
            info = _header(file, at, end)
            if info is None:
                raise tarfile.ReadError("the archive ends where a member should follow")
        at = _after_header(file, at, info)
        info.offset_data = at
        _apply(info, said)
        if info.isreg() or info.type not in tarfile.SUPPORTED_TYPES:
            at += _padded(info.size)
        if not _plain(info) or info.offset_data + info.size <= end:
            yield info


def _header(file: BinaryIO, at: int, end: int) -> tarfile.TarInfo | None:
    """The header there, or None at the end of the archive."""
    if at > end:  # a store has no place there to go to
        raise tarfile.ReadError("a member goes on after the end of the archive")
    file.seek(at)
    block = file.read(BLOCKSIZE)
    if not block.strip(b"\0") and (at or len(block) == BLOCKSIZE):
        return None
    info = tarfile.TarInfo.frombuf(block, tarfile.ENCODING, "surrogateescape")
    if info.size < 0:
        raise tarfile.ReadError("a size below 0")
    return info


def _content(file: BinaryIO, at: int, size: int, most: int) -> bytes:
    """What a header has for content, in whole."""
    if size > most:
        raise tarfile.ReadError("a header of more bytes than a header has")
    file.seek(at)
    content = file.read(size)
    if len(content) < size:
        raise tarfile.ReadError("the archive ends within a header")
    return content


def _said_by(info: tarfile.TarInfo, content: bytes) -> dict[str, str]:
    """What a header says of the member after it. What POSIX's general ones say of all members is of no interest."""
    if info.type == tarfile.GNUTYPE_LONGNAME:
        return {"path": content.partition(b"\0")[0].decode(errors="surrogateescape")}
    return _records(content) if info.type in PAX else {}


def _records(content: bytes) -> dict[str, str]:
    """What a header of POSIX's says, as `length key=value` and the end of a line, again and again."""
    said, at = dict[str, str](), 0
    while at < len(content) and content[at]:
        record = RECORD.match(content, at)
        after = at + int(record[1]) if record else 0
        if record is None or not record.end() < after <= len(content) or content[after - 1] != ord("\n"):
            raise tarfile.ReadError("a record that is none")
        said[record[2].decode(errors="surrogateescape")] = content[record.end() : after - 1].decode(
            errors="surrogateescape"
        )
        at = after
    return said


def _apply(info: tarfile.TarInfo, said: Mapping[str, str]) -> None:
    """Let what the headers before a member say of it come first."""
    if any(key.startswith("GNU.sparse.") for key in said):
        info.type = tarfile.GNUTYPE_SPARSE
    if name := said.get("GNU.sparse.name", said.get("path")):
        info.name = name.rstrip("/")
    if "size" in said:
        if not SIZE.fullmatch(said["size"]):
            raise tarfile.ReadError("a size that is none")
        info.size = int(said["size"])


def _after_header(file: BinaryIO, at: int, info: tarfile.TarInfo) -> int:
    """Where the bytes of a member begin: of a sparse file behind the blocks that say where they go."""
    goes_on, most = GOES_ON_IN_HEADER, at + MOST_HEADER_BYTES
    while info.type == tarfile.GNUTYPE_SPARSE and _content(file, at, BLOCKSIZE, most - at)[goes_on]:
        goes_on, at = GOES_ON_IN_MORE, at + BLOCKSIZE
    return at + BLOCKSIZE


def _padded(size: int) -> int:
    return -(-size // BLOCKSIZE) * BLOCKSIZE


def _key(name: str) -> tuple[str, str]:
    folder, slash, last = name.rpartition("/")
    key, dot, ending = last.partition(".")
    return folder + slash + key, (dot + ending).lower()


def _plain(info: tarfile.TarInfo) -> bool:
    """Whether the bytes stand in one piece in the tar, under this name."""
    return info.isreg() and info.type != tarfile.GNUTYPE_SPARSE


def _said(file: BinaryIO, words: dict[str, tarfile.TarInfo]) -> Description:
    """What the members beside it say; the text is the caption where the JSON gives none."""
    if info := words.get(".json"):
        if info.size > 16 * MOST_BYTES:
            raise Refusal("caption_too_long")
        row = parsed(_bytes(file, info))
        if isinstance(row, dict) and not row.get("caption") and ".txt" in words:
            row = row | {"caption": _caption(file, words[".txt"])}
        return description(row)
    return Description(caption=_caption(file, words[".txt"])) if ".txt" in words else Description()


def _caption(file: BinaryIO, info: tarfile.TarInfo) -> str:
    if info.size > MOST_BYTES:
        raise Refusal("caption_too_long")
    return beside(_bytes(file, info)).caption


def _bytes(file: BinaryIO, info: tarfile.TarInfo) -> bytes:
    file.seek(info.offset_data)
    return file.read(info.size)
