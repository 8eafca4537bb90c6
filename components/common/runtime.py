"""What a stage may know of the machine it runs on: where it may keep checkpoints and cached work, and whom to tell.

`components/__main__.py` alone reads the environment and calls `use`; a stage asks `current`. Nothing of it may reach
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
    """What an alias stands for, as it is written down: the address of an object store, or else a folder."""
    return text if "://" in text else Path(text)


_current: ContextVar[Runtime] = ContextVar("runtime")


def current() -> Runtime:
    """The runtime in force; without `use`, a new one that nothing is resumed from and that ends with the process."""
    try:
        return _current.get()
    except LookupError:
        folder = Path(tempfile.mkdtemp(prefix="videopoet-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        return Runtime(scratch=folder / "scratch", cache=folder / "cache")


@contextmanager
def use(runtime: Runtime) -> Iterator[None]:
    """Put `runtime` in force for a block."""
    token = _current.set(runtime)
    try:
        yield
    finally:
        _current.reset(token)
