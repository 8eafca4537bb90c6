"""Storage of a user's media: a local folder, or a prefix of an object store. Names are relative, with forward slashes.

A folder's symbolic links are followed only to files inside of it. An object store that does not answer raises
errors.Retryable; its credentials come from the environment, as its own client reads them.
"""

import errno
import hashlib
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO, cast

import pyarrow as pa
import pyarrow.fs as fs

from components.common.errors import Retryable
from components.corpus.data import Source

PIECE_BYTES = 1 << 20
MOST_CHARACTERS = 300  # of a store client's error message
NO_BUCKET = re.compile(r"NO_SUCH_BUCKET|Bucket '.*' not found")  # when listed, and when its region is looked up


@dataclass(frozen=True)
class StorageEntry:
    """A name in a storage. `refusal` is the reason why it cannot be opened, "" if it can."""

    name: str
    size_bytes: int = 0
    modified_ns: int = 0
    refusal: str = ""


class LocalStorage:
    """A folder of this machine."""

    def __init__(self, folder: Path):
        self.folder = folder.resolve()

    def listing(self) -> Iterator[StorageEntry]:
        """Yield all entries except hidden files and folders."""
        for parent, folders, files in os.walk(self.folder):
            for name in [*files, *(name for name in folders if Path(parent, name).is_symlink())]:
                path = Path(parent, name).relative_to(self.folder)
                if not _hidden(path.as_posix()) and not self._alias_of_folder(path):
                    yield self.entry(path.as_posix())

    def entry(self, name: str) -> StorageEntry:
        """Return the entry of a name; a link that leads out of the folder is refused."""
        path = self.folder / name
        try:
            if not path.resolve(strict=True).is_relative_to(self.folder):
                return StorageEntry(name, refusal="link_leaves_root")
            known = path.stat()
        except (OSError, RuntimeError):  # RuntimeError: a link to itself
            return StorageEntry(name, refusal="missing_file")
        if not stat.S_ISREG(known.st_mode):
            return StorageEntry(name, refusal="not_a_file")
        return StorageEntry(name, known.st_size, known.st_mtime_ns)

    @contextmanager
    def opened(self, name: str) -> Iterator[BinaryIO]:
        """Open a file; raises OSError."""
        with (self.folder / name).open("rb") as file:
            yield file

    def _alias_of_folder(self, path: Path) -> bool:
        """Return True for a link to a folder inside of this one, whose files are listed under their own names."""
        whole = self.folder / path
        return whole.is_symlink() and whole.is_dir() and whole.resolve().is_relative_to(self.folder)


class ObjectStorage:
    """A prefix of an object store by its address, such as s3://bucket/prefix; ValueError if there is no such bucket."""

    def __init__(self, address: str):
        if "@" in address.split("://")[1].split("/")[0]:
            raise ValueError("leave credentials out of the address: give them in the environment, as the store wants")
        self.address = address
        try:
            with self._answers():  # the client already asks for the bucket's region here
                self.system, prefix = fs.FileSystem.from_uri(address)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise ValueError(f"{address} is no address of a store: {error}") from None
        self.prefix = prefix.rstrip("/")

    def listing(self) -> Iterator[StorageEntry]:
        """Yield every object under the prefix except hidden ones."""
        with self._answers():
            found = self.system.get_file_info(fs.FileSelector(self.prefix, recursive=True))
        for info in found:
            name = info.path.removeprefix(f"{self.prefix}/")
            if info.type == fs.FileType.File and not _hidden(name):
                yield StorageEntry(name, info.size, info.mtime_ns)

    def entry(self, name: str) -> StorageEntry:
        """Return the entry of a name."""
        with self._answers():
            info = self.system.get_file_info(f"{self.prefix}/{name}")
        if info.type != fs.FileType.File:
            return StorageEntry(name, refusal="missing_file")
        return StorageEntry(name, info.size, info.mtime_ns)

    @contextmanager
    def opened(self, name: str) -> Iterator[BinaryIO]:
        """Open an object; raises FileNotFoundError."""
        with self._answers(), self.system.open_input_file(f"{self.prefix}/{name}") as file:
            yield cast(BinaryIO, file)

    @contextmanager
    def _answers(self) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError:
            raise
        except OSError as error:
            if error.errno == errno.ENOSPC:  # the local disk is full: no fault of the store
                raise
            message = str(error).partition("\n")[0][:MOST_CHARACTERS]
            if NO_BUCKET.search(message):
                raise ValueError(f"{self.address} names no existing bucket, correct the address: {message}") from error
            raise Retryable(
                f"{self.address} failed: {message}. Check the network, the address, and the credentials in the"
                " environment, then run the same command again"
            ) from error


Storage = LocalStorage | ObjectStorage


def storage_of(root: Path | str) -> Storage:
    """Return the storage of a folder, given by its path, or of an object store, given by its address."""
    return LocalStorage(root) if isinstance(root, Path) else ObjectStorage(root)


def pieces(file: Any, size_bytes: int) -> Iterator[bytes]:
    """Yield the next `size_bytes` of an open file, or fewer at its end."""
    while size_bytes > 0 and (piece := file.read(min(size_bytes, PIECE_BYTES))):
        size_bytes -= len(piece)
        yield piece


def sha256_of(file: Any, size_bytes: int) -> str:
    """Return the SHA-256 of the next `size_bytes` of an open file."""
    digest = hashlib.sha256()
    for piece in pieces(file, size_bytes):
        digest.update(piece)
    return digest.hexdigest()


@contextmanager
def local_copy(source: Source, root: Path | str, scratch: Path) -> Iterator[Path]:
    """Give a local file with the source's bytes: the file itself, or a temporary copy in `scratch`.

    Raises FileNotFoundError if there is nothing to copy.
    """
    if isinstance(root, Path) and not source.archive:
        yield root / source.path
        return
    scratch.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=scratch) as folder:
        copy = Path(folder) / "media"
        with storage_of(root).opened(source.archive or source.path) as file, copy.open("wb") as target:
            file.seek(source.offset_bytes)
            for piece in pieces(file, source.size_bytes):
                target.write(piece)
        yield copy


def _hidden(name: str) -> bool:
    return any(part.startswith(".") and part != ".." for part in name.split("/"))
