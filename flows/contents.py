"""A hash -> the files that it stands for, from the cache or the remote."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flows.stages import Repository


def listing(repository: "Repository", md5: str) -> dict[str, str] | None:
    """Path -> hash of the files in a folder of this hash ("" for a file itself); None if it is not to be found."""
    if not md5.endswith(".dir"):
        return {"": md5}
    with TemporaryDirectory() as folder:
        path = Path(folder) / "listing"
        if not repository.copy(md5, path):
            return None
        return {item["relpath"]: item["md5"] for item in json.loads(path.read_text())}


def copy_out(repository: "Repository", md5: str, target: Path) -> bool:
    """Copy a whole output of this hash, a file or a folder, to `target`; False if some of it is not to be found."""
    files = listing(repository, md5)
    return files is not None and all(
        repository.copy(digest, target / name if name else target) for name, digest in files.items()
    )
