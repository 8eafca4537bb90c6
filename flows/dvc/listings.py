"""A hash -> its files, from the cache or the remote.

DVC stores the listing of a folder as an object and trusts its content: a path in it may lead out of the folder, a hash
out of the store. So listings are read only by `parsed`, which refuses both.
"""

import json
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Protocol

from flows.graph.untrusted import Untrusted, digest, inside, relative

LISTING = ".dir"  # suffix of a listing's hash


class ObjectSource(Protocol):
    """Source of objects: `flows.dvc.repository.Repository` looks in the cache, then in the remote."""

    def copy(self, md5: str, target: Path) -> bool:
        """Copy an object to a file; False if it is missing."""


def parsed(content: bytes, md5: str) -> dict[str, str]:
    """Return path -> hash of the files in the listing `md5`; raises Untrusted unless all are files below a folder."""
    origin = f"the listing {md5}"
    try:
        items = [(item["relpath"], item["md5"]) for item in json.loads(content)]
    except (ValueError, TypeError, KeyError, RecursionError):
        raise Untrusted(f"{origin} is refused: it is not a list of files") from None
    files = {relative(path, origin): digest(file_md5, origin) for path, file_md5 in items}
    folders = {str(folder) for path in files for folder in PurePosixPath(path).parents}
    if len(files) < len(items) or folders & files.keys():
        raise Untrusted(f"{origin} is refused: two of its files would have one path")
    if any(file_md5.endswith(LISTING) for file_md5 in files.values()):
        raise Untrusted(f"{origin} is refused: it names another listing as a file")
    return files


def listing(objects: ObjectSource, md5: str) -> dict[str, str] | None:
    """Return path -> hash of the files in an output ("" for a single file); None if it is missing."""
    if not digest(md5, "an output").endswith(LISTING):
        return {"": md5}
    with TemporaryDirectory() as folder:
        path = Path(folder) / "listing"
        return parsed(path.read_bytes(), md5) if objects.copy(md5, path) else None


def copy_out(objects: ObjectSource, md5: str, target: Path) -> bool:
    """Copy a complete output, a file or a folder, to `target`; False if some of it is missing."""
    files = listing(objects, md5)
    return files is not None and all(
        objects.copy(file_md5, destination(target, name, md5)) for name, file_md5 in files.items()
    )


def destination(target: Path, name: str, md5: str) -> Path:
    """Return the path of a file if the output `md5` is at `target`; raises Untrusted as `inside` does."""
    return inside(target, name, f"the listing {md5}") if name else target
