"""Graph + repository -> the stages that would run and why, and the place of up-to-date results.

`plan` and `run` share this rule: `decide` compares a stage with its entry in dvc.lock, then asks the run-cache; it
needs no data. A stage below one that would run waits for it: the new input may turn out the same, and the stage up to
date. `made` holds the artifacts known so far: path -> artifact, or None if only running can tell.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from flows.dvc.repository import Place, Repository
from flows.graph import modules
from flows.graph.graph import Artifact, Graph, LockEntry, Stage, flat

Verdict = Literal["up to date", "restore", "run"]
KnownArtifacts = dict[str, Artifact | None]


@dataclass(frozen=True)
class Change:
    """One reason to run: a difference from the recorded result."""

    kind: Literal["command", "input", "parameter", "code", "result", "order", "waits"]
    name: str
    old: str = ""
    new: str = ""

    def __str__(self) -> str:
        words = f"{self.kind} {self.name}".strip()
        return f"{words}: {self.old or 'none'} → {self.new or 'none'}" if self.old or self.new else words


@dataclass(frozen=True)
class Decision:
    """Decision about a stage. `entry` is its result if known, `place` the place of the result."""

    stage: Stage
    verdict: Verdict
    place: Place | None = None
    reasons: tuple[Change, ...] = ()
    entry: LockEntry | None = None


def plan(
    graph: Graph, stages: Iterable[Stage], repository: Repository, seen: Path, *, force: Collection[str] = ()
) -> list[Decision]:
    """Decide about `stages`, given in the graph's order; `seen` is the folder of `flows.graph.modules`."""
    made: KnownArtifacts = {}
    decisions = []
    with repository.held():
        for stage in stages:
            decision = decide(graph, stage, made, repository, seen, force=stage.name in force)
            decisions.append(decision)
            made |= {path: decision.entry.outs[path] if decision.entry else None for path in stage.outs}
    return decisions


def decide(
    graph: Graph, stage: Stage, made: KnownArtifacts, repository: Repository, seen: Path, *, force: bool
) -> Decision:
    """Decide about one stage, given its parents' outputs."""
    deps = {path: _item(stage, path, made, repository) for path in stage.deps}
    recorded = repository.recorded(stage.name)
    reasons = (
        list(differences(stage, deps, recorded, seen))
        if recorded
        else [Change("result", "has never been computed here")]
    )
    unknown = [path for path, item in deps.items() if item is None]
    reasons += [Change("input", f"{path} is missing") for path in unknown if not _producers(graph, stage, path)]
    if producers := [producer for path in unknown for producer in _producers(graph, stage, path)]:
        reasons.append(Change("waits", f"for {', '.join(dict.fromkeys(producers))}"))
    if force:
        return Decision(stage, "run", reasons=(Change("order", "--force"), *reasons))
    known = {path: item for path, item in deps.items() if item is not None}
    if len(known) < len(deps):
        return Decision(stage, "run", reasons=tuple(reasons))
    if recorded and not reasons:
        if place := repository.place(stage.name, recorded.outs):
            return Decision(stage, "up to date", place, entry=recorded)
        reasons.append(Change("result", "is not in the workspace, the cache or a remote"))
    found = repository.find(stage.name, known)
    place = repository.place(stage.name, found.outs) if found else None
    if found and place:
        return Decision(stage, "restore", place, tuple(reasons), found)
    return Decision(stage, "run", reasons=tuple(reasons))


def differences(stage: Stage, deps: Mapping[str, Artifact | None], recorded: LockEntry, seen: Path) -> Iterable[Change]:
    """Yield all differences from `recorded`, except inputs that are not known yet."""
    if stage.cmd != recorded.cmd:
        yield Change("command", "", recorded.cmd, stage.cmd)
    old, new = flat(recorded.params), flat(stage.params)
    for key in sorted({*old, *new}):
        if (key in old, old.get(key)) != (key in new, new.get(key)):
            yield Change("parameter", key, _value(old, key), _value(new, key))
    for path in sorted({*deps, *recorded.deps}):
        before, now = recorded.deps.get(path), deps.get(path)
        if path not in deps:
            yield Change("input", path, before.md5[:10] if before else "", "")
        elif now and (not before or before.md5 != now.md5):
            yield from _input_changes(path, before, now, seen)
    if set(stage.outs) != set(recorded.outs):
        yield Change("result", "", ", ".join(sorted(recorded.outs)), ", ".join(sorted(stage.outs)))


def table(decisions: Iterable[Decision]) -> Iterable[str]:
    """Yield a line per stage, followed by a line per reason."""
    decisions = list(decisions)
    width = max((len(decision.stage.name) for decision in decisions), default=0)
    for decision in decisions:
        waits = decision.verdict == "run" and all(reason.kind == "waits" for reason in decision.reasons)
        words = {"up to date": "up to date", "restore": "would restore", "run": "would run"}[decision.verdict]
        where = f" (result: {decision.place})" if decision.place else ""
        yield f"{decision.stage.name:<{width}}  {words}{', unless its inputs stay the same' if waits else ''}{where}"
        for reason in decision.reasons:
            yield f"{'':<{width}}    {reason}"


def _item(stage: Stage, path: str, made: KnownArtifacts, repository: Repository) -> Artifact | None:
    if path in made:
        return made[path]
    if any(item is None and _overlap(path, out) for out, item in made.items()):
        return None
    return repository.item(stage.name, path)


def _producers(graph: Graph, stage: Stage, path: str) -> list[str]:
    """Return the stage's parents that produce `path`, a file in it, or its parent folder."""
    return [parent for parent in stage.parents if any(_overlap(path, out) for out in graph.by_name[parent].outs)]


def _overlap(one: str, other: str) -> bool:
    return f"{one}/".startswith(f"{other}/") or f"{other}/".startswith(f"{one}/")


def _input_changes(path: str, before: Artifact | None, now: Artifact, seen: Path) -> Iterable[Change]:
    is_code = before and modules.is_lock(path)
    changed = modules.differences(seen, Path(path), before.md5) if before and is_code else {}
    for module, (old, new) in changed.items():
        yield Change("code", module, old[:10], new[:10])
    if not changed:
        yield Change("input", path, before.md5[:10] if before else "", now.md5[:10])


def _value(values: Mapping[str, Any], key: str) -> str:
    return str(values[key]) if key in values else ""
