"""What of a checkout a run needs, tracked or not: the single files that dvc.yaml, params.yaml and codelock/ name.

Nothing is looked for: these are names, to compare with files that are there. A file that cannot be read, for somebody
may edit it while a run ends, names nothing.
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
ALWAYS_CALLED = {".gitignore", ".dvcignore"}  # in whatever folder
PIN = ".dvc"  # suffix of the files that pin what no stage makes


def needed(folder: Path, paths: Iterable[str]) -> set[str]:
    """Those of the `paths` in a checkout that its graph needs to run again.

    The graph itself, its parameters, pins and placement; what dvc.yaml names as a dependency, and no stage makes; what
    a value in params.yaml names; modules and templates in codelock/. A folder that dvc.yaml names is data: it brings no
    files.
    """
    named = ALWAYS | {*_of_graph(_read(folder / GRAPH, yaml.safe_load))}
    named |= {posixpath.normpath(text) for text in _texts(_read(folder / PARAMS, yaml.safe_load))}
    for lock in (folder / CODE).glob("*.json"):
        named |= {file for module in _names(_read(lock, json.loads)) for file in _files(module)}
    return {path for path in paths if path in named or _is_always(PurePosixPath(path))}


def _is_always(path: PurePosixPath) -> bool:
    return path.name in ALWAYS_CALLED or path.suffix == PIN


def _of_graph(graph: Any) -> Iterator[str]:
    """Dependencies, and files of parameters and variables, that no stage makes. A path with `${…}` is not filled in."""
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
    """The names in a list of a stage, as paths in the checkout."""
    return [posixpath.normpath(posixpath.join(str(body.get("wdir", "")), name)) for name in _names(items)]


def _files(module: str) -> tuple[str, ...]:
    """Where a module of a codelock may lie; a template is called by its path."""
    path = module.replace(".", "/")
    return (module,) if "/" in module else (f"{path}.py", f"{path}/__init__.py")


def _names(items: Any) -> list[str]:
    """The texts in a list, and the keys of its mappings, or of one mapping."""
    keys = (key for item in _items(items) for key in (item if isinstance(item, Mapping) else [item]))
    return [key for key in keys if isinstance(key, str)]


def _texts(value: Any) -> Iterator[str]:
    """All texts in nested values."""
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
