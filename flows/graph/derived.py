"""dvc.yaml -> another graph with some of its stages, some of them changed: a fine-tune's, a study's, a benchmark's.

Plain data in and out, as dvc.yaml is read and written by YAML. No stage is written twice: what a derived graph does not
change is dvc.yaml's, so equal stages have equal hashes. An input that no stage of the derived graph makes is for its
workspace to provide, such as by a pin on the output of another run.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

SECTION = re.compile(r"(?<=--params )\S+")
Body = Mapping[str, Any]  # a stage, as written in dvc.yaml


@dataclass(frozen=True)
class StageChange:
    """Difference between a stage of a derived graph and the stage that it comes from."""

    name: str = ""
    """Name of the stage; "" keeps it. One of a matrix must get a name."""
    section: str = ""
    """Section of params.yaml; "" keeps it."""
    params: tuple[str, ...] = ()
    """Further parameters that it depends on."""
    inputs: Mapping[str, str] = field(default_factory=dict)
    """Flag, without dashes -> path. A flag that the command lacks comes behind its first input."""


def expanded(graph: Mapping[str, Any]) -> dict[str, Body]:
    """Return stage -> body, with every matrix spelled out: `adapt@v2a`."""
    found: dict[str, Body] = {}
    for name, body in graph["stages"].items():
        found |= {member: one for member, (_, one) in _members(name, body).items()}
    return found


def derive(
    graph: Mapping[str, Any],
    keep: Collection[str],
    changes: Mapping[str, StageChange] | None = None,
    plots: Sequence[Any] = (),
) -> dict[str, Any]:
    """Return the graph of the stages `keep`, by expanded name, changed as `changes` says, in the order of `graph`.

    Metrics and plots that none of them makes are left out; `plots` are added. Raises ValueError for an unknown stage.
    """
    changes = changes or {}
    if unknown := sorted({*keep, *changes} - expanded(graph).keys()):
        raise ValueError(f"no stage {', '.join(unknown)} in dvc.yaml: choose from {', '.join(expanded(graph))}")
    stages: dict[str, Any] = {}
    for name, body in graph["stages"].items():
        members = {member: found for member, found in _members(name, body).items() if member in keep}
        same = [value for member, (value, _) in members.items() if member not in changes]
        if same:
            stages[name] = body | {"matrix": {key: same for key in body["matrix"]}} if "matrix" in body else body
        for member, (_, one) in members.items():
            if change := changes.get(member):
                stages[change.name or member] = _changed(one, change)
    made = tuple(f"{path}/" for body in expanded({"stages": stages}).values() for path in body["outs"])
    shown = {kind: [one for one in graph.get(kind, []) if _path(one).startswith(made)] for kind in ("metrics", "plots")}
    shown["plots"] += plots
    return {"stages": stages, **{kind: listed for kind, listed in shown.items() if listed}}


def _members(name: str, body: Body) -> dict[str, tuple[Any, Body]]:
    """Return the stages of one body: name -> value of its matrix, if any, and body."""
    if "matrix" not in body:
        return {name: (None, body)}
    ((key, values),) = body["matrix"].items()
    plain = {part: value for part, value in body.items() if part != "matrix"}
    return {f"{name}@{value}": (value, _filled(plain, f"${{item.{key}}}", str(value))) for value in values}


def _filled(value: Any, variable: str, text: str) -> Any:
    match value:
        case str():
            return value.replace(variable, text)
        case list():
            return [_filled(one, variable, text) for one in value]
        case dict():
            return {key: _filled(one, variable, text) for key, one in value.items()}
    return value


def _changed(body: Body, change: StageChange) -> Body:
    command, deps, params = str(body["cmd"]), list(body["deps"]), list(body["params"])
    old = SECTION.search(command)
    assert old, command
    if change.section:
        command = SECTION.sub(change.section, command, count=1)
        params = [change.section if one == old[0] else one for one in params]
    at = params.index(change.section or old[0]) + 1
    params[at:at] = change.params
    for flag, path in change.inputs.items():
        if had := re.search(rf"(?<=--{flag} )\S+", command):
            command = command[: had.start()] + path + command[had.end() :]
            deps[deps.index(had[0])] = path
        else:
            first = re.search(r"--params \S+ --\S+ (\S+)", command)
            assert first, command
            command = f"{command[: first.end()]} --{flag} {path}{command[first.end() :]}"
            deps.insert(deps.index(first[1]) + 1, path)
    return {**body, "cmd": command, "deps": deps, "params": params}


def _path(listed: Any) -> str:
    """Return the path of an entry of `metrics` or `plots`, which may carry settings."""
    return str(next(iter(listed)) if isinstance(listed, Mapping) else listed)
