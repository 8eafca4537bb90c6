"""The executor for a cluster: a stage is a Job. Inputs come from the DVC remote, outputs go there.

Only the lock entry of a stage comes into this checkout: the pod pushed it, and the Job's termination message names its
hash. The entry is checked against the request and against the remote, then written to dvc.lock. A Job is named after
its request: a restarted coordinator finds it again, and two coordinators with equal requests share one Job.
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
from flows.dvc.handoff import RemoteHandoff, lock
from flows.dvc.repository import Repository
from flows.execution.budget import ResourceNeeds
from flows.execution.executor import StageResult
from flows.execution.plan import Decision
from flows.graph.graph import Artifact, Graph, LockEntry, Stage
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
from flows.machine.retry import with_retries
from flows.machine.workspace import GRAPH, PARAMS, Workspace
from flows.runs import run_records
from flows.runs.sources import stores

REPLACED = {False: ("Failed",), True: ("Failed", "Complete")}  # is forced -> final states of a Job that is replaced

Found = TypeVar("Found")


class RefusedEntry(ValueError):
    """The lock entry that a pod pushed does not match its request, or its outputs are incomplete."""


class KubernetesExecutor:
    """Runs stages in a cluster. Any thread may call; `stop` may be called from a signal handler."""

    kept: Literal["pushed"] = "pushed"  # outcome of a successful `keep`
    leaves_outputs = False  # pods push them

    def __init__(self, repository: Repository, graph: Graph, stages: Sequence[Stage]):
        self.repository, self.graph = repository, graph
        self.stopping = Event()
        self.handoff = RemoteHandoff(repository)
        self.remote = self.handoff.remote
        placements = Placements.read()
        self._placements = {stage.name: placements.of(stage) for stage in stages}
        self._cluster = Cluster(placements.namespace, self.stopping)
        self._informer = Informer(self._cluster)
        self._params, self._graph = Path(PARAMS).read_text(), Path(GRAPH).read_text()
        sources = {stage.name: LockEntry(stage.cmd, stage.params, self._sources(stage), {}) for stage in stages}
        self._recipe = run_records.identity(graph, sources).recipe

    def stop(self) -> None:
        """Delete every Job that this executor watches; its callers get Interrupted."""
        self.stopping.set()
        self._informer.wake()

    def close(self) -> None:
        """Close the connections to the cluster; its Jobs stay."""
        self._informer.close()

    def keep(self, stage: Stage, decision: Decision) -> bool:
        """Push the result of an up-to-date stage to the remote, for pods to read; False if it was there."""
        assert decision.entry is not None
        hashes = [item.md5 for item in decision.entry.outs.values()]
        with _failing_stage(stage):
            if self._with_retries(lambda: self.remote.holds(hashes)):
                return False
            self._with_retries(lambda: self.repository.push([stage.name]))
            return True

    def restore(self, stage: Stage, decision: Decision) -> LockEntry | None:
        """Record a result from the run-cache; None if the remote no longer has all of it.

        A result that only this machine has is pushed.
        """
        assert decision.entry is not None
        outs = decision.entry.outs
        if decision.place == "remote":
            with _failing_stage(stage):
                if self._with_retries(lambda: self.remote.missing(outs)):
                    return None
        entry = self.repository.adopt(stage.name, decision.entry)
        self.keep(stage, decision)
        return entry

    def completing(self, name: str) -> AbstractContextManager[None]:
        """Bring stage `name` up to date within the block; stages wait only for their parents."""
        return nullcontext()

    @contextmanager
    def turn(self, stage: Stage) -> Iterator[None]:
        """Run a stage within the block; raises Interrupted if the run was stopped. The cluster does the queueing."""
        if self.stopping.is_set():
            raise Interrupted
        yield

    def needs(self, stage: Stage) -> ResourceNeeds:
        """Return the resources that a stage holds while its pods are on nodes."""
        placement = self._placements[stage.name]
        pods = max(placement.nodes, min(placement.parts, placement.parallelism))
        return ResourceNeeds(placement.gpus * pods, placement.grace_s)

    def run(self, stage: Stage, tracked: Mapping[str, str], monitor: StageMonitor, *, force: bool) -> StageResult:
        """Run a stage in the cluster.

        Raises StageFailed if it failed, Interrupted if it was stopped, and Nondeterministic (a ValueError) if its
        outputs differ from those of equal work before.
        """
        request, placement = self._request(stage, tracked), self._placements[stage.name]
        shared = ProcessResult()
        with _failing_stage(stage):
            self._send(stage, request)
            if placement.parts > 1 and self._cluster.job(request.name) is None:
                shared = self._run_job(
                    stage, replace(request, parts=placement.parts), monitor, force=force
                ).message.took
            ended = self._run_job(stage, request, monitor, force=force)
            try:
                entry, machine = self._collect(stage, request, ended.message.entry), ended.message.numerics
                entry = self._with_retries(lambda: self.repository.adopt(stage.name, entry, machine))
            except (Interrupted, RefusedEntry):
                self._cluster.delete_job(request.name)
                raise
        took = shared.then(ended.message.took)
        at_least_s = placement.gpus * placement.nodes * ended.message.took.seconds
        gpu_s = max(monitor.gpu_s, at_least_s)  # the monitor missed the start of a Job that existed before
        return StageResult(entry, replace(took, gpu_s=gpu_s), machine)

    def _run_job(self, stage: Stage, request: JobRequest, monitor: StageMonitor, *, force: bool) -> JobStatus:
        """Run a Job to its end; raises StageFailed if it failed."""
        placement = self._placements[stage.name]
        watcher = JobWatcher(self._cluster, monitor, placement.gpus)
        try:
            uid = self._submit(request, placement, monitor, force=force)
            ended = self._follow(request.name, uid, watcher)
        except Interrupted:
            self._cluster.delete_job(request.name)
            raise
        finally:
            watcher.close()
            monitor.hold(0)
        if ended.phase == "failed":
            if ended.code == errors.RETRY:  # its status may not tell everything: start again
                self._cluster.delete_job(request.name)
            raise StageFailed(stage.name, ended.code, ended.text)
        return ended

    def _sources(self, stage: Stage) -> dict[str, Artifact]:
        """Return the inputs of a stage that no stage produces."""
        items = {path: self.repository.item(stage.name, path) for path in stage.deps if path not in self.graph.producer}
        if missing := [path for path, item in items.items() if item is None]:
            raise ValueError(f"{', '.join(missing)}, an input of {stage.name}, is missing")
        return {path: item for path, item in items.items() if item is not None}

    def _request(self, stage: Stage, tracked: Mapping[str, str]) -> JobRequest:
        deps = self._sources(stage)
        for path in stage.deps:
            if path in self.graph.producer:
                parent = self.repository.recorded(self.graph.producer[path])
                assert parent is not None, f"{stage.name} runs after the stage that produces {path}"
                deps[path] = parent.outs[path]
        requested = LockEntry(stage.cmd, stage.params, {path: deps[path] for path in stage.deps}, {})
        files = {
            GRAPH: self._graph,
            PARAMS: self._params,
            LOCK: lock(stage.name, requested),
            CONFIG: self.handoff.config(),
            ROOTS: json.dumps(self._media_roots(stage)),
        }
        environment = {
            "OMP_NUM_THREADS": str(stage.threads),
            "PYTHONUNBUFFERED": "1",
            "MLFLOW_DISABLE_TELEMETRY": "true",
            **_tracking_variables(tracked, self._placements[stage.name].tracking_uri),
        }
        return JobRequest(stage.name, requested, self._recipe, files, environment)

    def _media_roots(self, stage: Stage) -> dict[str, str]:
        """Return the places of the user's media for a pod: addresses of stores, mount paths of folders."""
        return stores(Workspace.find()) | job_spec.media_paths(self._placements[stage.name])

    def _send(self, stage: Stage, request: JobRequest) -> None:
        """Push the inputs that are neither a stage's output nor part of the image."""
        for path in stage.deps:
            if path not in self.graph.producer and not is_lock(path):
                self._with_retries(partial(self._send_source, stage.name, path, request.requested.deps[path].md5))

    def _send_source(self, name: str, path: str, md5: str) -> None:
        if not self.remote.holds([md5]):
            self.handoff.push_source(name, path)

    def _submit(self, request: JobRequest, placement: Placement, line: Callable[[str], None], *, force: bool) -> str:
        """Create the requested Job and its objects unless they exist; returns the Job's uid."""
        namespace = self._cluster.namespace
        found = self._cluster.job(request.name)
        if found is not None and (found.metadata.deletion_timestamp or result(found) in REPLACED[force]):
            self._cluster.delete_job(request.name)
            self._cluster.await_end(request.name)
        if self._cluster.create_job(job_spec.job(request, placement, namespace)):
            line(f"kubernetes: created the Job {request.name}")
        else:
            line(f"kubernetes: the Job {request.name} already exists: continuing with it")
        found = self._cluster.job(request.name)
        if found is None:
            raise errors.Retryable(f"the Job {request.name} was deleted right after its creation")
        owner = job_spec.owner(found.metadata.uid, request.name)
        self._cluster.create(job_spec.config_map(request, namespace, owner))
        if placement.nodes > 1:
            self._cluster.create(job_spec.service(request, namespace, owner))
        return str(found.metadata.uid)

    def _follow(self, name: str, uid: str, watcher: JobWatcher) -> JobStatus:
        """Follow a Job to its end."""
        while True:
            version, job, pods = self._informer.of(name)
            if self.stopping.is_set():
                raise Interrupted
            now = watcher.see(job, pods, uid)
            if now.over:
                return now
            if not self._informer.await_change(version, watcher.timeout_s()) and self._cluster.job(name) is None:
                return GONE

    def _collect(self, stage: Stage, request: JobRequest, md5: str) -> LockEntry:
        """Return the entry that the pod pushed; raises RefusedEntry if it is not the requested one or incomplete."""
        entry, requested = self._with_retries(lambda: self.handoff.entry(md5)), request.requested
        if entry is None:
            raise RefusedEntry(f"{stage.name}: the remote's lock entry {md5} has another hash")
        faults = [] if entry.cmd == requested.cmd else ["the command differs"]
        faults += [] if entry.params == requested.params else ["the parameters differ"]
        given = {path: item.md5 for path, item in entry.deps.items()}
        faults += [] if given == {path: item.md5 for path, item in requested.deps.items()} else ["the inputs differ"]
        faults += [] if set(entry.outs) == set(stage.outs) else ["the outputs differ"]
        faults += [
            f"{path} is incomplete in the remote"
            for path in self._with_retries(lambda: self.remote.missing(entry.outs))
        ]
        if faults:
            raise RefusedEntry(f"{stage.name}: the lock entry {md5} is refused: {', '.join(faults)}")
        return entry

    def _with_retries(self, call: Callable[[], Found]) -> Found:
        return with_retries(call, self.stopping)


def _tracking_variables(tracked: Mapping[str, str], uri: str) -> dict[str, str]:
    """Return the MLflow variables for a pod; none if this run's store is a local file."""
    is_shared = not tracked.get("VIDEOPOET_TRACKING_URI", "sqlite:").startswith("sqlite:")
    return {**tracked, "VIDEOPOET_TRACKING_URI": uri} if is_shared and uri else {}


@contextmanager
def _failing_stage(stage: Stage) -> Iterator[None]:
    """Raise a temporary failure that outlasted all retries as a retryable failure of the stage."""
    try:
        yield
    except errors.Retryable as error:
        raise StageFailed(stage.name, errors.RETRY, str(error)) from error
