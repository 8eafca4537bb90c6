"""profiles/NAME.yaml -> params.yaml, and what that changes.

A profile is a whole parameter file: it replaces the old one, nothing overlays at run time.
"""

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from components.common import params
from flows.graph.graph import flat
from flows.machine.workspace import PARAMS

FOLDER = Path("profiles")


def names() -> list[str]:
    """Return the names of all profiles."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def use(name: str) -> list[str]:
    """Make a profile the parameter file; returns a line per changed key. Raises ValueError for an unknown name."""
    if name not in names():
        raise ValueError(f"no profile `{name}`: choose one of {', '.join(names())}")
    source, target = FOLDER / f"{name}.yaml", Path(PARAMS)
    old = params.read(target) if target.is_file() else {}
    lines = list(differences(old, params.read(source)))
    shutil.copyfile(source, target)
    return lines


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    """`key: old → new` for every value that differs."""
    before, now = flat(old), flat(new)
    for key in sorted({*before, *now}):
        if before.get(key) != now.get(key):
            yield f"{key}: {before.get(key, 'none')} → {now.get(key, 'none')}"
