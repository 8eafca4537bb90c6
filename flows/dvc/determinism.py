"""What the same work gave before: key -> lock entry, once for each class of machine (`flows.graph.fingerprint`).

The key is the hash of command, parameters, inputs and paths of the outputs. Within one class equal work must give equal
bytes, so a second value for a key is an alarm. DVC's run-cache cannot tell: it does not know where a value was made.
Values lie in .videopoet/values/<key>/<class>.json and, pushed after what they speak of, in the remote's values/. The
first of a class stays.
"""

import hashlib
import json
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from components.common.artifacts import replace_file
from flows.dvc.listings import Objects, listing
from flows.dvc.remote import Remote
from flows.graph import fingerprint, lockfile
from flows.graph.graph import Entry

log = logging.getLogger(__name__)
Files = Mapping[str, str] | None  # of one output, path -> hash; None where nobody knows them


class ObjectLookup(Objects, Protocol):
    """What is asked of `flows.dvc.repository.Repository`."""

    def holds(self, md5: str) -> bool:
        """Whether the cache or the remote has a whole output of this hash."""

    def ask(self, question: Callable[[Remote], list[str]]) -> list[str] | None:
        """The remote's answer; None if there is none."""


class Nondeterministic(ValueError):
    """The same work gave something else than before; what was there first stays."""


@dataclass(frozen=True)
class Value:
    """What a key gave on a class of machine."""

    entry: Entry
    numerics: Mapping[str, Any]

    @classmethod
    def read(cls, text: str) -> "Value":
        """Of its file."""
        values = json.loads(text)
        return cls(lockfile.entry_of(values["entry"]), values["numerics"])

    @property
    def text(self) -> str:
        """Its file."""
        return json.dumps({"entry": lockfile.lines_of(self.entry), "numerics": dict(self.numerics)}, indent=1) + "\n"

    @property
    def key(self) -> str:
        """Hash of the work."""
        entry = self.entry
        deps = {path: item.md5 for path, item in entry.deps.items()}
        return _hash([entry.cmd, dict(entry.params), deps, sorted(entry.outs)])

    @property
    def name(self) -> str:
        """The path of its file under a folder of values."""
        machine = {key: self.numerics[key] for key in fingerprint.CLASS if key in self.numerics}
        return f"{self.key}/{_hash(machine)[:16]}.json"

    def contradicts(self, other: "Value") -> list[str]:
        """The outputs in which another value for the same work differs though it must not."""
        if fingerprint.differences(self.numerics, other.numerics):
            return []
        outs = other.entry.outs
        return [path for path, item in self.entry.outs.items() if item.md5 != outs[path].md5]


class Values:
    """The values that a repository knows: those in a folder of this machine, and those in its remote."""

    def __init__(self, repository: ObjectLookup, folder: Path):
        self._repository, self._folder = repository, folder
        self._taken: set[str] = set()  # values that stand in for a first one that nobody has any more

    def add(self, stage: str, value: Value, files: Callable[[str], Files]) -> None:
        """Keep what stage `stage` gave; raises Nondeterministic, naming stage and files, if it gave something else.

        `files` gives those of an output of `value`. A first value that nobody has any more is said and gives way.
        """
        repository, is_lost = self._repository, False
        for first in self.known(value.key):
            if outs := first.contradicts(value):
                before = {out: first.entry.outs[out].md5 for out in outs}
                found = [file for out in outs for file in differing(out, listing(repository, before[out]), files(out))]
                if all(map(repository.holds, before.values())):
                    raise Nondeterministic(f"{alarm(stage, found)}. The first stays: `videopoet run` goes on with it")
                log.warning(f"{alarm(stage, found)}; the first is nowhere any more, so the second is taken")
                is_lost = True
        path = self._folder / value.name
        if is_lost:
            self._taken.add(value.name)
        if is_lost or not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            replace_file(path, value.text.encode())

    def known(self, key: str) -> list[Value]:
        """What a key gave before, here and elsewhere."""
        there = self._repository.ask(lambda remote: remote.values(key)) or []
        return [*self._here(key), *map(Value.read, there)]

    def push(self, remote: Remote, entries: Iterable[Entry]) -> None:
        """Push what was kept of these entries, whose outputs the remote has by now."""
        for entry in entries:
            for value in self._here(Value(entry, {}).key):
                if value.entry.outs == entry.outs:
                    remote.add_value(value.name, self._folder / value.name, replace=value.name in self._taken)

    def _here(self, key: str) -> list[Value]:
        return [Value.read(path.read_text()) for path in sorted((self._folder / key).glob("[!.]*.json"))]


def files(tree: Any) -> dict[str, str]:
    """Path -> hash in one of DVC's trees, "" for a file by itself."""
    return {item["relpath"]: item["md5"] for item in tree.as_list()} if tree.hash_info.isdir else {"": tree.oid}


def differing(out: str, first: Files, second: Files) -> list[str]:
    """The files of an output that differ, or the output itself where its files are not known."""
    if first is None or second is None:
        return [out]
    return [f"{out}/{name}".rstrip("/") for name in sorted({*first, *second}) if first.get(name) != second.get(name)]


def alarm(stage: str, files: list[str]) -> str:
    """What to tell a person."""
    shown = f"{', '.join(files[:5])}{f' and {len(files) - 5} more files' if len(files) > 5 else ''}"
    return (
        f"{stage} is not deterministic: the same command, code, parameters and inputs on the same class of machine "
        f"gave another {shown} before"
    )


def _hash(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
