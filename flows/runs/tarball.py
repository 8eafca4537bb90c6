"""A source archive -> its members, each validated before any is used.

Anyone who can write to the shared remote chooses the archive of a record. So this accepts only what
`source_archive.archive` writes: gzip around plain tar headers, with pax headers for long names; files, folders and
symbolic links. Python's `tarfile` only decodes single headers here and does not walk the archive: before 3.11.4 it has
no filters, it follows negative sizes backwards, and it reads a header at once, however long it claims to be.
"""

import gzip
import tarfile
import unicodedata
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal, NoReturn

from flows.graph.untrusted import Untrusted, relative

MOST_NAMES = 20_000  # files and folders, about 30 times this project's; bounds memory, time and inodes
MOST_BYTES = 2**30  # unpacked, headers included: enough for a table of ten million sources
LONGEST_HEADER_BYTES = 2**14  # two paths of Linux's maximal length, 4,096 bytes, and their keys
LONGEST_PATH_BYTES, MOST_PARTS = 2**10, 64
PIECE_BYTES = 2**16  # read at a time
USED, IGNORED = {"path", "linkpath"}, {"atime", "ctime", "gid", "gname", "mtime", "uid", "uname"}  # keys of pax headers
KINDS: dict[bytes, Literal["file", "folder", "link"]] = {
    tarfile.REGTYPE: "file",
    tarfile.AREGTYPE: "file",
    tarfile.DIRTYPE: "folder",
    tarfile.SYMTYPE: "link",
}
Tree = dict[str, tuple[str, "Tree | None"]]  # folded name -> name, and the content of a folder


@dataclass(frozen=True)
class ArchiveMember:
    """A file, folder or symbolic link, with a path inside the target folder."""

    path: str
    kind: Literal["file", "folder", "link"]
    target: str  # of a link
    is_executable: bool  # for the owner; other mode bits are ignored
    offset: int  # of a file's bytes in the unpacked stream
    size: int


class Tarball:
    """The members of an open archive; raises Untrusted, naming archive and member, for unacceptable content."""

    def __init__(self, file: gzip.GzipFile, origin: str):
        self._file, self._origin = file, origin
        self.members = tuple(self._checked())

    def pieces(self, member: ArchiveMember) -> Iterator[bytes]:
        """Yield the bytes of a file."""
        self._file.seek(member.offset)
        left = member.size
        while left:
            piece = self._file.read(min(left, PIECE_BYTES))
            if not piece:
                self.refuse(member.path, "is truncated")
            yield piece
            left -= len(piece)

    def check_links(self) -> None:
        """Raise Untrusted if a link, or a chain of links, can lead out of the folder or into `.git`.

        A target first climbs and then descends. It climbs only through real folders, because no member is below a link;
        below them it may pass through other links, each of which leads inside and does not climb again.
        """
        for member in (member for member in self.members if member.kind == "link"):
            parts = PurePosixPath(member.target).parts
            climbs = next((number for number, part in enumerate(parts) if part != ".."), len(parts))
            try:
                if not parts or member.target.startswith("/") or climbs > member.path.count("/"):
                    raise Untrusted
                if climbs < len(parts):
                    self._check_path("/".join(parts[climbs:]))
            except Untrusted:
                self.refuse(member.path, f"links to {member.target!r}")

    def refuse(self, path: str, reason: str) -> NoReturn:
        """Raise Untrusted with the reason for a member."""
        raise Untrusted(f"{self._origin} is refused: its member {path!r} {reason}")

    def _checked(self) -> Iterator[ArchiveMember]:
        tree, names = Tree(), 0
        for member in self._walk():
            parts = self._check_path(member.path)
            names += self._enter(tree, parts, member)
            if names > MOST_NAMES:
                self.refuse(member.path, f"is one too many: at most {MOST_NAMES:,} files and folders are allowed")
            yield member

    def _walk(self) -> Iterator[ArchiveMember]:
        """Decode the headers to the end, and read the rest of the file, so that gzip's checksum is verified."""
        named: dict[str, str] = {}
        while (block := self._file.read(tarfile.BLOCKSIZE)).strip(b"\0"):
            header = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
            path, offset = named.get("path", header.name), self._file.tell()
            if header.size < 0 or offset + header.size > MOST_BYTES:
                self.refuse(path, f"claims {header.size:,} bytes: at most {MOST_BYTES:,} are allowed")
            if header.type == tarfile.XHDTYPE:
                if named or header.size > LONGEST_HEADER_BYTES:
                    self.refuse(path, "has a second header, or a header that is too long")
                named = self._pax(self._file.read(header.size), path)
            else:
                kind = KINDS.get(header.type)
                if kind is None or (kind != "file" and header.size):
                    self.refuse(path, f"is not a plain file, folder or symbolic link (type {header.type!r})")
                if kind == "folder":
                    path = path.removesuffix("/")
                target = named.get("linkpath", header.linkname) if kind == "link" else ""
                yield ArchiveMember(path, kind, target, bool(header.mode & 0o100), offset, header.size)
                named = {}
            self._file.seek(offset + -(-header.size // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE)
        if len(block) < tarfile.BLOCKSIZE:
            raise EOFError("it ends before its end mark")
        while self._file.read(PIECE_BYTES):
            if self._file.tell() > MOST_BYTES:
                raise Untrusted(f"{self._origin} is refused: unpacked it has more than {MOST_BYTES:,} bytes")

    def _pax(self, content: bytes, path: str) -> dict[str, str]:
        """Decode a pax header: records `length key=value`, each key once, and only harmless keys."""
        found: dict[str, str] = {}
        while content:
            length = content[: content.find(b" ")]
            end = int(length) if length.isdigit() and len(length) < 6 else 0
            key, is_set, value = content[len(length) + 1 : end - 1].decode(errors="surrogateescape").partition("=")
            if not is_set or not 0 < end <= len(content) or content[end - 1] != ord("\n"):
                self.refuse(path, "has a malformed header")
            if key in found or key not in USED | IGNORED:
                self.refuse(path, f"has a header with {key!r}")
            found[key], content = value, content[end:]
        return found

    def _check_path(self, path: str) -> list[str]:
        """Split a path; it must lie inside the folder and outside of any `.git`, where git keeps programs and hooks."""
        parts = relative(path, self._origin).split("/")
        if len(path.encode()) > LONGEST_PATH_BYTES or len(parts) > MOST_PARTS:
            self.refuse(path, "has a path that is too long")
        if ".git" in map(_folded, parts):
            self.refuse(path, "is in `.git`")
        return parts

    def _enter(self, tree: Tree, parts: list[str], member: ArchiveMember) -> int:
        """Add a member to the tree of names, each of which exists once; returns the number of new names.

        A name must always be spelled alike: on a file system that ignores case, names that differ in case would be one
        file, and `.GIT` would be `.git`.
        """
        *parents, name = map(_folded, parts)
        new = 1
        for part, key in zip(parts, parents, strict=False):
            new += key not in tree
            spelled, below = tree.setdefault(key, (part, {}))
            if spelled != part or below is None:
                self.refuse(member.path, f"is under {part!r}, but another member is {spelled!r}")
            tree = below
        if name in tree:
            self.refuse(member.path, f"has the name of another member, {tree[name][0]!r}")
        tree[name] = parts[-1], {} if member.kind == "folder" else None
        return new


@contextmanager
def opened(packed: Path) -> Iterator[Tarball]:
    """Open an archive for a block; raises Untrusted if it is broken, or if a member must not be used."""
    origin = f"the archive {packed}"
    try:
        if packed.stat().st_size > MOST_BYTES:
            raise Untrusted(f"{origin} is refused: it has more than {MOST_BYTES:,} bytes")
        with gzip.open(packed) as file:
            yield Tarball(file, origin)
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise Untrusted(f"{origin} is refused: it is broken ({error})") from error


def _folded(part: str) -> str:
    """Normalize a name as file systems do that ignore case, Unicode composition or invisible characters."""
    visible = (letter for letter in unicodedata.normalize("NFC", part) if unicodedata.category(letter) != "Cf")
    return "".join(visible).casefold()
