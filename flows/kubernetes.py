"""The other place to run a stage: a Job in a cluster. Inputs come from the DVC remote, outputs go there.

Nothing of what a stage makes comes into this checkout but its lock entry, which the pod pushed and whose hash the Job
left behind. It is checked against what was asked for and what the remote holds, and written down here. The Job is named
after what was asked for: a coordinator that died finds it again, and two that ask for the same share one.
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any, Literal, TypeVar

from components.common import errors
from flows import manifests, runs
from flows.cluster import Cluster
from flows.exchange import Exchange, lock
from flows.graph import Entry, Graph, Item, Stage
from flows.here import Ran
from flows.job_state import State, first, result, state
from flows.manifests import CONTAINER, ROOTS, Order
from flows.mirror import Lines, Mirror
from flows.modules import is_lock
from flows.patience import patiently
from flows.placement import Placement, Placements
from flows.plan import Decision
from flows.pod import CONFIG, LOCK
from flows.processes import Ended, Interrupted, StageFailed
from flows.stages import Repository
from flows.workspace import PARAMS

LOOK_S = 30.0  # at a Job itself, where the mirror tells of no change
LOST_S = 120.0  # that a Job whose pod is gone may take to start another
LAST_LINES_S = 10.0
GONE = State("failed", "its Job was deleted from outside", errors.RETRY)

Found = TypeVar("Found")


class Refused(ValueError):
    """What a pod pushed is not what it was asked for, or not whole."""


class Kubernetes:
    """Runs stages in a cluster. Any thread may call; `stop` may be called from a signal handler."""

    kept: Literal["pushed"] = "pushed"  # what `keep` does where it does anything
    leaves_outputs = False  # in this checkout: pods push them

    def __init__(self, repository: Repository, graph: Graph, stages: Sequence[Stage]):
        self.repository, self.graph = repository, graph
        self.stopping = Event()
        self.exchange = Exchange(repository)
        self.remote = self.exchange.remote
        placements = Placements.read()
        self._placements = {stage.name: placements.of(stage) for stage in stages}
        self._cluster = Cluster(placements.namespace, self.stopping)
        self._mirror = Mirror(self._cluster)
        self._params = Path(PARAMS).read_text()
        sources = {stage.name: Entry(stage.cmd, stage.params, self._sources(stage), {}) for stage in stages}
        self._recipe = runs.identity(graph, sources).recipe

    def stop(self) -> None:
        """End every Job that is followed here, and raise Interrupted where it is."""
        self.stopping.set()
        self._mirror.wake()

    def close(self) -> None:
        """Let go of the cluster; the Jobs in it stay."""
        self._mirror.close()

    def keep(self, stage: Stage, decision: Decision) -> bool:
        """See to it that the result of a stage that is up to date is where pods can get it; True if it moved."""
        assert decision.entry is not None
        hashes = [item.md5 for item in decision.entry.outs.values()]
        with _passing(stage):
            if self._patiently(lambda: self.remote.holds(hashes)):
                return False
            self._patiently(lambda: self.repository.push([stage.name]))
            return True

    def restore(self, stage: Stage, decision: Decision) -> Entry | None:
        """Write down a result that was found in the run-cache; None if the remote does not have all of it any more.

        What only this machine has is pushed.
        """
        assert decision.entry is not None
        outs = decision.entry.outs
        if decision.place == "remote":
            with _passing(stage):
                if self._patiently(lambda: self.remote.missing(outs)):
                    return None
        entry = self.repository.adopt(stage.name, decision.entry)
        self.keep(stage, decision)
        return entry

    def brought(self, name: str) -> AbstractContextManager[None]:
        """Bring stage `name` up to date within the block: here nobody waits for anybody but a parent."""
        return nullcontext()

    @contextmanager
    def turn(self, stage: Stage) -> Iterator[None]:
        """Run a stage within the block; raises Interrupted if the run was stopped. The cluster keeps the queue."""
        if self.stopping.is_set():
            raise Interrupted
        yield

    def run(self, stage: Stage, tracked: Mapping[str, str], line: Callable[[str], None], *, force: bool) -> Ran:
        """Run a stage in the cluster; raises StageFailed if it ended badly, Interrupted if it was stopped."""
        order, placement = self._order(stage, tracked), self._placements[stage.name]
        with _passing(stage):
            self._send(stage, order)
            if placement.parts > 1 and self._cluster.job(order.name) is None:
                self._run_job(stage, replace(order, parts=placement.parts), line, force=force)
            ended = self._run_job(stage, order, line, force=force)
            try:
                entry = self._collect(stage, order, ended.message.entry)
            except (Interrupted, Refused):
                self._cluster.delete_job(order.name)
                raise
        facts = ended.message
        machine = {**facts.numerics, "world_size": placement.world_size}
        took = Ended(0, facts.seconds, facts.cpu_s, facts.peak_bytes)
        return Ran(self.repository.adopt(stage.name, entry), took, machine)

    def _run_job(self, stage: Stage, order: Order, line: Callable[[str], None], *, force: bool) -> State:
        """Run a Job to its end; raises StageFailed if that is a bad one."""
        follower = Follower(self._cluster, line)
        try:
            uid = self._submit(order, self._placements[stage.name], line, force=force)
            ended = self._follow(order.name, uid, follower)
        except Interrupted:
            self._cluster.delete_job(order.name)
            raise
        finally:
            follower.close()
        if ended.phase == "failed":
            if ended.code == errors.RETRY:  # there may be more to it than its status says: begin anew
                self._cluster.delete_job(order.name)
            raise StageFailed(stage.name, ended.code, ended.words)
        return ended

    def _sources(self, stage: Stage) -> dict[str, Item]:
        """The inputs of a stage that no stage makes."""
        items = {path: self.repository.item(stage.name, path) for path in stage.deps if path not in self.graph.maker}
        if missing := [path for path, item in items.items() if item is None]:
            raise ValueError(f"{', '.join(missing)}, an input of {stage.name}, is not there")
        return {path: item for path, item in items.items() if item is not None}

    def _order(self, stage: Stage, tracked: Mapping[str, str]) -> Order:
        deps = self._sources(stage)
        for path in stage.deps:
            if path in self.graph.maker:
                parent = self.repository.recorded(self.graph.maker[path])
                assert parent is not None, f"{stage.name} is brought up to date after what makes {path}"
                deps[path] = parent.outs[path]
        asked = Entry(stage.cmd, stage.params, {path: deps[path] for path in stage.deps}, {})
        roots = json.dumps(manifests.media_paths(self._placements[stage.name]))
        files = {PARAMS: self._params, LOCK: lock(stage.name, asked), CONFIG: self.exchange.config(), ROOTS: roots}
        environment = {
            "OMP_NUM_THREADS": str(stage.threads),
            "PYTHONUNBUFFERED": "1",
            "MLFLOW_DISABLE_TELEMETRY": "true",
            **_told(tracked, self._placements[stage.name].tracking_uri),
        }
        return Order(stage.name, asked, self._recipe, files, environment)

    def _send(self, stage: Stage, order: Order) -> None:
        """Put those inputs into the remote that neither a stage nor the image brings there."""
        for path in stage.deps:
            if path not in self.graph.maker and not is_lock(path):
                self._patiently(partial(self._send_source, stage.name, path, order.asked.deps[path].md5))

    def _send_source(self, name: str, path: str, md5: str) -> None:
        if not self.remote.holds([md5]):
            self.exchange.push_source(name, path)

    def _submit(self, order: Order, placement: Placement, line: Callable[[str], None], *, force: bool) -> str:
        """Have the Job that is asked for in the cluster, with all that belongs to it; returns its uid."""
        namespace = self._cluster.namespace
        found = self._cluster.job(order.name)
        if found is not None and (found.metadata.deletion_timestamp or result(found) in _replaced(force=force)):
            self._cluster.delete_job(order.name)
            self._cluster.await_end(order.name)
        if self._cluster.create_job(manifests.job(order, placement, namespace)):
            line(f"kubernetes: made the Job {order.name}")
        else:
            line(f"kubernetes: the Job {order.name} is there already: going on with it")
        found = self._cluster.job(order.name)
        if found is None:
            raise errors.Retryable(f"the Job {order.name} was deleted as soon as it was made")
        owner = manifests.owner(found.metadata.uid, order.name)
        self._cluster.create(manifests.config_map(order, namespace, owner))
        if placement.nodes > 1:
            self._cluster.create(manifests.service(order, namespace, owner))
        return str(found.metadata.uid)

    def _follow(self, name: str, uid: str, follower: "Follower") -> State:
        """Follow a Job until it is over."""
        while True:
            version, job, pods = self._mirror.of(name)
            if self.stopping.is_set():
                raise Interrupted
            now = follower.see(job, pods, uid)
            if now.over:
                return now
            if not self._mirror.await_change(version, follower.patience_s()) and self._cluster.job(name) is None:
                return GONE

    def _collect(self, stage: Stage, order: Order, md5: str) -> Entry:
        """The entry that the pod pushed; raises Refused if it is not of what was asked for, or lacks an output."""
        entry, asked = self._patiently(lambda: self.exchange.entry(md5)), order.asked
        if entry is None:
            raise Refused(f"{stage.name}: what the remote has as the lock entry {md5} has another hash")
        faults = [] if entry.cmd == asked.cmd else ["the command is another"]
        faults += [] if entry.params == asked.params else ["the parameters are others"]
        given = {path: item.md5 for path, item in entry.deps.items()}
        faults += [] if given == {path: item.md5 for path, item in asked.deps.items()} else ["the inputs are others"]
        faults += [] if set(entry.outs) == set(stage.outs) else ["the outputs are others"]
        faults += [
            f"{path} is not whole in the remote" for path in self._patiently(lambda: self.remote.missing(entry.outs))
        ]
        if faults:
            raise Refused(f"{stage.name}: the lock entry {md5} is refused: {', '.join(faults)}")
        return entry

    def _patiently(self, call: Callable[[], Found]) -> Found:
        return patiently(call, self.stopping)


class Follower:
    """What has been told and seen of one Job."""

    def __init__(self, cluster: Cluster, line: Callable[[str], None]):
        self._cluster, self._line = cluster, line
        self._told: State | None = None
        self._seen = self._had_pods = False
        self._lost_s = 0.0
        self._lines: tuple[str, Lines] | None = None

    def see(self, job: Any, pods: Sequence[Any], uid: str) -> State:
        """How the Job `uid` is doing, of which the cluster last told `job` and `pods`."""
        if job is None or job.metadata.uid != uid:  # not told of yet, or not any more
            return GONE if self._seen else State("queued")
        self._seen = True
        if result(job):  # the mirror may know the end of a Job before that of its pods
            pods = self._cluster.pods(job.metadata.name)
        pods = [pod for pod in pods if any(one.uid == uid for one in pod.metadata.owner_references or [])]
        now = state(job, pods)
        self._pass_on_lines(pods)
        if (now.phase, now.words) != (self._told and (self._told.phase, self._told.words)) and not now.over:
            self._line(f"kubernetes: {now.phase}{f' ({now.words})' if now.words else ''}")
            self._told = now
        self._had_pods |= bool(pods)
        if pods or not self._had_pods or now.over or job.spec.suspend:  # its queue may have stopped it for a while
            self._lost_s = 0.0
        elif not self._lost_s:
            self._lost_s = time.monotonic() + LOST_S
        elif time.monotonic() >= self._lost_s:
            return State("failed", "its node was lost: the pod is gone and no other came", errors.RETRY)
        return now

    def patience_s(self) -> float:
        """How long to wait for a change."""
        return min(LOOK_S, max(0.0, self._lost_s - time.monotonic())) if self._lost_s else LOOK_S

    def close(self) -> None:
        """Pass on the last lines."""
        if self._lines:
            self._lines[1].finish(LAST_LINES_S)

    def _pass_on_lines(self, pods: Sequence[Any]) -> None:
        pod = first(pods)
        if pod is not None and (self._lines is None or self._lines[0] != pod.metadata.name):
            self.close()
            self._lines = pod.metadata.name, Lines(self._cluster, pod.metadata.name, CONTAINER, self._line)


def _replaced(*, force: bool) -> tuple[str, ...]:
    """Results of a Job that is there for which it makes way for a new one."""
    return ("Failed", "Complete") if force else ("Failed",)


def _told(tracked: Mapping[str, str], uri: str) -> dict[str, str]:
    """Whom a pod tells of its training: nobody if this run's store is a file of this machine."""
    is_shared = not tracked.get("VIDEOPOET_TRACKING_URI", "sqlite:").startswith("sqlite:")
    return {**tracked, "VIDEOPOET_TRACKING_URI": uri} if is_shared and uri else {}


@contextmanager
def _passing(stage: Stage) -> Iterator[None]:
    """A passing fault that outlived all patience is the stage's, and its next try may succeed."""
    try:
        yield
    except errors.Retryable as error:
        raise StageFailed(stage.name, errors.RETRY, str(error)) from error
