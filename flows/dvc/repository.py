"""The DVC repository of a checkout: reads the stages, says what is where, and records results.

`dvc.repo.Repo` is not a public interface: it is pinned, and tests/flows/dvc/test_repository.py holds it to its use.
What this writes (dvc.lock, cache, run-cache) is what `dvc repro` would write. dvc.yaml is read once per `Repository`;
every method may be called from any thread; the current folder must be the root of the checkout.
A kill at any moment leaves nothing that the next `Repository` cannot work with: dvc.lock is replaced whole.
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
from flows.dvc.determinism import Value, Values
from flows.dvc.listings import listing
from flows.dvc.objects import cached, copied
from flows.dvc.parameters import Parameters
from flows.dvc.remote import Remote
from flows.dvc.terms import Prepared, fill, in_words, plain
from flows.graph.graph import Entry, Graph, Item
from flows.graph.lockfile import entry_of, lines_of, parsed, text_of
from flows.graph.untrusted import Untrusted, digest

Answer = TypeVar("Answer")
Place = Literal["workspace", "cache", "remote"]


class Repository:
    """The DVC repository of a checkout. Faults that a user can mend are ValueErrors."""

    def __init__(self, root: Path):
        logging.getLogger("dvc").setLevel(logging.WARNING)
        self._guard = threading.RLock()
        self._silent = False  # of the remote: it did not answer
        self._relies = False  # on the remote
        with in_words():
            self._repo = checkout.opened(root)
            self._lockfile = root / "dvc.lock"
            with lock_repo(self._repo):
                locks.forget_dead(Path(self._repo.tmp_dir) / "rwlock")
                (index := self._repo.index).check_graph()
                parents = {stage: list(index.graph.successors(stage)) for stage in index.graph}
                self.pinned = pins.read(self._repo)  # for the rest of the bridge only
            self.pins = pins.items(self.pinned)  # path -> item of what no stage makes and DVC holds
            made = {stage: [p for p in above if p.cmd] for stage, above in parents.items() if stage.cmd}
            self._names = {stage.name: sorted(p.name for p in above) for stage, above in made.items()}
            self._stages = {stage.name: stage for stage in index.stages if stage.path == str(root / "dvc.yaml")}
            self._parameters = Parameters()
            self._recorded: dict[str, Any] = self._read_lockfile()
        self._values = Values(self, root / ".videopoet/values")

    def graph(self) -> Graph:
        """The stages as they are now; raises ValueError naming a parameter that params.yaml lacks."""
        with self.held():
            stages = self._stages.values()
            return Graph.of(plain(stage, self._names[stage.name], self._parameters.of) for stage in stages)

    def commands(self) -> dict[str, str]:
        """Stage -> command, before any parameter is looked at."""
        return {name: text_of(stage.cmd) for name, stage in self._stages.items()}

    def recorded(self, name: str) -> Entry | None:
        """The stage's entry in dvc.lock."""
        raw = self._recorded.get(name)
        return entry_of(raw) if raw else None

    def item(self, name: str, path: str) -> Item | None:
        """What lies in the workspace at an input or output of stage `name`, or None; a pin is what its hash says."""
        if path in self.pins:
            return self.pins[path]
        with self.held():
            stage = self._load(name)
            found = next(thing for thing in (*stage.deps, *stage.outs) if thing.def_path == path)
            if not found.exists:
                return None
            meta = found.get_meta()
            return Item(found.get_hash().value, meta.size, meta.nfiles, meta.isexec and not meta.isdir)

    def place(self, name: str, outs: Mapping[str, Item]) -> Place | None:
        """The nearest place that holds all of `outs`, outputs of stage `name`. Pulls no data."""
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

    def find(self, name: str, deps: Mapping[str, Item]) -> Entry | None:
        """The run-cache's entry, local or remote, for the stage as it is now if its inputs were `deps`."""
        with self.held():
            stage = self._load(name)
            for dep in stage.deps:
                if isinstance(dep, ParamsDependency):
                    dep.fill_values(self._parameters.of(dep))
                else:
                    fill(dep, deps[dep.def_path])
            return self._entry(stage, "cache") or self._entry(stage, "remote")

    def checkout(self, name: str) -> None:
        """Bring the recorded outputs of a stage from the cache or the remote into the workspace."""
        with self.held():
            if missing := checkout.bring(self._load(name).outs, self._repo, self.remote):
                words = f"{', '.join(missing)} is neither in the cache nor in the remote"
                raise errors.Retryable(words) if self.remote else ValueError(words)

    def restore(self, name: str, place: Place) -> Entry | None:
        """Bring the run-cache's outputs for the stage's present inputs into the workspace; None if they are not there.

        `place` is where `find` and `place` saw them.
        """
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

    def prepare(self, name: str) -> Prepared:
        """Remove the stage's outputs, bring its pins and note its inputs; raises ValueError if one is missing."""
        with self.held():
            stage = self._load(name)
            pins.bring(self.pinned, stage, self._repo, self.remote)
            stage.remove_outs()
            stage.save_deps()
            return Prepared(name, stage)

    def record(self, prepared: Prepared, machine: Mapping[str, Any]) -> Entry:
        """Cache the outputs that now exist, made on this class of machine, and write the stage's entry.

        Raises ValueError if an output is missing, Nondeterministic, and records nothing, if there were others before.
        """
        with self.held():
            stage = prepared.handle
            stage.save_outs()
            if not run_cache.is_left_out(stage):
                trees = {out.def_path: out.obj for out in stage.outs}
                value = Value(entry_of(to_single_stage_lockfile(stage)), machine)
                self._values.add(stage.name, value, lambda out: determinism.files(trees[out]))
            return self._record(stage)

    def adopt(self, name: str, entry: Entry, machine: Mapping[str, Any] | None = None) -> Entry:
        """Write down what was made elsewhere; an output in the workspace that `entry` does not speak of is removed.

        What a stage has just made on a class of machine may raise Nondeterministic, as `record` does.
        """
        with self.held():
            stage = self._load(name)
            if machine is not None and not run_cache.is_left_out(stage):
                self._values.add(name, Value(entry, machine), lambda out: listing(self, entry.outs[out].md5))
            StageLoader.fill_from_lock(stage, lines_of(entry))
            for out in stage.outs:
                if out.exists and out.changed_checksum():
                    out.remove()
            return self._write(stage)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Have the repository to oneself for a block. Every method does so; round many calls it saves time."""
        with self._guard, in_words(), lock_repo(self._repo), self._repo.scm_context(quiet=True):
            yield

    @property
    def dvc(self) -> Repo:
        """DVC's own repository; for the rest of the bridge only."""
        return self._repo

    @contextmanager
    def opened(self, name: str) -> Iterator[PipelineStage]:
        """DVC's own stage, filled from its entry, for a block; for the rest of the bridge only."""
        with self.held():
            yield self._load(name)

    def _record(self, stage: PipelineStage) -> Entry:
        if all(out.use_cache or out.is_metric or out.is_plot for out in stage.outs):
            self._repo.stage_cache.save(stage)
        stage.commit()
        return self._write(stage)

    def _write(self, stage: PipelineStage) -> Entry:
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
        """A stage of one's own, filled from its entry. A copy: DVC takes milliseconds to make one from dvc.yaml."""
        stage, raw = copy(self._stages[name]), self._recorded.get(name)
        stage.deps, stage.outs = ([copy(thing) for thing in things] for things in (stage.deps, stage.outs))
        for thing in (*stage.deps, *stage.outs):
            thing.stage = stage
        StageLoader.fill_from_lock(stage, raw)
        stage.cmd_changed = raw is not None and raw["cmd"] != stage.cmd
        return stage

    @cached_property
    def remote(self) -> Remote | None:
        """The default remote, if one is configured; raises ValueError if it is configured wrongly."""
        with self.held():
            return Remote(self._repo) if self._repo.config["core"].get("remote") else None

    def rely_on_remote(self) -> Remote:
        """The default remote: that it does not answer is from now on a fault that may pass, not an answer.

        Raises ValueError if there is none.
        """
        if self.remote is None:
            raise ValueError("machines meet in a DVC remote, and there is none: `dvc remote add -d NAME URL`")
        self._relies = True
        return self.remote

    def push(self, names: Iterable[str]) -> None:
        """Push the recorded outputs and run-cache entries of stages; raises errors.Retryable."""
        if self.remote:
            entries = [self._recorded[name] for name in names]
            self.remote.push(entries)
            self._values.push(self.remote, map(entry_of, entries))

    def copy(self, md5: str, target: Path) -> bool:
        """Copy the object of this hash from the cache or the remote to a file; False if neither has it.

        Raises Untrusted if the remote's is not what its hash says; such a one of the cache is removed from it.
        """
        cache = self._repo.cache.local
        try:
            if copied(cache, md5, target, "the cache"):
                return True
        except Untrusted:
            cache.delete(digest(md5, "the cache"))
        return bool(self.ask(lambda remote: remote.copy(md5, target)))

    def holds(self, md5: str) -> bool:
        """Whether the cache or the remote has a whole output of this hash."""
        return cached(self._repo.cache.local, md5) is not None or bool(self.ask(lambda remote: remote.holds([md5])))

    def ask(self, question: Callable[[Remote], Answer]) -> Answer | None:
        """The remote's answer; None if there is no remote, or none that answers, unless all relies on it."""
        if self.remote is None or self._silent:
            return None
        try:
            return question(self.remote)
        except errors.Retryable as error:
            if self._relies:
                raise
            self._silent = True  # a remote that is not there may take a minute to say so
            _warn(f"{error}; going on without it")
            return None

    def _entry(self, stage: PipelineStage, place: Place) -> Entry | None:
        """Look the stage up in the run-cache of this machine, or of the remote; raises Untrusted if it is another's."""
        if (key := run_cache.key(stage)) and place == "remote":
            text = self.ask(lambda remote: remote.run(key))
            entry = parsed(text) if text else None
        else:
            raw = run_cache.found(self._repo.stage_cache, key)
            entry = entry_of(raw) if raw else None
        if entry and entry.outs.keys() != {out.def_path for out in stage.outs}:
            raise Untrusted(f"the run-cache's entry for {stage.name} is refused: it is of other outputs")
        return entry


@cache
def _warn(words: str) -> None:
    """Once in a process, though it may read the repository several times."""
    logging.getLogger(__name__).warning(words)
