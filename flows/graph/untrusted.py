"""Validation of paths and hashes that come from outside.

Anyone who can write to a shared remote chooses its listings, records, lock entries, object keys and source archives.
Every path in them goes through `relative`, or through `inside` if something is written there, and every hash through
`digest`, because an object's path is derived from its hash.
"""

import re
import unicodedata
from pathlib import Path
from typing import Any

MD5 = re.compile(r"[0-9a-f]{32}(\.dir)?")  # DVC's hash of a file, or of a folder's listing
UNSEEN = {"Cc", "Cs"}  # Unicode categories: control characters, surrogates
LONGEST_PART_BYTES = 255  # limit of common file systems


class Untrusted(ValueError):
    """A remote or an archive holds content that must not be used: an unsafe path, a malformed hash, altered bytes."""


def relative(path: Any, origin: str) -> str:
    """Return `path` if it can only lie below a folder.

    `origin` names the source of the path in the message. Raises Untrusted unless `path` is relative, with forward
    slashes and without empty parts, `.`, `..`, backslashes or control characters.
    """
    if not isinstance(path, str) or "\\" in path or any(unicodedata.category(letter) in UNSEEN for letter in path):
        raise Untrusted(f"{origin} is refused: it names the path {path!r}")
    parts = path.split("/")
    if not {"", ".", ".."}.isdisjoint(parts) or max(len(part.encode()) for part in parts) > LONGEST_PART_BYTES:
        raise Untrusted(f"{origin} is refused: it names the path {path!r}")
    return path


def inside(folder: Path, path: Any, origin: str) -> Path:
    """Return the place of `path` below `folder`.

    Raises Untrusted as `relative` does, and if a parent is a symbolic link.
    """
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
