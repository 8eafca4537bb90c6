"""A source archive -> its members, each checked before any is used.

Whoever can write to the shared remote chooses the archive of a record. So this takes what `source.archive` writes and
nothing else: gzip around plain tar headers, with pax headers for long names; files, folders and symbolic links. All
else is refused. Python's `tarfile` decodes single headers here but does not walk the archive: its filters are missing
before 3.11.4, it follows negative sizes backwards, and it reads a header in one piece, however long that claims to be.
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

MOST_NAMES = 20_000  # files and folders, some 30 times as many as this project has; bounds memory, time and inodes
MOST_BYTES = 2**30  # unpacked, headers included: a table of ten million sources fits, and a usual disk and /tmp hold it
LONGEST_HEADER_BYTES = 2**14  # two paths of Linux' longest, 4,096 bytes, and what stands around them
LONGEST_PATH_BYTES, MOST_PARTS = 2**10, 64
PIECE_BYTES = 2**16  # read at a time
USED, IGNORED = {"path", "linkpath"}, {"atime", "ctime", "gid", "gname", "mtime", "uid", "uname"}  # keys of pax headers
KINDS: dict[bytes, Literal["file", "folder", "link"]] = {
    tarfile.REGTYPE: "file",
    tarfile.AREGTYPE: "file",
    tarfile.DIRTYPE: "folder",
    tarfile.SYMTYPE: "link",
}
Tree = dict[str, tuple[str, "Tree | None"]]  # folded name -> name, and what a folder holds


@dataclass(frozen=True)
class ArchiveMember:
    """A file, a folder or a symbolic link at a path that lies within the folder it is unpacked to."""

    path: str
    kind: Literal["file", "folder", "link"]
    target: str  # of a link
    is_executable: bool  # for the owner; no other bit of the mode counts
    offset: int  # of a file's bytes, unpacked
    size: int


class Tarball:
    """The members of an open archive. Raises Untrusted that names archive and member for what must not be used."""

    def __init__(self, file: gzip.GzipFile, origin: str):
        self._file, self._origin = file, origin
        self.members = tuple(self._checked())

    def pieces(self, member: ArchiveMember) -> Iterator[bytes]:
        """The bytes of a file."""
        self._file.seek(member.offset)
        left = member.size
        while left:
            piece = self._file.read(min(left, PIECE_BYTES))
            if not piece:
                self.refuse(member.path, "is cut off")
            yield piece
            left -= len(piece)

    def check_links(self) -> None:
        """Raise Untrusted if a link, or several that lead to each other, can lead out of the folder or into `.git`.

        A target first climbs and then descends. It climbs through real folders, for nothing lies under a link; below
        them it may pass through other links, each of which leads to the inside, and never climbs again.
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

    def refuse(self, path: str, what: str) -> NoReturn:
        """Raise Untrusted that says what a member is."""
        raise Untrusted(f"{self._origin} is refused: its member {path!r} {what}")

    def _checked(self) -> Iterator[ArchiveMember]:
        tree, names = Tree(), 0
        for member in self._walk():
            parts = self._check_path(member.path)
            names += self._enter(tree, parts, member)
            if names > MOST_NAMES:
                self.refuse(member.path, f"is one too many: it may hold {MOST_NAMES:,} files and folders")
            yield member

    def _walk(self) -> Iterator[ArchiveMember]:
        """Decode headers to the end, and read on to the end of the file, so that gzip's checksum is compared too."""
        named: dict[str, str] = {}
        while (block := self._file.read(tarfile.BLOCKSIZE)).strip(b"\0"):
            header = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
            path, offset = named.get("path", header.name), self._file.tell()
            if header.size < 0 or offset + header.size > MOST_BYTES:
                self.refuse(path, f"claims {header.size:,} bytes: the archive may hold {MOST_BYTES:,}")
            if header.type == tarfile.XHDTYPE:
                if named or header.size > LONGEST_HEADER_BYTES:
                    self.refuse(path, "has a second header, or a header that is too long")
                named = self._pax(self._file.read(header.size), path)
            else:
                kind = KINDS.get(header.type)
                if kind is None or (kind != "file" and header.size):
                    self.refuse(path, f"is no plain file, folder or symbolic link (type {header.type!r})")
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
        """Decode the records of a pax header: `length key=value`, each key once, none that changes what a member is."""
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
        """Split a path that lies within the folder and outside of any `.git`, in which git's programs and hooks lie."""
        parts = relative(path, self._origin).split("/")
        if len(path.encode()) > LONGEST_PATH_BYTES or len(parts) > MOST_PARTS:
            self.refuse(path, "has a path that is too long")
        if ".git" in map(_folded, parts):
            self.refuse(path, "lies in `.git`")
        return parts

    def _enter(self, tree: Tree, parts: list[str], member: ArchiveMember) -> int:
        """Enter a member into the tree of names, each of which is there once and spelled in one way; how many are new.

        Where a file system takes names that differ in case for one, they would be one file, and `.GIT` would be `.git`.
        """
        *parents, name = map(_folded, parts)
        new = 1
        for part, key in zip(parts, parents, strict=False):
            new += key not in tree
            spelled, below = tree.setdefault(key, (part, {}))
            if spelled != part or below is None:
                self.refuse(member.path, f"lies under {part!r}, and another member is {spelled!r}")
            tree = below
        if name in tree:
            self.refuse(member.path, f"has the name of another member, {tree[name][0]!r}")
        tree[name] = parts[-1], {} if member.kind == "folder" else None
        return new


@contextmanager
def opened(packed: Path) -> Iterator[Tarball]:
    """Open an archive for a block. Raises Untrusted if it is broken, or a member of it must not be used."""
    origin = f"the archive {packed}"
    try:
        if packed.stat().st_size > MOST_BYTES:
            raise Untrusted(f"{origin} is refused: it has more than {MOST_BYTES:,} bytes")
        with gzip.open(packed) as file:
            yield Tarball(file, origin)
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise Untrusted(f"{origin} is refused: it is broken ({error})") from error


def _folded(part: str) -> str:
    """What file systems that ignore case, composition of letters or invisible characters may take a name for."""
    visible = (letter for letter in unicodedata.normalize("NFC", part) if unicodedata.category(letter) != "Cf")
    return "".join(visible).casefold()
