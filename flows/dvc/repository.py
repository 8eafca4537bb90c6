"""The DVC repository of a checkout: reads stages, locates artifacts, and records results.

`dvc.repo.Repo` is not a public interface: its version is pinned, and tests/flows/dvc/test_repository.py is a contract
test. Everything written (dvc.lock, cache, run-cache) equals what `dvc repro` would write. dvc.yaml is read once per
`Repository`; any thread may call any method; the current folder must be the root of the checkout. A kill at any moment
leaves a usable repository: dvc.lock is replaced atomically.
"""

import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from copy import copy
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Literal, TypeVar

from dvc.dependency import ParamsDependency
from dvc.repo import Repo, lock_repo
from dvc.stage import PipelineStage
from dvc.stage.loader import StageLoader
from dvc.stage.serialize import to_single_stage_lockfile
from dvc.utils.serialize import dumps_yaml, load_yaml

from components.common import errors
from components.common.artifacts import replace_file
from flows.dvc import checkout, determinism, locks, pins, run_cache
from flows.dvc.determinism import DeterminismRecord, DeterminismStore
from flows.dvc.listings import listing
from flows.dvc.objects import cached, copied
from flows.dvc.parameters import Parameters
from flows.dvc.remote import Remote
from flows.dvc.terms import PreparedStage, fill, plain, readable_errors
from flows.graph.graph import Artifact, Graph, LockEntry
from flows.graph.lockfile import entry_of, lines_of, parsed, text_of
from flows.graph.untrusted import Untrusted, digest

Answer = TypeVar("Answer")
Place = Literal["workspace", "cache", "remote"]


class Repository:
    """The DVC repository of a checkout. Errors that a user can fix are ValueErrors."""

    def __init__(self, root: Path):
        logging.getLogger("dvc").setLevel(logging.WARNING)
        self._guard = threading.RLock()
        self._is_remote_down = False
        self._needs_remote = False
        with readable_errors():
            self._repo = checkout.opened(root)
            self._lockfile = root / "dvc.lock"
            with lock_repo(self._repo):
                locks.drop_stale(Path(self._repo.tmp_dir) / "rwlock")
                (index := self._repo.index).check_graph()
                parents = {stage: list(index.graph.successors(stage)) for stage in index.graph}
                self.pinned = pins.read(self._repo)  # for this package only
            self.pins = pins.items(self.pinned)  # path -> artifact of outputs tracked by `.dvc` files
            made = {stage: [p for p in above if p.cmd] for stage, above in parents.items() if stage.cmd}
            self._names = {stage.name: sorted(p.name for p in above) for stage, above in made.items()}
            self._stages = {stage.name: stage for stage in index.stages if stage.path == str(root / "dvc.yaml")}
            self._parameters = Parameters()
            self._recorded: dict[str, Any] = self._read_lockfile()
        self._values = DeterminismStore(self, root / ".videopoet/values")

    def graph(self) -> Graph:
        """Return the present graph; raises ValueError naming a parameter that params.yaml lacks."""
        with self.held():
            stages = self._stages.values()
            return Graph.of(plain(stage, self._names[stage.name], self._parameters.of) for stage in stages)

    def commands(self) -> dict[str, str]:
        """Return stage -> command, without reading parameters."""
        return {name: text_of(stage.cmd) for name, stage in self._stages.items()}

    def recorded(self, name: str) -> LockEntry | None:
        """Return the stage's entry in dvc.lock."""
        raw = self._recorded.get(name)
        return entry_of(raw) if raw else None

    def item(self, name: str, path: str) -> Artifact | None:
        """Return the present artifact at an input or output of stage `name`, or None; pins count by their hash."""
        if path in self.pins:
            return self.pins[path]
        with self.held():
            stage = self._load(name)
            found = next(thing for thing in (*stage.deps, *stage.outs) if thing.def_path == path)
            if not found.exists:
                return None
            meta = found.get_meta()
            return Artifact(found.get_hash().value, meta.size, meta.nfiles, meta.isexec and not meta.isdir)

    def place(self, name: str, outs: Mapping[str, Artifact]) -> Place | None:
        """Return the nearest place that has all of `outs`, outputs of stage `name`. Pulls no data."""
        with self.held():
            stage = self._load(name)
            for out in stage.outs:
                fill(out, outs[out.def_path])
            if all(out.exists and not out.changed_checksum() for out in stage.outs):
                return "workspace"
            hashes = [out.hash_info.value for out in stage.outs]
            if all(cached(self._repo.cache.local, md5) is not None for md5 in hashes):
                return "cache"
            return "remote" if self.ask(lambda remote: remote.holds(hashes)) else None

    def find(self, name: str, deps: Mapping[str, Artifact]) -> LockEntry | None:
        """Return the run-cache's entry, local or remote, for the present stage with the inputs `deps`."""
        with self.held():
            stage = self._load(name)
            for dep in stage.deps:
                if isinstance(dep, ParamsDependency):
                    dep.fill_values(self._parameters.of(dep))
                else:
                    fill(dep, deps[dep.def_path])
            return self._entry(stage, "cache") or self._entry(stage, "remote")

    def checkout(self, name: str) -> None:
        """Check out the recorded outputs of a stage from the cache or the remote into the workspace."""
        with self.held():
            if missing := checkout.bring(self._load(name).outs, self._repo, self.remote):
                words = f"{', '.join(missing)} is neither in the cache nor in the remote"
                raise errors.Retryable(words) if self.remote else ValueError(words)

    def restore(self, name: str, place: Place) -> LockEntry | None:
        """Restore the run-cache's outputs for the stage's present inputs, located at `place`; None if missing."""
        with self.held():
            stage = self._load(name)
            pins.bring(self.pinned, stage, self._repo, self.remote)
            stage.save_deps()
            entry = self._entry(stage, place)
            if entry is None:
                return None
            for out in stage.outs:
                fill(out, entry.outs[out.def_path])
            if checkout.bring(stage.outs, self._repo, self.remote):
                return None
            stage.save_outs()
            return self._record(stage)

    def prepare(self, name: str) -> PreparedStage:
        """Remove the stage's outputs, check out its pins and hash its inputs; raises ValueError if one is missing."""
        with self.held():
            stage = self._load(name)
            pins.bring(self.pinned, stage, self._repo, self.remote)
            stage.remove_outs()
            stage.save_deps()
            return PreparedStage(name, stage)

    def record(self, prepared: PreparedStage, machine: Mapping[str, Any]) -> LockEntry:
        """Cache the outputs, computed on the platform `machine`, and write the entry.

        Raises ValueError if an output is missing, and Nondeterministic, recording nothing, if outputs differ from
        before.
        """
        with self.held():
            stage = prepared.handle
            stage.save_outs()
            if not run_cache.is_left_out(stage):
                trees = {out.def_path: out.obj for out in stage.outs}
                value = DeterminismRecord(entry_of(to_single_stage_lockfile(stage)), machine)
                self._values.add(stage.name, value, lambda out: determinism.files(trees[out]))
            return self._record(stage)

    def adopt(self, name: str, entry: LockEntry, machine: Mapping[str, Any] | None = None) -> LockEntry:
        """Record an entry that was computed elsewhere; other outputs in the workspace are removed.

        With `machine`, the platform of a fresh result, it may raise Nondeterministic, as `record` does.
        """
        with self.held():
            stage = self._load(name)
            if machine is not None and not run_cache.is_left_out(stage):
                self._values.add(
                    name, DeterminismRecord(entry, machine), lambda out: listing(self, entry.outs[out].md5)
                )
            StageLoader.fill_from_lock(stage, lines_of(entry))
            for out in stage.outs:
                if out.exists and out.changed_checksum():
                    out.remove()
            return self._write(stage)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Lock the repository for a block. Every method does so; one lock for many calls saves time."""
        with self._guard, readable_errors(), lock_repo(self._repo), self._repo.scm_context(quiet=True):
            yield

    @property
    def dvc(self) -> Repo:
        """DVC's own repository; for this package only."""
        return self._repo

    @contextmanager
    def opened(self, name: str) -> Iterator[PipelineStage]:
        """Yield DVC's own stage, filled from its entry; for this package only."""
        with self.held():
            yield self._load(name)

    def _record(self, stage: PipelineStage) -> LockEntry:
        if all(out.use_cache or out.is_metric or out.is_plot for out in stage.outs):
            self._repo.stage_cache.save(stage)
        stage.commit()
        return self._write(stage)

    def _write(self, stage: PipelineStage) -> LockEntry:
        raw = to_single_stage_lockfile(stage)
        document = {"schema": "2.0"} | (load_yaml(self._lockfile) if self._lockfile.exists() else {})
        document["stages"] = {**document.get("stages", {}), stage.name: raw}
        replace_file(self._lockfile, dumps_yaml(document).encode())
        self._recorded = self._read_lockfile()
        return entry_of(raw)

    def _read_lockfile(self) -> dict[str, Any]:
        if not self._lockfile.exists():
            return {}
        stages: dict[str, Any] = load_yaml(self._lockfile).get("stages", {})
        return stages

    def _load(self, name: str) -> PipelineStage:
        """Return a fresh copy of a stage, filled from its entry: parsing dvc.yaml again would take milliseconds."""
        stage, raw = copy(self._stages[name]), self._recorded.get(name)
        stage.deps, stage.outs = ([copy(thing) for thing in things] for things in (stage.deps, stage.outs))
        for thing in (*stage.deps, *stage.outs):
            thing.stage = stage
        StageLoader.fill_from_lock(stage, raw)
        stage.cmd_changed = raw is not None and raw["cmd"] != stage.cmd
        return stage

    @cached_property
    def remote(self) -> Remote | None:
        """The default remote, if one is configured; raises ValueError if it is misconfigured."""
        with self.held():
            return Remote(self._repo) if self._repo.config["core"].get("remote") else None

    def require_remote(self) -> Remote:
        """Return the default remote, from now on required to answer; raises ValueError if there is none."""
        if self.remote is None:
            raise ValueError(
                "stages in a cluster need a DVC remote, and there is none: add one with `dvc remote add -d NAME URL`"
            )
        self._needs_remote = True
        return self.remote

    def push(self, names: Iterable[str]) -> None:
        """Push the recorded outputs and run-cache entries of stages; raises errors.Retryable."""
        if self.remote:
            entries = [self._recorded[name] for name in names]
            self.remote.push(entries)
            self._values.push(self.remote, map(entry_of, entries))

    def copy(self, md5: str, target: Path) -> bool:
        """Copy the object of this hash from the cache or the remote to a file; False if neither has it.

        Raises Untrusted if the remote's content does not match the hash; an altered object of the cache is removed from
        it.
        """
        cache = self._repo.cache.local
        try:
            if copied(cache, md5, target, "the cache"):
                return True
        except Untrusted:
            cache.delete(digest(md5, "the cache"))
        return bool(self.ask(lambda remote: remote.copy(md5, target)))

    def holds(self, md5: str) -> bool:
        """Return True if the cache or the remote has a complete output of this hash."""
        return cached(self._repo.cache.local, md5) is not None or bool(self.ask(lambda remote: remote.holds([md5])))

    def ask(self, question: Callable[[Remote], Answer]) -> Answer | None:
        """Return the remote's answer; None if there is no remote, or it is unreachable and not required."""
        if self.remote is None or self._is_remote_down:
            return None
        try:
            return question(self.remote)
        except errors.Retryable as error:
            if self._needs_remote:
                raise
            self._is_remote_down = True  # a further try may block for a minute
            _warn(f"{error}; continuing without it")
            return None

    def _entry(self, stage: PipelineStage, place: Place) -> LockEntry | None:
        """Look up the stage in the run-cache of this machine or of the remote; raises Untrusted for foreign outputs."""
        if (key := run_cache.key(stage)) and place == "remote":
            text = self.ask(lambda remote: remote.run(key))
            entry = parsed(text) if text else None
        else:
            raw = run_cache.found(self._repo.stage_cache, key)
            entry = entry_of(raw) if raw else None
        if entry and entry.outs.keys() != {out.def_path for out in stage.outs}:
            raise Untrusted(f"the run-cache's entry for {stage.name} is refused: it has other outputs")
        return entry


@cache
def _warn(words: str) -> None:
    """Warn once per process, although it may read the repository several times."""
    logging.getLogger(__name__).warning(words)
