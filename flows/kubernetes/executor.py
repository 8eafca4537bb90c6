"""The other place to run a stage: a Job in a cluster. Inputs come from the DVC remote, outputs go there.

Nothing of what a stage makes comes into this checkout but its lock entry, which the pod pushed and whose hash the Job
left behind. It is checked against what was asked for and what the remote holds, and written down here. The Job is named
after what was asked for: a coordinator that died finds it again, and two that ask for the same share one.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import Event
from typing import Literal, TypeVar

from components.common import errors
from flows.dvc.handoff import Exchange, lock
from flows.dvc.repository import Repository
from flows.execution.budget import Needs
from flows.execution.executor import StageResult
from flows.execution.plan import Decision
from flows.graph.graph import Entry, Graph, Item, Stage
from flows.graph.modules import is_lock
from flows.graph.placement import Placement, Placements
from flows.kubernetes import job_spec
from flows.kubernetes.client import Cluster
from flows.kubernetes.informer import Informer
from flows.kubernetes.job_spec import ROOTS, JobRequest
from flows.kubernetes.job_status import JobStatus, result
from flows.kubernetes.job_watcher import GONE, JobWatcher
from flows.kubernetes.pod import CONFIG, LOCK
from flows.machine.monitor import StageMonitor
from flows.machine.processes import Interrupted, ProcessResult, StageFailed
from flows.machine.retry import patiently
from flows.machine.workspace import GRAPH, PARAMS, Workspace
from flows.runs import run_records
from flows.runs.sources import stores

REPLACED = {False: ("Failed",), True: ("Failed", "Complete")}  # by whether it is forced: ends of a Job that makes way

Found = TypeVar("Found")


class RefusedEntry(ValueError):
    """What a pod pushed is not what it was asked for, or not whole."""


class KubernetesExecutor:
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
        self._mirror = Informer(self._cluster)
        self._params, self._graph = Path(PARAMS).read_text(), Path(GRAPH).read_text()
        sources = {stage.name: Entry(stage.cmd, stage.params, self._sources(stage), {}) for stage in stages}
        self._recipe = run_records.identity(graph, sources).recipe

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

    def needs(self, stage: Stage) -> Needs:
        """What a stage holds while its pods are on nodes."""
        placement = self._placements[stage.name]
        pods = max(placement.nodes, min(placement.parts, placement.parallelism))
        return Needs(placement.gpus * pods, placement.grace_s)

    def run(self, stage: Stage, tracked: Mapping[str, str], pulse: StageMonitor, *, force: bool) -> StageResult:
        """Run a stage in the cluster; raises StageFailed if it ended badly, Interrupted if it was stopped,
        Nondeterministic (a ValueError) if the same work gave something else before."""
        order, placement = self._order(stage, tracked), self._placements[stage.name]
        shared = ProcessResult()
        with _passing(stage):
            self._send(stage, order)
            if placement.parts > 1 and self._cluster.job(order.name) is None:
                shared = self._run_job(stage, replace(order, parts=placement.parts), pulse, force=force).message.took
            ended = self._run_job(stage, order, pulse, force=force)
            try:
                entry, machine = self._collect(stage, order, ended.message.entry), ended.message.numerics
                entry = self._patiently(lambda: self.repository.adopt(stage.name, entry, machine))
            except (Interrupted, RefusedEntry):
                self._cluster.delete_job(order.name)
                raise
        took = shared.then(ended.message.took)
        at_least_s = placement.gpus * placement.nodes * ended.message.took.seconds
        gpu_s = max(pulse.gpu_s, at_least_s)  # of a Job that was there it has not seen all
        return StageResult(entry, replace(took, gpu_s=gpu_s), machine)

    def _run_job(self, stage: Stage, order: JobRequest, pulse: StageMonitor, *, force: bool) -> JobStatus:
        """Run a Job to its end; raises StageFailed if that is a bad one."""
        placement = self._placements[stage.name]
        follower = JobWatcher(self._cluster, pulse, placement.gpus)
        try:
            uid = self._submit(order, placement, pulse, force=force)
            ended = self._follow(order.name, uid, follower)
        except Interrupted:
            self._cluster.delete_job(order.name)
            raise
        finally:
            follower.close()
            pulse.hold(0)
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

    def _order(self, stage: Stage, tracked: Mapping[str, str]) -> JobRequest:
        deps = self._sources(stage)
        for path in stage.deps:
            if path in self.graph.maker:
                parent = self.repository.recorded(self.graph.maker[path])
                assert parent is not None, f"{stage.name} is brought up to date after what makes {path}"
                deps[path] = parent.outs[path]
        asked = Entry(stage.cmd, stage.params, {path: deps[path] for path in stage.deps}, {})
        files = {
            GRAPH: self._graph,
            PARAMS: self._params,
            LOCK: lock(stage.name, asked),
            CONFIG: self.exchange.config(),
            ROOTS: json.dumps(self._roots(stage)),
        }
        environment = {
            "OMP_NUM_THREADS": str(stage.threads),
            "PYTHONUNBUFFERED": "1",
            "MLFLOW_DISABLE_TELEMETRY": "true",
            **_told(tracked, self._placements[stage.name].tracking_uri),
        }
        return JobRequest(stage.name, asked, self._recipe, files, environment)

    def _roots(self, stage: Stage) -> dict[str, str]:
        """Where a pod finds a user's own media: stores by their address, folders where they are mounted."""
        return stores(Workspace.find()) | job_spec.media_paths(self._placements[stage.name])

    def _send(self, stage: Stage, order: JobRequest) -> None:
        """Put those inputs into the remote that neither a stage nor the image brings there."""
        for path in stage.deps:
            if path not in self.graph.maker and not is_lock(path):
                self._patiently(partial(self._send_source, stage.name, path, order.asked.deps[path].md5))

    def _send_source(self, name: str, path: str, md5: str) -> None:
        if not self.remote.holds([md5]):
            self.exchange.push_source(name, path)

    def _submit(self, order: JobRequest, placement: Placement, line: Callable[[str], None], *, force: bool) -> str:
        """Have the Job that is asked for in the cluster, with all that belongs to it; returns its uid."""
        namespace = self._cluster.namespace
        found = self._cluster.job(order.name)
        if found is not None and (found.metadata.deletion_timestamp or result(found) in REPLACED[force]):
            self._cluster.delete_job(order.name)
            self._cluster.await_end(order.name)
        if self._cluster.create_job(job_spec.job(order, placement, namespace)):
            line(f"kubernetes: made the Job {order.name}")
        else:
            line(f"kubernetes: the Job {order.name} is there already: going on with it")
        found = self._cluster.job(order.name)
        if found is None:
            raise errors.Retryable(f"the Job {order.name} was deleted as soon as it was made")
        owner = job_spec.owner(found.metadata.uid, order.name)
        self._cluster.create(job_spec.config_map(order, namespace, owner))
        if placement.nodes > 1:
            self._cluster.create(job_spec.service(order, namespace, owner))
        return str(found.metadata.uid)

    def _follow(self, name: str, uid: str, follower: JobWatcher) -> JobStatus:
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

    def _collect(self, stage: Stage, order: JobRequest, md5: str) -> Entry:
        """The entry that the pod pushed; raises Refused if it is not of what was asked for, or lacks an output."""
        entry, asked = self._patiently(lambda: self.exchange.entry(md5)), order.asked
        if entry is None:
            raise RefusedEntry(f"{stage.name}: what the remote has as the lock entry {md5} has another hash")
        faults = [] if entry.cmd == asked.cmd else ["the command is another"]
        faults += [] if entry.params == asked.params else ["the parameters are others"]
        given = {path: item.md5 for path, item in entry.deps.items()}
        faults += [] if given == {path: item.md5 for path, item in asked.deps.items()} else ["the inputs are others"]
        faults += [] if set(entry.outs) == set(stage.outs) else ["the outputs are others"]
        faults += [
            f"{path} is not whole in the remote" for path in self._patiently(lambda: self.remote.missing(entry.outs))
        ]
        if faults:
            raise RefusedEntry(f"{stage.name}: the lock entry {md5} is refused: {', '.join(faults)}")
        return entry

    def _patiently(self, call: Callable[[], Found]) -> Found:
        return patiently(call, self.stopping)


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
