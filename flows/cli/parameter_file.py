"""profiles/NAME.yaml -> params.yaml, and what that changes.

params.yaml is a whole parameter file, composed once: nothing overlays at run time.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from components.common import params
from components.common.artifacts import replace_file
from flows.graph import profiles
from flows.graph.graph import flat
from flows.machine.workspace import PARAMS


def listed() -> Iterator[str]:
    """Yield a line for each profile."""
    summaries = profiles.summaries()
    width = max(map(len, summaries), default=0)
    for name, summary in summaries.items():
        yield f"{name:<{width}}  {summary.removeprefix(f'Profile `{name}`: ')}"


def use(name: str) -> list[str]:
    """Write a profile to params.yaml; returns a line per changed key. Raises ValueError for an unknown name."""
    if name not in profiles.names():
        raise ValueError(f"no profile `{name}`: choose one of {', '.join(profiles.names())}")
    text, target = profiles.text(name), Path(PARAMS)
    old = params.read(target) if target.is_file() else {}
    lines = list(differences(old, params.parse(text)))
    replace_file(target, text.encode())
    return lines


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    """Yield `key: old → new` for every value that differs."""
    before, now = flat(old), flat(new)
    for key in sorted({*before, *now}):
        if before.get(key) != now.get(key):
            yield f"{key}: {before.get(key, 'none')} → {now.get(key, 'none')}"
