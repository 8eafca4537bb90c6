"""Resources of a stage: scheduling on this machine, placement in a cluster.

On this machine stages run in parallel, as far as their threads (`threads` in params.yaml) fit into its cores; the stage
with the longest path to the end of the graph goes first. A stage that wants more threads than there are cores runs
alone. In a cluster a stage gets the resources of k8s/placement.yaml, and the cluster schedules it.
"""

import os
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_origin, get_type_hints

import yaml

from components.common import codelock
from components.common.params import COMMAND
from flows.graph import parts
from flows.graph.graph import Graph, Stage

PLACEMENT = Path("k8s/placement.yaml")
FIT = "components.common.fit"
WAIT_S = 10.0  # for a ready stage with higher priority to request its threads; bounded, so that it cannot block others


def cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class ThreadScheduler:
    """A thread budget for the `stages` of one run. Any thread may call.

    Of the stages whose parents are done, the one with the longest chain of descendants is served first. The scheduler
    waits up to `WAIT_S` for its request, because serving a shorter chain first would make the run longer.
    """

    def __init__(self, total: int, stages: Sequence[Stage]):
        self._total = self._free = total
        chains = Graph(tuple(stages)).chains
        self._priority = {stage.name: (-chains[stage.name], place) for place, stage in enumerate(stages)}
        self._open_parents = {stage.name: self._priority.keys() & set(stage.parents) for stage in stages}
        self._expected: dict[str, float] = {}  # ready stages without a request yet -> deadline of the wait
        self._requests: set[str] = set()
        self._changed = threading.Condition()
        self._expect(name for name, parents in self._open_parents.items() if not parents)

    @contextmanager
    def completing(self, name: str) -> Iterator[None]:
        """Bring stage `name` up to date within the block; its children become ready if the block succeeds."""
        try:
            yield
        except BaseException:
            self._finish(name)
            raise
        self._finish(name, done=True)

    @contextmanager
    def taken(self, stage: Stage) -> Iterator[None]:
        """Reserve the stage's threads for a block, at most all cores; blocks until they are free."""
        count = min(stage.threads, self._total)
        with self._changed:
            self._expected.pop(stage.name, None)
            self._requests.add(stage.name)
            try:
                while self._first() != stage.name or self._free < count:
                    self._changed.wait(self._timeout_s())
            finally:
                self._requests.discard(stage.name)
                self._changed.notify_all()
            self._free -= count
        try:
            yield
        finally:
            with self._changed:
                self._free += count
                self._changed.notify_all()

    def _first(self) -> str:
        now_s = time.monotonic()
        self._expected = {name: until_s for name, until_s in self._expected.items() if until_s > now_s}
        return min(self._requests | self._expected.keys(), key=lambda name: self._priority[name])

    def _timeout_s(self) -> float | None:
        """Return the seconds until the next wait expires; None if there is no wait."""
        return max(0.0, min(self._expected.values()) - time.monotonic()) if self._expected else None

    def _expect(self, names: Iterable[str]) -> None:
        until_s = time.monotonic() + WAIT_S
        self._expected |= dict.fromkeys(names, until_s)

    def _finish(self, name: str, *, done: bool = False) -> None:
        with self._changed:
            self._expected.pop(name, None)
            if done:
                self._expect(child for child, parents in self._open_parents.items() if parents == {name})
                for parents in self._open_parents.values():
                    parents.discard(name)
            self._changed.notify_all()


@dataclass(frozen=True)
class Placement:
    """Resources of each pod of a stage; requests and limits are equal."""

    image: str
    cpu: int  # cores
    memory: str  # as in `8Gi`
    disk: str  # for inputs, outputs and intermediate files
    gpus: int
    nodes: int  # pods of one distributed training; 1 for any other stage
    parts: int  # pods that share the items of a data stage before one pod runs it; 1 for any other stage
    parallelism: int  # parts that run at the same time
    node_selector: dict[str, str]
    priority_class: str  # "" for the cluster's default; in a queue, the queue's own class of that name
    queue: str  # Kueue's LocalQueue that admits the Job; "" to start at once
    deadline_s: int  # the Job fails after this run time
    grace_s: int  # from SIGTERM to SIGKILL: enough to write a checkpoint
    scratch_claim: str  # volume claim for checkpoints and caches that outlive a pod; "" for none
    media: dict[str, str]  # alias of a folder of your own media -> volume claim that holds it
    secret: str  # its keys become the pod's environment, such as the remote's credentials; "" for none
    service_account: str
    tracking_uri: str  # of the MLflow server as pods reach it; "" for none
    metrics_port: int  # for Prometheus; 0 for none

    def world_size(self, cmd: str) -> int:
        """Return the number of processes that train together: one per GPU of each pod for our trainings."""
        return self.nodes * (max(self.gpus, 1) if _trains(cmd) else 1)


@dataclass(frozen=True)
class Placements:
    """The content of k8s/placement.yaml."""

    namespace: str
    defaults: dict[str, Any]
    stages: dict[str, dict[str, Any]]

    @classmethod
    def read(cls, path: Path = PLACEMENT) -> "Placements":
        """Read the file; raises ValueError naming every key that is unknown, missing or of the wrong type."""
        if not path.is_file():
            raise ValueError(f"{path} is missing: it defines the resources of each stage in the cluster")
        raw = yaml.safe_load(path.read_text()) or {}
        faults = _faults({"namespace": str, "defaults": dict, "stages": dict}, raw, "")
        if not faults:
            types = {name: get_origin(kind) or kind for name, kind in get_type_hints(Placement).items()}
            faults = _faults(types, raw["defaults"], "defaults.")
            for name, own in raw["stages"].items():
                faults += _faults({key: types[key] for key in types if key in own}, own, f"stages.{name}.")
        if faults:
            raise ValueError(f"{path}: {'; '.join(faults)}")
        return cls(**raw)

    def of(self, stage: Stage) -> Placement:
        """Return the placement of `stage`: the defaults, its family's section, its own.

        Raises ValueError if the resources do not fit the stage.
        """
        own = [self.stages.get(name, {}) for name in dict.fromkeys((stage.name.partition("@")[0], stage.name))]
        placement = Placement(**{key: value for part in (self.defaults, *own) for key, value in part.items()})
        if placement.cpu < stage.threads:
            raise ValueError(
                f"{stage.name} uses {stage.threads} threads but gets {placement.cpu} cores: raise `cpu` in {PLACEMENT}"
            )
        if max(placement.nodes, placement.gpus) > 1 and COMMAND.search(stage.cmd) and not _trains(stage.cmd):
            raise ValueError(
                f"{stage.name} is not a training and runs as one process: it cannot use {placement.nodes} nodes with"
                f" {placement.gpus} GPUs each, see {PLACEMENT}"
            )
        if placement.parts > 1 and not parts.can(stage.cmd):
            able = ", ".join(parts.components())
            raise ValueError(f"{stage.name} cannot be split: `parts` in {PLACEMENT} is for {able}")
        if placement.parts > 1 and not placement.scratch_claim:
            raise ValueError(f"the parts of {stage.name} share a cache: name its `scratch_claim` in {PLACEMENT}")
        return placement


def _trains(cmd: str) -> bool:
    """Return True if a stage with this command trains by `fit`, which can run distributed."""
    found = COMMAND.search(cmd)
    return found is not None and FIT in codelock.modules(found["component"])


def _faults(types: dict[str, type], given: dict[str, Any], where: str) -> list[str]:
    return [
        *(f"`{where}{key}` is unknown" for key in given if key not in types),
        *(f"`{where}{key}` is missing" for key in types if key not in given),
        *(
            f"`{where}{key}` must be {kind.__name__}"
            for key, kind in types.items()
            if not isinstance(given.get(key, kind()), kind)
        ),
    ]
