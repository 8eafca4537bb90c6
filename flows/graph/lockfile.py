"""dvc.lock <-> lock entries.

Read and written as YAML 1.2, like DVC does: `1e-05` is a number there, but text to PyYAML.
"""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from flows.graph.graph import Artifact, LockEntry
from flows.graph.untrusted import Untrusted, digest, relative
from flows.machine.workspace import PARAMS

ORIGIN = "a lock entry"


def read(path: Path) -> dict[str, LockEntry]:
    """Return every entry of a dvc.lock by stage; none if the file is absent."""
    return {name: entry_of(raw) for name, raw in _stages(path).items()}


def items(entries: Mapping[str, LockEntry]) -> dict[str, Artifact]:
    """Map path -> artifact of all inputs and outputs of a run."""
    given = {path: item for entry in entries.values() for path, item in entry.deps.items()}
    return given | {path: item for entry in entries.values() for path, item in entry.outs.items()}


def keep(path: Path, target: Path, names: Collection[str]) -> None:
    """Copy the entries of the stages `names` from one dvc.lock to another."""
    stages = {name: raw for name, raw in _stages(path).items() if name in names}
    YAML().dump({"schema": "2.0", "stages": stages}, target)


def entry_of(raw: Mapping[str, Any]) -> LockEntry:
    """Parse a stage's lines of dvc.lock; raises Untrusted for an unsafe output path or hash."""
    params: dict[str, Any] = {}
    for path, values in raw.get("params", {}).items():
        prefix = "" if path == PARAMS else f"{path}:"
        params |= {f"{prefix}{key}": value for key, value in values.items()}
    deps, outs = ({item["path"]: _item(item) for item in raw.get(kind, [])} for kind in ("deps", "outs"))
    for path in outs:
        relative(path, ORIGIN)
    return LockEntry(text_of(raw["cmd"]), params, deps, outs)


def parsed(text: str) -> LockEntry:
    """Parse an entry that another machine wrote; raises Untrusted for unsafe or malformed content."""
    try:
        return entry_of(YAML(typ="safe").load(text))
    except Untrusted:
        raise
    except (YAMLError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise Untrusted(f"{ORIGIN} is refused: it is malformed") from None


def lines_of(entry: LockEntry) -> dict[str, Any]:
    """Return an entry as a stage's lines of dvc.lock, the inverse of `entry_of`."""
    params: dict[str, dict[str, Any]] = {}
    for key, value in entry.params.items():
        path, _, name = key.rpartition(":")
        params.setdefault(path or PARAMS, {})[name] = value
    deps, outs = ([_raw(path, item) for path, item in items.items()] for items in (entry.deps, entry.outs))
    parts = {"cmd": entry.cmd, "deps": deps, "params": params, "outs": outs}
    return {key: value for key, value in parts.items() if value}


def text_of(cmd: str | list[str]) -> str:
    """Join a stage's commands to one text, a command per line."""
    return cmd if isinstance(cmd, str) else "\n".join(cmd)


def _item(raw: Mapping[str, Any]) -> Artifact:
    return Artifact(digest(raw["md5"], ORIGIN), raw.get("size"), raw.get("nfiles"), raw.get("isexec", False))


def _raw(path: str, item: Artifact) -> dict[str, Any]:
    facts = {"md5": item.md5, "size": item.size, "nfiles": item.nfiles, "isexec": item.isexec or None}
    return {"path": path, "hash": "md5"} | {key: value for key, value in facts.items() if value is not None}


def _stages(path: Path) -> dict[str, Any]:
    document = YAML(typ="safe").load(path) if path.is_file() else None
    stages: dict[str, Any] = (document or {}).get("stages", {})
    return stages
