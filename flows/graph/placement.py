"""What a stage gets of the machines: its turn on this one, its resources in a cluster.

Here stages run side by side, but never more threads than there are cores, the longest way to the end of the graph
first. A stage says in its parameters how many threads it uses. One that wants more than the machine has runs alone.
In a cluster a stage gets what k8s/placement.yaml says, and the cluster says when.
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
PATIENCE_S = 10.0  # with a stage that could ask for its threads; one that cannot ask any more must not hold up the rest


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Threads:
    """A budget of threads for the `stages` of one run. Any thread may call.

    Of the stages whose parents are done, the one with the longest chain of stages below it is served first, and waited
    for if it has not asked yet: whoever asks a moment earlier must not make the whole run longer.
    """

    def __init__(self, total: int, stages: Sequence[Stage]):
        self._total = self._free = total
        chains = Graph(tuple(stages)).chains
        self._place = {stage.name: (-chains[stage.name], place) for place, stage in enumerate(stages)}
        self._missing = {stage.name: self._place.keys() & set(stage.parents) for stage in stages}
        self._coming: dict[str, float] = {}  # stages that may ask now, and until when they are waited for
        self._asking: set[str] = set()
        self._changed = threading.Condition()
        self._expect(name for name, parents in self._missing.items() if not parents)

    @contextmanager
    def brought(self, name: str) -> Iterator[None]:
        """Bring stage `name` up to date within the block: if it ends well, the stages below it may follow."""
        try:
            yield
        except BaseException:
            self._left(name)
            raise
        self._left(name, done=True)

    @contextmanager
    def taken(self, stage: Stage) -> Iterator[None]:
        """Hold the stage's threads, or all there are if that is fewer, for a block; waits for its turn."""
        count = min(stage.threads, self._total)
        with self._changed:
            self._coming.pop(stage.name, None)
            self._asking.add(stage.name)
            try:
                while self._first() != stage.name or self._free < count:
                    self._changed.wait(self._patience_s())
            finally:
                self._asking.discard(stage.name)
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
        self._coming = {name: until_s for name, until_s in self._coming.items() if until_s > now_s}
        return min(self._asking | self._coming.keys(), key=lambda name: self._place[name])

    def _patience_s(self) -> float | None:
        """Until the next stage that was waited for is given up; None if there is none."""
        return max(0.0, min(self._coming.values()) - time.monotonic()) if self._coming else None

    def _expect(self, names: Iterable[str]) -> None:
        until_s = time.monotonic() + PATIENCE_S
        self._coming |= dict.fromkeys(names, until_s)

    def _left(self, name: str, *, done: bool = False) -> None:
        with self._changed:
            self._coming.pop(name, None)
            if done:
                self._expect(child for child, parents in self._missing.items() if parents == {name})
                for parents in self._missing.values():
                    parents.discard(name)
            self._changed.notify_all()


@dataclass(frozen=True)
class Placement:
    """What each pod of a stage gets; requests and limits are the same."""

    image: str
    cpu: int  # cores
    memory: str  # as in `8Gi`
    disk: str  # for inputs, outputs and what is in between
    gpus: int
    nodes: int  # pods that train together; one everywhere else
    parts: int  # pods that share the items of a data stage before one of them runs it; one everywhere else
    parallelism: int  # of those pods, how many at a time
    node_selector: dict[str, str]
    priority_class: str  # "" for the cluster's default; in a queue, the queue's own class of that name
    queue: str  # Kueue's LocalQueue that lets the Job in; "" to start at once
    deadline_s: int  # the Job fails when it has been at work for so long
    grace_s: int  # from the request to stop to the kill: enough to write a checkpoint
    scratch_claim: str  # volume claim for checkpoints and caches that outlive a pod; "" for none
    media: dict[str, str]  # alias of a folder of your own media -> volume claim that holds it
    secret: str  # whose keys the pod gets as environment, the remote's credentials among them; "" for none
    service_account: str
    tracking_uri: str  # of the MLflow server as pods reach it; "" for none
    metrics_port: int  # where Prometheus may ask a pod; 0 for nowhere

    def world_size(self, cmd: str) -> int:
        """Processes that train together by this command: of our trainings one for each GPU of each pod."""
        return self.nodes * (max(self.gpus, 1) if _trains(cmd) else 1)


@dataclass(frozen=True)
class Placements:
    """The whole of k8s/placement.yaml."""

    namespace: str
    defaults: dict[str, Any]
    stages: dict[str, dict[str, Any]]

    @classmethod
    def read(cls, path: Path = PLACEMENT) -> "Placements":
        """Read the file; raises ValueError naming every key that is unknown, missing or of the wrong type."""
        if not path.is_file():
            raise ValueError(f"{path} is not there: it says what each stage gets in the cluster")
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
        """What `stage` gets: the defaults, its family's part, its own; raises ValueError if that is too little."""
        own = [self.stages.get(name, {}) for name in dict.fromkeys((stage.name.partition("@")[0], stage.name))]
        placement = Placement(**{key: value for part in (self.defaults, *own) for key, value in part.items()})
        if placement.cpu < stage.threads:
            raise ValueError(
                f"{stage.name} uses {stage.threads} threads and gets {placement.cpu} cores: raise `cpu` in {PLACEMENT}"
            )
        if max(placement.nodes, placement.gpus) > 1 and COMMAND.search(stage.cmd) and not _trains(stage.cmd):
            raise ValueError(
                f"{stage.name} trains nothing and is one process: it has no use for {placement.nodes} nodes with"
                f" {placement.gpus} GPUs each, see {PLACEMENT}"
            )
        if placement.parts > 1 and not parts.can(stage.cmd):
            able = ", ".join(parts.components())
            raise ValueError(f"{stage.name} is done as a whole: `parts` in {PLACEMENT} is for {able}")
        if placement.parts > 1 and not placement.scratch_claim:
            raise ValueError(f"the parts of {stage.name} share a cache: name its `scratch_claim` in {PLACEMENT}")
        return placement


def _trains(cmd: str) -> bool:
    """Whether a stage with this command learns by `fit`, which several processes can do together."""
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
