"""What a pod does, under a checkout that it lays out for itself.

    python -m flows.kubernetes.pod fetch --stage NAME --message FILE --order FOLDER --code FOLDER  # the init container
    python -m flows.kubernetes.pod run --stage NAME --message FILE [--rank N] …          # the main one, as process 1
    python -m flows.kubernetes.pod run --stage NAME --message FILE --part N --parts N …  # the same, for one part

The order says what is asked for: dvc.yaml, params.yaml, DVC's configuration, and a dvc.lock with the stage's command,
parameters and the hashes of its inputs. `fetch` refuses an image that holds other code (64), then pulls those inputs.
`run` runs the stage in a process group of its own, passes signals on, and ends with the stage's exit code; what it made
is pushed by the first of several pods. One part of a stage's items is done for the cache alone (`graph.parts`). The
message that it leaves names the lock entry by hash and says what the work took.
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
from flows.dvc.handoff import Exchange
from flows.dvc.repository import Repository
from flows.execution.local import withheld
from flows.graph import fingerprint, parts
from flows.graph.graph import Entry
from flows.graph.modules import is_lock
from flows.machine import gpus, signals
from flows.machine.monitor import StageMonitor
from flows.machine.processes import GRACE_S, Interrupted, Processes, ProcessResult
from flows.machine.retry import patiently
from flows.machine.workspace import GRAPH, PARAMS
from flows.runs.metrics import EVERYWHERE, View, served

LOCK, CONFIG = "dvc.lock", "config"
NOT_CODE = shutil.ignore_patterns(".git", ".dvc", ".videopoet", GRAPH, PARAMS, LOCK)
SAID_CHARACTERS = 1000  # of the last line; a termination message holds 4096 bytes


@dataclass(frozen=True)
class Message:
    """What a pod leaves behind: the hash of its lock entry ("" if it failed), its last line, what the work took, and
    in which class of machine (`flows.graph.fingerprint`)."""

    entry: str = ""
    said: str = ""
    took: ProcessResult = field(default_factory=ProcessResult)
    numerics: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, text: str) -> "Message":
        """Of any text: one that is no message is what was said last."""
        try:
            values = json.loads(text)
            return cls(**{**values, "took": ProcessResult(**values["took"])})
        except (ValueError, TypeError, KeyError):
            return cls(said=text.strip())


def fetch(name: str, order: Path, code: Path) -> None:
    """Lay out a checkout in the current folder and pull the stage's inputs; raises ValueError if the code is other."""
    shutil.copytree(code, ".", ignore=NOT_CODE, dirs_exist_ok=True)
    Path(".dvc").mkdir(exist_ok=True)
    for file, place in ((GRAPH, GRAPH), (PARAMS, PARAMS), (LOCK, LOCK), (CONFIG, ".dvc/config")):
        shutil.copyfile(order / file, place)
    repository = Repository(Path.cwd())
    check(repository, name)
    exchange = Exchange(repository)
    patiently(lambda: exchange.pull_inputs(name), Processes().stopping)


def check(repository: Repository, name: str) -> Entry:
    """What is asked of stage `name`; raises ValueError, naming all that differs, if this code would do otherwise."""
    stage, asked = repository.graph().by_name.get(name), repository.recorded(name)
    if stage is None or asked is None:
        raise ValueError(f"the order names no stage `{name}`")
    differ = ["its parameters"] if stage.params != asked.params else []
    for path in filter(is_lock, {*stage.deps} & {*asked.deps}):
        found = repository.item(name, path)
        if found is None or found.md5 != asked.deps[path].md5:
            differ.append(path)
        elif Path(path).stem in codelock.components():
            codelock.check(Path(path).stem)
    if differ:
        raise ValueError(f"this image holds other code than was asked for ({', '.join(differ)}): build it anew")
    return asked


class Forwarder:
    """Runs one stage here for a coordinator elsewhere."""

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
        self.pulse = StageMonitor(partial(print, flush=True))
        self._last = deque[str](maxlen=1)

    def run(self) -> tuple[int, Message]:
        """Run the stage and push what it made; returns the exit code and the message."""
        asked = check(self.repository, self.name)
        for path, item in asked.deps.items():
            found = self.repository.item(self.name, path)
            if found is None or found.md5 != item.md5:
                raise errors.Retryable(f"the input {path} did not arrive whole")
        if self.parts:
            with self.pulse.beating():
                ended = self._execute(parts.command(asked.cmd, self.part, self.parts))
            return _exit_code(ended.code), Message(said=self._said(), took=ended)
        exchange = Exchange(self.repository)
        prepared = self.repository.prepare(self.name)
        machine = fingerprint.here(self.repository.graph().by_name[self.name].threads, self.world_size)
        with self.pulse.beating():
            ended = self._execute(asked.cmd)

        def push() -> str:
            self.repository.record(prepared, machine)
            self.repository.push([self.name])
            return exchange.push_entry(self.name)

        entry = "" if ended.code or self.rank else patiently(push, self.processes.stopping)
        return _exit_code(ended.code), Message(entry, self._said(), ended, machine)

    def _execute(self, cmd: str) -> ProcessResult:
        ended = ProcessResult()
        self.pulse.hold(gpus.count())
        for command in cmd.splitlines():
            launched = f"{self.launcher} {command.removeprefix('python ')}" if self.launcher else command
            ended = ended.then(self.processes.run(launched, withheld(), self._line, self.pulse.started))
            if ended.code:
                break
        self.pulse.hold(0)
        return replace(ended, gpu_s=self.pulse.gpu_s, gpu_used_s=self.pulse.gpu_used_s)

    def _said(self) -> str:
        return self._last[0][:SAID_CHARACTERS] if self._last else ""

    def _line(self, text: str) -> None:
        self._last.append(text)
        self.pulse(text)


def _exit_code(code: int) -> int:
    return 128 - code if code < 0 else code


def main(arguments: list[str]) -> int:
    """Do what the pod is there for; returns the exit code (components/common/errors.py), 1 for a fault of ours."""
    parser = argparse.ArgumentParser(prog="python -m flows.kubernetes.pod")
    commands = parser.add_subparsers(dest="command", required=True)
    for command in (commands.add_parser("fetch"), commands.add_parser("run")):
        command.add_argument("--stage", required=True)
        command.add_argument("--message", type=Path, required=True)
    commands.choices["fetch"].add_argument("--order", type=Path, required=True)
    commands.choices["fetch"].add_argument("--code", type=Path, required=True)
    commands.choices["run"].add_argument("--grace-s", type=float, default=GRACE_S)
    commands.choices["run"].add_argument("--rank", type=int, default=0)
    commands.choices["run"].add_argument("--launcher", default="")
    commands.choices["run"].add_argument("--world-size", type=int, default=1)
    commands.choices["run"].add_argument("--part", type=int, default=0)
    commands.choices["run"].add_argument("--parts", type=int, default=0)
    commands.choices["run"].add_argument("--metrics-port", type=int, default=0)
    asked = parser.parse_args(arguments)
    try:
        code, message = _fetch(asked) if asked.command == "fetch" else _run(asked)
    except (ValueError, errors.Retryable, Interrupted) as error:
        code, message = _code(error), Message(said=(str(error) or "stopped")[:SAID_CHARACTERS])
        print(message.said, file=sys.stderr, flush=True)
    asked.message.write_text(json.dumps(asdict(message)))
    return code


def _fetch(asked: argparse.Namespace) -> tuple[int, Message]:
    with signals.caught(lambda _: sys.exit(errors.STOPPED)):
        fetch(asked.stage, asked.order, asked.code)
    return 0, Message()


def _run(asked: argparse.Namespace) -> tuple[int, Message]:
    of_several = {"rank": asked.rank, "world_size": asked.world_size, "part": asked.part, "parts": asked.parts}
    forwarder = Forwarder(asked.stage, grace_s=asked.grace_s, launcher=asked.launcher, **of_several)
    view = View(lambda: {asked.stage: "running"}, {asked.stage: forwarder.pulse})
    with signals.caught(lambda _: forwarder.processes.stop()), served(asked.metrics_port, view, EVERYWHERE):
        return forwarder.run()


def _code(error: Exception) -> int:
    if isinstance(error, Interrupted):
        return errors.STOPPED
    return errors.RETRY if isinstance(error, errors.Retryable) else errors.CONFIGURATION


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
