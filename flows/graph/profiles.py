"""profiles/: a base and overlays -> one complete parameter file.

`base.yaml` holds every key in the order of params.yaml. A profile names its parent in `extends` and holds only what
differs from it. In any mapping of these files two more words have a meaning, and neither is ever in params.yaml:

    extends: parts/NAME   the mapping starts from that file of profiles/parts/
    shared: {...}         every other key of the mapping, each a mapping, starts from these values

A comment behind a value belongs to the value. A comment above a key, or behind the key of a mapping, is the overlay's
where it has one, else the parent's; a key with nothing behind it holds a comment only. `{}` and `null` empty a mapping.
"""

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from components.common import params
from flows.graph.nodes import EMPTY, Document, Node, parse

FOLDER, BASE, SUFFIX = Path("profiles"), "base", ".yaml"
ORDER = ("test", "tiny", "small", "paper_300m", "paper_1b", "paper_8b")  # by size; others come behind
EXTENDS, SHARED = "extends", "shared"


def names(folder: Path = FOLDER) -> list[str]:
    """Return the names of the profiles, the smallest first."""
    found = sorted(path.stem for path in folder.glob(f"*{SUFFIX}") if path.stem != BASE)
    return sorted(found, key=lambda name: ORDER.index(name) if name in ORDER else len(ORDER))


def summaries(folder: Path = FOLDER) -> dict[str, str]:
    """Return the first comment line of every profile."""
    headers = {name: parse(_file(name, folder)).header for name in names(folder)}
    return {name: header[0].lstrip("# ") if header else "" for name, header in headers.items()}


def read(name: str, folder: Path = FOLDER) -> dict[str, Any]:
    """Return the complete parameters of a profile; raises ValueError as `text` does."""
    return params.parse(text(name, folder), str(_file(name, folder)))


def text(name: str, folder: Path = FOLDER) -> str:
    """Return the complete parameter file of a profile.

    Raises ValueError that names, by path, each unknown key, each value that only repeats the parent's, and each key
    that holds a mapping in one file and a value in the other.
    """
    return str(_composed(name, folder, ()))


def _file(name: str, folder: Path) -> Path:
    return folder / f"{name}{SUFFIX}"


def _composed(name: str, folder: Path, children: tuple[str, ...]) -> Document:
    if name in children:
        raise ValueError(f"profiles go in a circle: {f' {EXTENDS} '.join((*children, name))}")
    document = parse(_file(name, folder))
    keys = dict(document.top.keys or {})
    parent = keys.pop(EXTENDS, None)
    if parent is None and name != BASE:
        raise ValueError(f"{_file(name, folder)} names no parent: add `{EXTENDS}: {BASE}`")
    below = _composed(parent.text, folder, (*children, name)).top if parent else Node(keys={})
    overlay = _Overlay(folder)
    found, repeated = overlay.over(below, Node(keys=keys), "", free=parent is None)
    faults = [*overlay.faults, *(f"`{path}` repeats its parent's value: remove it" for path in sorted(repeated))]
    if faults:
        raise ValueError("\n".join(f"{_file(name, folder)}: {fault}" for fault in dict.fromkeys(faults)))
    return Document(document.header, found)


@dataclass
class _Overlay:
    """One file that is laid over its parent; paths are those of its keys."""

    folder: Path
    faults: list[str] = field(default_factory=list)

    def over(self, below: Node, above: Node, path: str, *, free: bool) -> tuple[Node, set[str]]:
        """Lay one node over another; returns the result and the paths of values that change nothing.

        `free`: keys that `below` lacks are added; otherwise they are faults.
        """
        comments = above if above.above or above.behind else below
        below = replace(below, above=comments.above, behind=comments.behind)
        if above.keys is not None and (below.keys is not None or below.text in EMPTY):
            return self._keys_over(below, above, path, free=free or below.keys is None)
        if above.keys is None and (not below.keys or above.text in EMPTY):
            same = below.keys is None and _parsed(below) == _parsed(above)
            return replace(above, above=below.above), {path} if same else set()
        self.faults.append(f"`{path}` must hold {'keys' if below.keys else 'a value'}, as in its parent")
        return below, set()

    def _keys_over(self, below: Node, above: Node, path: str, *, free: bool) -> tuple[Node, set[str]]:
        own = {key: node for key, node in (above.keys or {}).items() if key not in (EXTENDS, SHARED)}
        keys, repeated = dict(below.keys or {}), set[str]()
        if part := (above.keys or {}).get(EXTENDS):  # serves several mappings: may hold what one of them has already
            start = parse(_file(part.text, self.folder)).top
            keys = dict(self.over(replace(below, keys=keys), start, path, free=free)[0].keys or {})
        if not free:
            for key in sorted(own.keys() - keys.keys()):
                self.faults.append(f"`{_join(path, key)}` is unknown: remove it, or correct its name")
                del own[key]
        if shared := (above.keys or {}).get(SHARED):
            alike = []
            for key in {**keys, **own}:
                keys[key], same = self.over(keys.get(key, Node(keys={})), shared, _join(path, SHARED), free=free)
                alike.append(same)
            repeated |= set.intersection(*alike) if alike else set()
        for key, node in own.items():
            if key in keys:
                keys[key], same = self.over(keys[key], node, _join(path, key), free=free)
                repeated |= same
            else:
                keys[key] = self.over(Node(keys={}), node, _join(path, key), free=free)[0]
        return Node(below.above, below.behind, keys=keys), repeated


def _parsed(value: Node) -> str:
    return json.dumps(yaml.safe_load(value.text))  # as text, since 1 == 1.0 == True


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key
