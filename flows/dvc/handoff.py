"""Exchange between a coordinator and its pods through the DVC remote: inputs by hash, lock entries, settings.

A pod pushes outputs, then the run-cache entry, then the lock entry as an object named by its hash: whoever finds one of
the entries finds complete outputs. A failing remote is a temporary failure: `errors.Retryable`.
"""

from dvc.dependency import ParamsDependency
from dvc.utils.serialize import dumps_yaml
from dvc_data.hashfile.build import build

from components.common import errors
from flows.dvc import checkout, determinism, pins
from flows.dvc.repository import Repository
from flows.graph.graph import LockEntry
from flows.graph.lockfile import lines_of, parsed
from flows.graph.modules import is_lock

PLAIN_SETTINGS = ("url", "endpointurl", "region", "ssl_verify")  # settings of a remote; any other may be a secret


class RemoteHandoff:
    """Handoff through the default remote; raises ValueError if there is none. Any thread may call."""

    def __init__(self, repository: Repository):
        self._repository, self.remote = repository, repository.require_remote()

    def config(self) -> str:
        """Return DVC's configuration of a checkout without git that uses this remote; contains no secret."""
        name = self._repository.dvc.config["core"]["remote"]
        core = ["analytics = false", "autostage = false", "no_scm = true", f"remote = {name}"]
        settings = self._repository.dvc.config["remote"][name]
        remote = [f'{key} = "{settings[key]}"' for key in PLAIN_SETTINGS if key in settings] + ["verify = true"]
        links = "type = reflink,hardlink,copy"  # so that a pod's disk does not hold files twice
        return "\n".join(["[core]", *core, "[cache]", links, f"['remote \"{name}\"']", *remote, ""])

    def push_source(self, name: str, path: str) -> None:
        """Push an input of stage `name` that no stage produces."""
        with self._repository.opened(name) as stage:
            pins.bring(self._repository.pinned, stage, self._repository.dvc, self.remote)
            source = next(dep for dep in stage.deps if dep.def_path == path)
            ignored = self._repository.dvc.dvcignore
            staging, _, made = build(self._repository.dvc.cache.local, source.fs_path, source.fs, "md5", ignore=ignored)
            self.remote.receive(staging, {made.oid, *determinism.files(made).values()})

    def pull_inputs(self, name: str) -> None:
        """Check out the inputs that dvc.lock names, except code locks, which come with the code."""
        with self._repository.opened(name) as stage:
            deps = [dep for dep in stage.deps if not isinstance(dep, ParamsDependency) and not is_lock(dep.def_path)]
            for dep in deps:
                dep.use_cache = True  # so that DVC treats it like an output
            if missing := checkout.bring(deps, self._repository.dvc, self.remote):
                raise errors.Retryable(f"{', '.join(missing)} of {self.remote.place} could not be read")

    def push_entry(self, name: str) -> str:
        """Push the recorded lock entry of a stage; returns its hash."""
        entry = self._repository.recorded(name)
        assert entry is not None, f"{name} was recorded"
        return self.remote.add(dumps_yaml(lines_of(entry)).encode())

    def entry(self, md5: str) -> LockEntry | None:
        """Return the lock entry with hash `md5`; None if the remote's object has another hash."""
        content = self.remote.content(md5)
        return None if content is None else parsed(content.decode(errors="replace"))


def lock(name: str, requested: LockEntry) -> str:
    """Return a dvc.lock with one entry."""
    return str(dumps_yaml({"schema": "2.0", "stages": {name: lines_of(requested)}}))
