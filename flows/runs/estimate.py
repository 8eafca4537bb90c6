"""Stages that would run + records of past runs -> expected time and cost.

The estimate of a stage is its usage in the newest record with its present parameters, or else, with a note, in the
newest record with others. Parallelism follows `flows.graph.placement`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flows.graph.graph import Graph, Stage


@dataclass(frozen=True)
class PastUsage:
    """Usage of a stage in a record."""

    run: str
    seconds: float
    cpu_s: float
    same_params: bool
    gpu_s: float = 0.0


def past(stage: Stage, records: Iterable[Mapping[str, Any]]) -> PastUsage | None:
    """Return the past usage of `stage`; `records` are sorted newest first."""
    return _nearest(_all(stage, records))


def on_gpus(stage: Stage, records: Iterable[Mapping[str, Any]]) -> PastUsage | None:
    """Return the past usage of `stage` in a record in which it held GPUs."""
    return _nearest([one for one in _all(stage, records) if one.gpu_s])


def _all(stage: Stage, records: Iterable[Mapping[str, Any]]) -> list[PastUsage]:
    found = []
    for record in records:
        note = record["took"].get(stage.name, {})
        if "seconds" in note:
            same = record["stages"][stage.name]["params"] == dict(stage.params)
            gpu_s = note.get("gpu_s", 0.0)  # older records have none
            found.append(PastUsage(record["run"][:10], note["seconds"], note["cpu_s"], same, gpu_s))
    return found


def _nearest(found: Sequence[PastUsage]) -> PastUsage | None:
    return next((one for one in found if one.same_params), found[0] if found else None)


def lines(stages: Sequence[Stage], records: Sequence[Mapping[str, Any]], cores: int) -> Iterator[str]:
    """Yield the estimate for running `stages`, as text."""
    known = {stage.name: found for stage in stages if (found := past(stage, records))}
    if known:
        wall_s = wall([stage for stage in stages if stage.name in known], known, cores)
        cpu_s = sum(one.cpu_s for one in known.values())
        gpu_hours = sum(one.gpu_s for one in known.values()) / 3600
        runs = ", ".join(sorted({one.run for one in known.values()}))
        took = f"{cpu_s:,.0f} core-seconds, {gpu_hours:,.3g} GPU-hours"
        yield f"estimate: {wall_s:,.0f} s with {cores} cores, {took} (from runs {runs})"
    if others := [name for name, one in known.items() if not one.same_params]:
        yield f"measured with other parameters: {', '.join(others)}"
    if new := [stage.name for stage in stages if stage.name not in known]:
        yield f"not included, without a record: {', '.join(new)}"


def wall(stages: Sequence[Stage], known: Mapping[str, PastUsage], cores: int) -> float:
    """Simulate the schedule of `stages` (parents first, longest chain first); returns the wall time in seconds."""
    chains, ends, now_s = Graph(tuple(stages)).chains, dict[str, float](), 0.0
    waiting, running = list(stages), dict[str, tuple[float, int]]()
    while waiting or running:
        free = cores - sum(threads for _, threads in running.values())
        ready = [s for s in waiting if not any(p in known and p not in ends for p in s.parents)]
        for stage in sorted(ready, key=lambda stage: -chains[stage.name]):
            threads = min(stage.threads, cores)
            if threads > free:
                break
            free -= threads
            waiting.remove(stage)
            running[stage.name] = (now_s + known[stage.name].seconds, threads)
        name = min(running, key=lambda name: running[name][0])
        now_s, _ = running.pop(name)
        ends[name] = now_s
    return now_s
