"""dvc.yaml -> the stages and their edges.

Edges follow paths: a stage that reads a path, or something below it, is a child of the stage that writes it. The
comment behind a stage's name is its description.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import yaml

DESCRIPTION = re.compile(r"^  (\w+): +# *(.+)$", re.MULTILINE)
FLAG = re.compile(r"--([\w-]+) (\S+)")


@dataclass(frozen=True)
class StageNode:
    """One stage, its variables filled in."""

    name: str
    description: str
    command: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    parents: tuple[str, ...]

    @property
    def kind(self) -> str:
        """First folder of its output: `data`, `models` or another."""
        return self.outputs[0].split("/")[0] if self.outputs else ""


@dataclass(frozen=True)
class StageGraph:
    """All stages, in the order of the file."""

    stages: tuple[StageNode, ...]

    def edges(self) -> list[tuple[str, str]]:
        """(parent, child) pairs without those that a longer path implies: the edges drawn."""
        parents = {stage.name: stage.parents for stage in self.stages}
        above = {name: _ancestors(name, parents) for name in parents}
        return [
            (parent, stage.name)
            for stage in self.stages
            for parent in stage.parents
            if not any(parent in above[other] for other in stage.parents)
        ]

    def producers(self, component: str) -> dict[str, str]:
        """Flag of the component's command, as a Python name -> the stage that produces the path of the flag."""
        made = {path: stage.name for stage in self.stages for path in stage.outputs}
        return {flag: made[path] for flag, path in self.paths(component).items() if path in made}

    def paths(self, component: str) -> dict[str, str]:
        """Flag of the component's command, as a Python name -> its path; empty if no stage runs the component."""
        command = next((s.command for s in self.stages if f"-m components {component} " in s.command), "")
        return {flag.replace("-", "_"): path for flag, path in FLAG.findall(command)}


def read(path: Path) -> StageGraph:
    """Read the graph; raises ValueError if the file is no graph, or holds a cycle."""
    text = path.read_text()
    stages = (yaml.safe_load(text) or {}).get("stages")
    if not isinstance(stages, dict) or not stages:
        raise ValueError(f"{path.name} holds no stages: give the report the pipeline's dvc.yaml as --graph")
    descriptions = dict(DESCRIPTION.findall(text))
    plain = [
        (instance, descriptions.get(name, ""), _filled(body, values))
        for name, body in stages.items()
        for instance, values in _instances(name, body)
    ]
    made = {output: name for name, _, body in plain for output in body.get("outs", [])}
    return StageGraph(tuple(_stage(name, description, body, made) for name, description, body in plain))


def _stage(name: str, description: str, body: Mapping[str, Any], made: Mapping[str, str]) -> StageNode:
    inputs = tuple(body.get("deps", []))
    parents = {producer: None for path in inputs for out, producer in made.items() if f"{path}/".startswith(f"{out}/")}
    return StageNode(
        name, description, " ".join(body["cmd"].split()), inputs, tuple(body.get("outs", [])), tuple(parents)
    )


def _instances(name: str, body: Mapping[str, Any]) -> list[tuple[str, dict[str, str]]]:
    """Spell out a matrix: `adapt` over sets -> `adapt@v2a` and its kin."""
    matrix: dict[str, Sequence[Any]] = body.get("matrix", {})
    if not matrix:
        return [(name, {})]
    rows = [dict(zip(matrix, map(str, row), strict=True)) for row in product(*matrix.values())]
    return [(f"{name}@{'-'.join(row.values())}", row) for row in rows]


def _filled(value: Any, item: Mapping[str, str]) -> Any:
    """Put a matrix row's values in the place of `${item.key}`, however deep."""
    match value:
        case str():
            for key, text in item.items():
                value = value.replace(f"${{item.{key}}}", text)
            return value
        case list():
            return [_filled(entry, item) for entry in value]
        case dict():
            return {key: _filled(entry, item) for key, entry in value.items()}
        case _:
            return value


def _ancestors(name: str, parents: Mapping[str, Sequence[str]], below: tuple[str, ...] = ()) -> set[str]:
    if name in below:
        raise ValueError(f"the graph runs in a circle: {' → '.join([*below[below.index(name) :], name])}")
    found: set[str] = set()
    for parent in parents[name]:
        if parent not in found:
            found |= {parent} | _ancestors(parent, parents, (*below, name))
    return found
