"""Entry point of a stage's pod: fetches the inputs, then runs the stage.

python -m flows.kubernetes.pod fetch --stage NAME --message FILE --request FOLDER --code FOLDER (the init container)

python -m flows.kubernetes.pod run --stage NAME --message FILE [--rank N] … (the main container, as process 1)

python -m flows.kubernetes.pod run --stage NAME --message FILE --part N --parts N … (the same, for one part)

The request consists of dvc.yaml, params.yaml, DVC's configuration, and a dvc.lock with the stage's command, parameters
and input hashes. `fetch` lays out a checkout, refuses an image with other code (64), and pulls the inputs. `run` runs
the stage in its own process group, forwards signals, and exits with the stage's exit code; the first of several pods
pushes the outputs. A part of a stage's items only fills the cache (`graph.parts`). The termination message contains the
hash of the lock entry and the resource usage.
"""

import argparse
import json
import shutil
import sys
from collections import deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from components.common import codelock, errors
from flows.dvc.handoff import RemoteHandoff
from flows.dvc.repository import Repository
from flows.execution.local import withheld
from flows.graph import fingerprint, parts
from flows.graph.graph import LockEntry
from flows.graph.modules import is_lock
from flows.machine import gpus, signals
from flows.machine.monitor import StageMonitor
from flows.machine.processes import GRACE_S, Interrupted, Processes, ProcessResult
from flows.machine.retry import with_retries
from flows.machine.workspace import GRAPH, PARAMS
from flows.runs.metrics import EVERYWHERE, MetricsView, served

LOCK, CONFIG = "dvc.lock", "config"
NOT_CODE = shutil.ignore_patterns(".git", ".dvc", ".videopoet", GRAPH, PARAMS, LOCK)
SAID_CHARACTERS = 1000  # of the last line; a termination message has at most 4096 bytes


@dataclass(frozen=True)
class TerminationMessage:
    """Termination message of a pod.

    `entry` is the hash of its lock entry ("" if it failed), `said` its last line, `took` the resource usage, `numerics`
    the platform (`flows.graph.fingerprint`).
    """

    entry: str = ""
    said: str = ""
    took: ProcessResult = field(default_factory=ProcessResult)
    numerics: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, text: str) -> "TerminationMessage":
        """Parse any text; a text in another format becomes `said`."""
        try:
            values = json.loads(text)
            return cls(**{**values, "took": ProcessResult(**values["took"])})
        except (ValueError, TypeError, KeyError):
            return cls(said=text.strip())


def fetch(name: str, request: Path, code: Path) -> None:
    """Lay out a checkout in the current folder and pull the stage's inputs; raises ValueError if the code differs."""
    shutil.copytree(code, ".", ignore=NOT_CODE, dirs_exist_ok=True)
    Path(".dvc").mkdir(exist_ok=True)
    for file, place in ((GRAPH, GRAPH), (PARAMS, PARAMS), (LOCK, LOCK), (CONFIG, ".dvc/config")):
        shutil.copyfile(request / file, place)
    repository = Repository(Path.cwd())
    check(repository, name)
    handoff = RemoteHandoff(repository)
    with_retries(lambda: handoff.pull_inputs(name), Processes().stopping)


def check(repository: Repository, name: str) -> LockEntry:
    """Return the request for stage `name`; raises ValueError naming all differences if this code does not match it."""
    stage, requested = repository.graph().by_name.get(name), repository.recorded(name)
    if stage is None or requested is None:
        raise ValueError(f"the request does not contain a stage `{name}`")
    differ = ["its parameters"] if stage.params != requested.params else []
    for path in filter(is_lock, {*stage.deps} & {*requested.deps}):
        found = repository.item(name, path)
        if found is None or found.md5 != requested.deps[path].md5:
            differ.append(path)
        elif Path(path).stem in codelock.components():
            codelock.check(Path(path).stem)
    if differ:
        raise ValueError(f"this image holds other code than requested ({', '.join(differ)}): rebuild it")
    return requested


class PodRunner:
    """Runs one stage in this pod for a remote coordinator."""

    def __init__(
        self,
        name: str,
        *,
        grace_s: float = GRACE_S,
        rank: int = 0,
        launcher: str = "",
        world_size: int = 1,
        part: int = 0,
        parts: int = 0,
    ):
        self.repository = Repository(Path.cwd())
        self.processes = Processes(grace_s)
        self.name, self.rank, self.launcher, self.world_size = name, rank, launcher, world_size
        self.part, self.parts = part, parts
        self.monitor = StageMonitor(partial(print, flush=True))
        self._last = deque[str](maxlen=1)

    def run(self) -> tuple[int, TerminationMessage]:
        """Run the stage and push its outputs; returns the exit code and the termination message."""
        requested = check(self.repository, self.name)
        for path, item in requested.deps.items():
            found = self.repository.item(self.name, path)
            if found is None or found.md5 != item.md5:
                raise errors.Retryable(f"the input {path} is incomplete")
        if self.parts:
            with self.monitor.sampling():
                ended = self._execute(parts.command(requested.cmd, self.part, self.parts))
            return _exit_code(ended.code), TerminationMessage(said=self._said(), took=ended)
        handoff = RemoteHandoff(self.repository)
        prepared = self.repository.prepare(self.name)
        machine = fingerprint.current(self.repository.graph().by_name[self.name].threads, self.world_size)
        with self.monitor.sampling():
            ended = self._execute(requested.cmd)

        def push() -> str:
            self.repository.record(prepared, machine)
            self.repository.push([self.name])
            return handoff.push_entry(self.name)

        entry = "" if ended.code or self.rank else with_retries(push, self.processes.stopping)
        return _exit_code(ended.code), TerminationMessage(entry, self._said(), ended, machine)

    def _execute(self, cmd: str) -> ProcessResult:
        ended = ProcessResult()
        self.monitor.hold(gpus.count())
        for command in cmd.splitlines():
            launched = f"{self.launcher} {command.removeprefix('python ')}" if self.launcher else command
            ended = ended.then(self.processes.run(launched, withheld(), self._line, self.monitor.started))
            if ended.code:
                break
        self.monitor.hold(0)
        return replace(ended, gpu_s=self.monitor.gpu_s, gpu_used_s=self.monitor.gpu_used_s)

    def _said(self) -> str:
        return self._last[0][:SAID_CHARACTERS] if self._last else ""

    def _line(self, text: str) -> None:
        self._last.append(text)
        self.monitor(text)


def _exit_code(code: int) -> int:
    return 128 - code if code < 0 else code


def main(arguments: list[str]) -> int:
    """Run the command of the pod; returns the exit code (components/common/errors.py), 1 for a bug of ours."""
    parser = argparse.ArgumentParser(prog="python -m flows.kubernetes.pod")
    commands = parser.add_subparsers(dest="command", required=True)
    for command in (commands.add_parser("fetch"), commands.add_parser("run")):
        command.add_argument("--stage", required=True)
        command.add_argument("--message", type=Path, required=True)
    commands.choices["fetch"].add_argument("--request", type=Path, required=True)
    commands.choices["fetch"].add_argument("--code", type=Path, required=True)
    commands.choices["run"].add_argument("--grace-s", type=float, default=GRACE_S)
    commands.choices["run"].add_argument("--rank", type=int, default=0)
    commands.choices["run"].add_argument("--launcher", default="")
    commands.choices["run"].add_argument("--world-size", type=int, default=1)
    commands.choices["run"].add_argument("--part", type=int, default=0)
    commands.choices["run"].add_argument("--parts", type=int, default=0)
    commands.choices["run"].add_argument("--metrics-port", type=int, default=0)
    options = parser.parse_args(arguments)
    try:
        code, message = _fetch(options) if options.command == "fetch" else _run(options)
    except (ValueError, errors.Retryable, Interrupted) as error:
        code, message = _code(error), TerminationMessage(said=(str(error) or "stopped")[:SAID_CHARACTERS])
        print(message.said, file=sys.stderr, flush=True)
    options.message.write_text(json.dumps(asdict(message)))
    return code


def _fetch(options: argparse.Namespace) -> tuple[int, TerminationMessage]:
    with signals.caught(lambda _: sys.exit(errors.STOPPED)):
        fetch(options.stage, options.request, options.code)
    return 0, TerminationMessage()


def _run(options: argparse.Namespace) -> tuple[int, TerminationMessage]:
    of_several = {name: getattr(options, name) for name in ("rank", "world_size", "part", "parts")}
    runner = PodRunner(options.stage, grace_s=options.grace_s, launcher=options.launcher, **of_several)
    view = MetricsView(lambda: {options.stage: "running"}, {options.stage: runner.monitor})
    with signals.caught(lambda _: runner.processes.stop()), served(options.metrics_port, view, EVERYWHERE):
        return runner.run()


def _code(error: Exception) -> int:
    if isinstance(error, Interrupted):
        return errors.STOPPED
    return errors.RETRY if isinstance(error, errors.Retryable) else errors.CONFIGURATION


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
