"""Files of a checkout that a run needs, tracked or not: those named by dvc.yaml, params.yaml and codelock/.

Nothing is searched: these are names, to compare with existing files. An unreadable file, such as one that a user is
editing, names nothing.
"""

import json
import posixpath
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from flows.graph.modules import FOLDER as CODE
from flows.graph.placement import PLACEMENT
from flows.machine.workspace import GRAPH, PARAMS

ALWAYS = {GRAPH, PARAMS, ".dvc/config", str(PLACEMENT)}
ALWAYS_CALLED = {".gitignore", ".dvcignore"}  # in any folder
PIN = ".dvc"  # suffix of files that pin outputs


def needed(folder: Path, paths: Iterable[str]) -> set[str]:
    """Return those of the `paths` in a checkout that its graph needs to run again.

    These are the graph itself, its parameters, pins and placement; files that dvc.yaml names as dependencies and no
    stage produces; files that a value in params.yaml names; modules and templates in codelock/. A folder named in
    dvc.yaml is data and adds no files.
    """
    named = ALWAYS | {*_of_graph(_read(folder / GRAPH, yaml.safe_load))}
    named |= {posixpath.normpath(text) for text in _texts(_read(folder / PARAMS, yaml.safe_load))}
    for lock in (folder / CODE).glob("*.json"):
        named |= {file for module in _names(_read(lock, json.loads)) for file in _files(module)}
    return {path for path in paths if path in named or _is_always(PurePosixPath(path))}


def _is_always(path: PurePosixPath) -> bool:
    return path.name in ALWAYS_CALLED or path.suffix == PIN


def _of_graph(graph: Any) -> Iterator[str]:
    """Yield dependencies, parameter files and variable files that no stage produces; `${…}` is not expanded."""
    graph = _mapping(graph)
    bodies = [_mapping(body) for body in _mapping(graph.get("stages")).values()]
    bodies = [{"vars": graph.get("vars")}, *({**body, **_mapping(body.get("do"))} for body in bodies)]  # of `foreach`
    made = {path for body in bodies for key in ("outs", "metrics", "plots") for path in _paths(body, body.get(key))}
    for body in bodies:
        deps, keys, values = (_items(body.get(key)) for key in ("deps", "params", "vars"))
        files: list[Any] = [item for item in keys if isinstance(item, Mapping)]  # file -> keys in it; a text is a key
        files += [item.partition(":")[0] for item in values if isinstance(item, str)]  # a mapping holds the values
        for path in _paths(body, [*deps, *files]):
            if made.isdisjoint((path, *map(str, PurePosixPath(path).parents))):
                yield path


def _paths(body: Mapping[str, Any], items: Any) -> list[str]:
    """Return the names in a list of a stage, as paths in the checkout."""
    return [posixpath.normpath(posixpath.join(str(body.get("wdir", "")), name)) for name in _names(items)]


def _files(module: str) -> tuple[str, ...]:
    """Return the possible files of a module in a codelock; a template is named by its path."""
    path = module.replace(".", "/")
    return (module,) if "/" in module else (f"{path}.py", f"{path}/__init__.py")


def _names(items: Any) -> list[str]:
    """Return the texts in a list, and the keys of its mappings, or of one mapping."""
    keys = (key for item in _items(items) for key in (item if isinstance(item, Mapping) else [item]))
    return [key for key in keys if isinstance(key, str)]


def _texts(value: Any) -> Iterator[str]:
    """Yield all texts in nested values."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping | list):
        for item in value.values() if isinstance(value, Mapping) else value:
            yield from _texts(item)


def _items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _read(path: Path, parse: Callable[[str], Any]) -> Any:
    try:
        return parse(path.read_text())
    except (OSError, ValueError, yaml.YAMLError):
        return None
