"""The runtime environment of a stage: folders for checkpoints and cached work, and the tracker.

`components/__main__.py` alone reads the environment and calls `use`; a stage calls `current`. Nothing of it may reach
an output folder.
"""

import atexit
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path

from components.common.tracking import Tracker


@dataclass(frozen=True)
class Runtime:
    """The folders and the tracker of one stage's run."""

    scratch: Path  # this stage's own, keyed by inputs + config + code: what is in it survives a kill
    cache: Path  # content-addressed work of single items, shared by all runs
    roots: Mapping[str, Path | str] = field(default_factory=dict)  # alias -> folder, or store, of a user's own media
    tracker: Tracker = field(default_factory=Tracker)
    processes: int = 1  # of this training on each node
    nodes: int = 1


def root_of(text: str) -> Path | str:
    """Return the target of an alias from its text: the address of an object store, or else a folder."""
    return text if "://" in text else Path(text)


_current: ContextVar[Runtime] = ContextVar("runtime")


def current() -> Runtime:
    """Return the active runtime; without `use`, a new temporary one that is removed when the process ends."""
    try:
        return _current.get()
    except LookupError:
        folder = Path(tempfile.mkdtemp(prefix="videopoet-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        return Runtime(scratch=folder / "scratch", cache=folder / "cache")


@contextmanager
def use(runtime: Runtime) -> Iterator[None]:
    """Make `runtime` the active one for a block."""
    token = _current.set(runtime)
    try:
        yield
    finally:
        _current.reset(token)
