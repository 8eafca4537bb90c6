"""The graph of dvc.yaml as plain data: stages and edges.

`Stage` is a stage as it is defined now, `LockEntry` its last result (the stage's lines in dvc.lock), `Graph` the stages
in topological order. Paths are relative to the checkout. Hashes are DVC's: MD5 as hex, with the suffix `.dir` for a
folder.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any


@dataclass(frozen=True)
class Artifact:
    """The content hash of a file or of a whole folder."""

    md5: str
    size: int | None = None  # bytes
    nfiles: int | None = None  # of a folder
    isexec: bool = False


@dataclass(frozen=True)
class LockEntry:
    """The recorded result of a stage: command, parameters (dotted key -> value) and the hash of each path."""

    cmd: str
    params: Mapping[str, Any]
    deps: Mapping[str, Artifact]
    outs: Mapping[str, Artifact]


@dataclass(frozen=True)
class Stage:
    """One stage of dvc.yaml with its variables filled in."""

    name: str
    cmd: str
    deps: tuple[str, ...]
    params: Mapping[str, Any]  # dotted key -> present value
    outs: tuple[str, ...]
    parents: tuple[str, ...]  # stages that produce some of `deps`, and gates
    is_gate: bool = False  # `meta: {gate: true}`: other readers of the same data wait for it

    @property
    def threads(self) -> int:
        """Cores that the stage uses: `threads` of its section in params.yaml, 1 if it has none."""
        sections = [value for value in self.params.values() if isinstance(value, Mapping)]
        return max([1, *(int(section["threads"]) for section in sections if "threads" in section)])


@dataclass(frozen=True)
class Graph:
    """Every stage in topological order, otherwise in the order of dvc.yaml."""

    stages: tuple[Stage, ...]

    @classmethod
    def of(cls, stages: Iterable[Stage]) -> "Graph":
        """Sort `stages`, given in the order of dvc.yaml, topologically; there must be no cycle.

        A gate becomes a parent of every stage that reads the same data, so that data are checked before any training.
        """
        waiting, done = _behind_gates(list(stages)), dict[str, Stage]()
        while waiting:
            ready = next(stage for stage in waiting if all(parent in done for parent in stage.parents))
            waiting.remove(ready)
            done[ready.name] = ready
        return cls(tuple(done.values()))

    @cached_property
    def by_name(self) -> dict[str, Stage]:
        """Stages by name."""
        return {stage.name: stage for stage in self.stages}

    @cached_property
    def producer(self) -> dict[str, str]:
        """Output path -> name of the stage that produces it."""
        return {path: stage.name for stage in self.stages for path in stage.outs}

    @cached_property
    def chains(self) -> dict[str, int]:
        """Stage -> number of stages on the longest path from it to the end of the graph, itself included."""
        below = dict.fromkeys(self.by_name, 0)
        for stage in reversed(self.stages):
            for parent in below.keys() & set(stage.parents):
                below[parent] = max(below[parent], below[stage.name] + 1)
        return {name: stages + 1 for name, stages in below.items()}

    def matching(self, targets: Iterable[str]) -> tuple[str, ...]:
        """Return the names of the stages that `targets` mean.

        A target is a stage or a family, such as `adapt` for `adapt@v2a` and the like. Raises ValueError for an unknown
        target.
        """
        names = []
        for target in targets:
            found = [name for name in self.by_name if name == target or name.partition("@")[0] == target]
            if not found:
                raise ValueError(f"no stage `{target}` in dvc.yaml: choose from {', '.join(self.by_name)}")
            names += found
        return tuple(names)

    def upstream_of(self, targets: Iterable[str]) -> tuple[Stage, ...]:
        """Return `targets` and all their ancestors; every stage if there are no targets."""
        wanted = set(self.matching(targets)) or set(self.by_name)
        for stage in reversed(self.stages):
            if stage.name in wanted:
                wanted.update(stage.parents)
        return tuple(stage for stage in self.stages if stage.name in wanted)


def _behind_gates(stages: Sequence[Stage]) -> list[Stage]:
    by_name, made = {stage.name: stage for stage in stages}, {path for stage in stages for path in stage.outs}
    found = dict(by_name)
    for gate in (stage for stage in stages if stage.is_gate):
        above, waiting = {gate.name}, [gate.name]
        while waiting:
            new = set(by_name[waiting.pop()].parents) - above
            above |= new
            waiting += new
        judged = made.intersection(gate.deps)
        for name, stage in found.items():
            if name not in above and not stage.is_gate and judged.intersection(stage.deps):
                found[name] = replace(stage, parents=(*stage.parents, gate.name))
    return list(found.values())


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Flatten nested parameters to dotted key -> value."""
    leaves: dict[str, Any] = {}
    for key, value in values.items():
        leaves |= flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) and value else {f"{prefix}{key}": value}
    return leaves
