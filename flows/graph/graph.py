"""dvc.yaml -> stages and edges.

Plain data: what a stage is (`Stage`), what it last made from what (`Entry`, a stage's lines in dvc.lock), and the order
they stand in (`Graph`: parents first). Paths are relative to the checkout. Hashes are DVC's: MD5 as hex, with `.dir`
behind the hash of a folder.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any


@dataclass(frozen=True)
class Item:
    """What lies at a path: a file, or a folder as a whole."""

    md5: str
    size: int | None = None  # bytes
    nfiles: int | None = None  # of a folder
    isexec: bool = False


@dataclass(frozen=True)
class Entry:
    """What a stage made from what: command, parameters (dotted key -> value) and the items at each path."""

    cmd: str
    params: Mapping[str, Any]
    deps: Mapping[str, Item]
    outs: Mapping[str, Item]


@dataclass(frozen=True)
class Stage:
    """One stage of dvc.yaml with its variables filled in."""

    name: str
    cmd: str
    deps: tuple[str, ...]
    params: Mapping[str, Any]  # dotted key -> value now
    outs: tuple[str, ...]
    parents: tuple[str, ...]  # stages that make some of `deps`, and gates to wait for
    is_gate: bool = False  # `meta: {gate: true}`: what reads the same data waits until it has passed them

    @property
    def threads(self) -> int:
        """Processor cores that the stage says it uses: `threads` in its section of params.yaml, 1 if it says none."""
        sections = [value for value in self.params.values() if isinstance(value, Mapping)]
        return max([1, *(int(section["threads"]) for section in sections if "threads" in section)])


@dataclass(frozen=True)
class Graph:
    """Every stage, parents before children and otherwise in the order of dvc.yaml."""

    stages: tuple[Stage, ...]

    @classmethod
    def of(cls, stages: Iterable[Stage]) -> "Graph":
        """Put `stages`, given in the order of dvc.yaml, into running order; there must be no cycle.

        A gate is a parent of what reads the same data, though that takes nothing from it: so data are judged before
        anything learns from them.
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
    def maker(self) -> dict[str, str]:
        """Path of an output -> name of the stage that makes it."""
        return {path: stage.name for stage in self.stages for path in stage.outs}

    @cached_property
    def chains(self) -> dict[str, int]:
        """Stage -> how many stages stand in the longest line from it to the end of the graph, itself included."""
        below = dict.fromkeys(self.by_name, 0)
        for stage in reversed(self.stages):
            for parent in below.keys() & set(stage.parents):
                below[parent] = max(below[parent], below[stage.name] + 1)
        return {name: stages + 1 for name, stages in below.items()}

    def matching(self, targets: Iterable[str]) -> tuple[str, ...]:
        """Names of the stages that `targets` mean: a stage, or a family such as `adapt` for `adapt@v2a` and its kin.

        Raises ValueError for a target that is neither.
        """
        names = []
        for target in targets:
            found = [name for name in self.by_name if name == target or name.partition("@")[0] == target]
            if not found:
                raise ValueError(f"no stage `{target}` in dvc.yaml: choose from {', '.join(self.by_name)}")
            names += found
        return tuple(names)

    def upstream_of(self, targets: Iterable[str]) -> tuple[Stage, ...]:
        """The stages that `targets` need, themselves included; every stage if there are no targets."""
        wanted = set(self.matching(targets)) or set(self.by_name)
        for stage in reversed(self.stages):
            if stage.name in wanted:
                wanted.update(stage.parents)
        return tuple(stage for stage in self.stages if stage.name in wanted)

    def descendants_of(self, name: str) -> tuple[str, ...]:
        """Names of all stages that need what `name` makes, however far down."""
        found = {name}
        for stage in self.stages:
            if found.intersection(stage.parents):
                found.add(stage.name)
        return tuple(stage.name for stage in self.stages if stage.name in found - {name})


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
    """Nested parameters as dotted key -> value."""
    leaves: dict[str, Any] = {}
    for key, value in values.items():
        leaves |= flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) and value else {f"{prefix}{key}": value}
    return leaves
