"""Paths and hashes that somebody else chose, checked before they are used.

Whoever can write to a shared remote chooses its listings, records, lock entries, object keys and source archives. Every
path in them goes through `relative`, or through `inside` where something is written to it, and every hash through
`digest`: an object is looked up by its hash, so a hash is a path too.
"""

import re
import unicodedata
from pathlib import Path
from typing import Any

MD5 = re.compile(r"[0-9a-f]{32}(\.dir)?")  # DVC's: of a file, or of the listing of a folder
UNSEEN = {"Cc", "Cs"}  # Unicode categories: control characters, halves of a character
LONGEST_PART_BYTES = 255  # that a file system stores


class Untrusted(ValueError):
    """A remote or an archive holds what must not be used: an unsafe path, a malformed hash, or altered content."""


def relative(path: Any, origin: str) -> str:
    """Return `path` if it can only lie below a folder. `origin` is what named it, for the message.

    Raises Untrusted unless it is a relative path with forward slashes, without empty parts, `.`, `..`, backslashes
    or control characters.
    """
    if not isinstance(path, str) or "\\" in path or any(unicodedata.category(letter) in UNSEEN for letter in path):
        raise Untrusted(f"{origin} is refused: it names the path {path!r}")
    parts = path.split("/")
    if not {"", ".", ".."}.isdisjoint(parts) or max(len(part.encode()) for part in parts) > LONGEST_PART_BYTES:
        raise Untrusted(f"{origin} is refused: it names the path {path!r}")
    return path


def inside(folder: Path, path: Any, origin: str) -> Path:
    """Return where `path` lies below `folder`; raises Untrusted as `relative` does, and if a parent is a symlink."""
    target = folder
    *parents, name = relative(path, origin).split("/")
    for parent in parents:
        target /= parent
        if target.is_symlink():
            raise Untrusted(f"{origin} is refused: it names the path {path!r}, and {target} is a symbolic link")
    return target / name


def digest(md5: Any, origin: str) -> str:
    """Return `md5` if it is a hash as DVC writes it; raises Untrusted otherwise."""
    if not isinstance(md5, str) or not MD5.fullmatch(md5):
        raise Untrusted(f"{origin} is refused: it names the hash {md5!r}")
    return md5
