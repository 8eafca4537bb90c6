"""WebDataset tars -> their members, by offset. Nothing is unpacked.

Members with one key belong together: the key is the path up to the first dot of the last part. A `.json` or `.txt`
describes the media beside it; members of other kinds are ignored.
"""

import os
import re
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import BinaryIO

from components.ingest.manifests import MOST_BYTES, Description, Refusal, beside, description_of, parsed

ENDINGS = (".tar",)
COMPRESSED = (".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar.zst")
PACKED = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd")  # magic bytes of gzip, bzip2, xz and zstd
METADATA = (".json", ".txt")
BLOCKSIZE = tarfile.BLOCKSIZE
MOST_HEADER_BYTES = 1 << 20  # of all headers of one member: a path has 4 kB, an attribute of a file system 64 kB
PAX = (tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE)
EXTENDED = (*PAX, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK)
RECORD = re.compile(rb"([0-9]{1,7}) ([^=]{1,255})=")
SIZE = re.compile(r"[0-9]{1,19}")
GOES_ON_IN_HEADER, GOES_ON_IN_MORE = 482, 504  # of a sparse file: offset of the flag that one more block follows
OTHER = {".cls", ".npy", ".npz", ".pt", ".pth", ".pyd", ".pickle", ".index", ".md", ".csv", ".yaml"}


@dataclass(frozen=True)
class Member:
    """A media file in a tar, or the reason why it, or the rest of the tar, is refused."""

    name: str  # "" for the tar itself
    offset_bytes: int = 0
    size_bytes: int = 0
    description: Description | None = None
    refusal: str = ""
    detail: str = ""


def members(file: BinaryIO) -> Iterator[Member]:
    """Yield the media in an open tar; whole members before a damage count."""
    whole, damage = _headers(file)
    metadata: dict[str, dict[str, tarfile.TarInfo]] = {}
    for info in whole:
        if _plain(info) and info.name.endswith(METADATA):
            key, ending = _key(info.name)
            metadata.setdefault(key, {})[ending] = info
    names = set[str]()
    for info in whole:
        path = PurePosixPath(info.name)
        if info.isdir() or path.name.startswith(".") or path.suffix.lower() in OTHER.union(METADATA):
            continue
        refusal = "repeated_path" if info.name in names else "" if _plain(info) else "link_in_archive"
        refusal = refusal if info.name else "unsafe_name"
        names.add(info.name)
        detail = ""
        try:
            description = None if refusal else _description(file, metadata.get(_key(info.name)[0], {}))
        except Refusal as error:
            description, refusal, detail = None, error.reason, error.detail
        yield Member(info.name or "?", info.offset_data, info.size, description, refusal, detail)
    if damage:
        yield Member("", refusal=damage)


def _headers(file: BinaryIO) -> tuple[list[tarfile.TarInfo], str]:
    found: list[tarfile.TarInfo] = []
    try:
        for info in _walk(file, file.seek(0, os.SEEK_END)):
            found.append(info)  # one by one: an error keeps the members before it
    except tarfile.TarError:
        file.seek(0)
        packed = not found and file.read(max(map(len, PACKED))).startswith(PACKED)
        return found, "compressed_archive" if packed else "broken_archive"
    return found, ""


def _walk(file: BinaryIO, end: int) -> Iterator[tarfile.TarInfo]:
    """Yield whole members in order; raises TarError at the first damage.

    `tarfile` itself trusts headers: a negative size makes it loop for ever, a large one fills the memory.
    """
    at = 0
    while info := _header(file, at, end):
        records, left = dict[str, str](), MOST_HEADER_BYTES
        while info.type in EXTENDED:
            content = _content(file, at + BLOCKSIZE, info.size, left)
            at, left = at + BLOCKSIZE + _padded(info.size), left - BLOCKSIZE - _padded(info.size)
            records = _extended(info, content) | records
            info = _header(file, at, end)
            if info is None:
                raise tarfile.ReadError("the archive ends where a member should follow")
        at = _after_header(file, at, info)
        info.offset_data = at
        _apply(info, records)
        if info.isreg() or info.type not in tarfile.SUPPORTED_TYPES:
            at += _padded(info.size)
        if not _plain(info) or info.offset_data + info.size <= end:
            yield info


def _header(file: BinaryIO, at: int, end: int) -> tarfile.TarInfo | None:
    """Return the header at an offset, or None at the end of the archive."""
    if at > end:  # an object store cannot seek there
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
    """Return the content of a header, complete."""
    if size > most:
        raise tarfile.ReadError("a header of more bytes than a header has")
    file.seek(at)
    content = file.read(size)
    if len(content) < size:
        raise tarfile.ReadError("the archive ends within a header")
    return content


def _extended(info: tarfile.TarInfo, content: bytes) -> dict[str, str]:
    """Return what an extended header says about the member after it. Global POSIX headers are ignored."""
    if info.type == tarfile.GNUTYPE_LONGNAME:
        return {"path": content.partition(b"\0")[0].decode(errors="surrogateescape")}
    return _records(content) if info.type in PAX else {}


def _records(content: bytes) -> dict[str, str]:
    """Parse the records of a POSIX header: `length key=value`, each with a final newline."""
    records, at = dict[str, str](), 0
    while at < len(content) and content[at]:
        record = RECORD.match(content, at)
        after = at + int(record[1]) if record else 0
        if record is None or not record.end() < after <= len(content) or content[after - 1] != ord("\n"):
            raise tarfile.ReadError("a record that is none")
        value = content[record.end() : after - 1]
        records[record[2].decode(errors="surrogateescape")] = value.decode(errors="surrogateescape")
        at = after
    return records


def _apply(info: tarfile.TarInfo, records: Mapping[str, str]) -> None:
    """Apply the records of a member's extended headers, which take precedence."""
    if any(key.startswith("GNU.sparse.") for key in records):
        info.type = tarfile.GNUTYPE_SPARSE
    if name := records.get("GNU.sparse.name", records.get("path")):
        info.name = name.rstrip("/")
    if "size" in records:
        if not SIZE.fullmatch(records["size"]):
            raise tarfile.ReadError("an invalid size")
        info.size = int(records["size"])


def _after_header(file: BinaryIO, at: int, info: tarfile.TarInfo) -> int:
    """Return the offset of a member's bytes: of a sparse file, behind its blocks with the map of the file."""
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
    """Return True if the member's bytes are contiguous in the tar."""
    return info.isreg() and info.type != tarfile.GNUTYPE_SPARSE


def _description(file: BinaryIO, metadata: dict[str, tarfile.TarInfo]) -> Description:
    """Read the metadata of the members beside a media file; the text is the caption where the JSON has none."""
    if info := metadata.get(".json"):
        if info.size > 16 * MOST_BYTES:
            raise Refusal("caption_too_long")
        row = parsed(_bytes(file, info))
        if isinstance(row, dict) and not row.get("caption") and ".txt" in metadata:
            row = row | {"caption": _caption(file, metadata[".txt"])}
        return description_of(row)
    return Description(caption=_caption(file, metadata[".txt"])) if ".txt" in metadata else Description()


def _caption(file: BinaryIO, info: tarfile.TarInfo) -> str:
    if info.size > MOST_BYTES:
        raise Refusal("caption_too_long")
    return beside(_bytes(file, info)).caption


def _bytes(file: BinaryIO, info: tarfile.TarInfo) -> bytes:
    file.seek(info.offset_data)
    return file.read(info.size)
