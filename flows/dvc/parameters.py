"""Present parameters of a stage, as DVC reads them, but with each file read once instead of once per stage."""

from pathlib import Path
from typing import Any

from dvc.dependency import ParamsDependency
from dvc.utils.serialize import load_path


class Parameters:
    """Parameter files, re-read when they change. Not thread-safe."""

    def __init__(self) -> None:
        self._files: dict[str, tuple[tuple[int, ...], Any]] = {}

    def of(self, dep: ParamsDependency) -> dict[str, Any]:
        """Return dotted key -> value; raises DvcException naming missing keys or a missing file."""
        try:
            content = self._content(dep)
            return {key: _at(content, key) for key in dep.params} if dep.params else dict(content)
        except (OSError, LookupError, TypeError, ValueError):
            return dict(dep.get_hash().value)  # raises the same fault with DVC's message

    def _content(self, dep: ParamsDependency) -> Any:
        written = Path(dep.fs_path).stat()
        state = written.st_mtime_ns, written.st_size, written.st_ino
        known, content = self._files.get(dep.fs_path, ((), None))
        if known != state:
            content = load_path(dep.fs_path, dep.fs)
            self._files[dep.fs_path] = state, content
        return content


def _at(content: Any, key: str) -> Any:
    for part in key.split("."):
        content = content[int(part) if isinstance(content, list) else part]
    return content
