"""WebDataset tars -> their members, where they stand. Nothing is unpacked.

Members with one key belong together: the key is the path up to the first dot of the last part. A `.json` or `.txt`
describes the media beside it; members of other kinds are none of our business.
"""

import os
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import BinaryIO

from components.ingest.manifests import MOST_BYTES, Description, Refusal, beside, description, parsed

ENDINGS = (".tar",)
COMPRESSED = (".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar.zst")
PACKED = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd")  # how gzip, bzip2, xz and zstd begin
WORDS = (".json", ".txt")
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
        if info.isreg() and info.name.endswith(WORDS):
            key, ending = _key(info.name)
            words.setdefault(key, {})[ending] = info
    names = set[str]()
    for info in whole:
        path = PurePosixPath(info.name)
        if info.isdir() or path.name.startswith(".") or path.suffix.lower() in OTHER.union(WORDS):
            continue
        refusal = "repeated_path" if info.name in names else "" if _plain(info) else "link_in_archive"
        names.add(info.name)
        detail = ""
        try:
            said = None if refusal else _said(file, words.get(_key(info.name)[0], {}))
        except Refusal as error:
            said, refusal, detail = None, error.reason, error.detail
        yield Member(info.name, info.offset_data, info.size, said, refusal, detail)
    if damage:
        yield Member("", refusal=damage)


def _headers(file: BinaryIO) -> tuple[list[tarfile.TarInfo], str]:
    found: list[tarfile.TarInfo] = []
    end = file.seek(0, os.SEEK_END)
    file.seek(0)
    try:
        with tarfile.open(fileobj=file, mode="r:") as archive:
            for info in archive:
                if not _plain(info) or info.offset_data + info.size <= end:
                    found.append(info)  # one by one, for an error keeps what came before it
                if archive.offset > end:  # where the next header would be; a store has no place there to go to
                    return found, "broken_archive"
    except (tarfile.TarError, EOFError, ValueError, OverflowError):
        file.seek(0)
        packed = not found and file.read(max(map(len, PACKED))).startswith(PACKED)
        return found, "compressed_archive" if packed else "broken_archive"
    return found, ""


def _key(name: str) -> tuple[str, str]:
    folder, slash, last = name.rpartition("/")
    key, dot, ending = last.partition(".")
    return folder + slash + key, (dot + ending).lower()


def _plain(info: tarfile.TarInfo) -> bool:
    """Whether the bytes stand in one piece in the tar, under this name."""
    return info.isreg() and not info.issparse()


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
