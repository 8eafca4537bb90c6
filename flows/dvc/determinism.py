"""Recorded results of equal work: key -> lock entry, one per platform (`flows.graph.fingerprint`).

The key is the hash of command, parameters, inputs and output paths. On one platform equal work must give equal bytes,
so a different second result is an error. DVC's run-cache cannot detect this, because it does not record the platform.
Results are stored in .videopoet/values/<key>/<platform>.json and, after their outputs are pushed, in the remote's
values/. The first result of a platform stays.
"""

import hashlib
import json
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from components.common.artifacts import replace_file
from flows.dvc.listings import ObjectSource, listing
from flows.dvc.remote import Remote
from flows.graph import fingerprint, lockfile
from flows.graph.graph import LockEntry

log = logging.getLogger(__name__)
Files = Mapping[str, str] | None  # files of one output, path -> hash; None if unknown


class ObjectLookup(ObjectSource, Protocol):
    """The part of `flows.dvc.repository.Repository` that is used here."""

    def holds(self, md5: str) -> bool:
        """Return True if the cache or the remote has a complete output of this hash."""

    def ask(self, question: Callable[[Remote], list[str]]) -> list[str] | None:
        """Return the remote's answer; None if there is none."""


class Nondeterministic(ValueError):
    """Equal work gave different outputs than before; the first result stays."""


@dataclass(frozen=True)
class DeterminismRecord:
    """Result of a key on a platform."""

    entry: LockEntry
    numerics: Mapping[str, Any]

    @classmethod
    def read(cls, text: str) -> "DeterminismRecord":
        """Parse the text of its file."""
        values = json.loads(text)
        return cls(lockfile.entry_of(values["entry"]), values["numerics"])

    @property
    def text(self) -> str:
        """Text of its file."""
        return json.dumps({"entry": lockfile.lines_of(self.entry), "numerics": dict(self.numerics)}, indent=1) + "\n"

    @property
    def key(self) -> str:
        """Hash of the work."""
        entry = self.entry
        deps = {path: item.md5 for path, item in entry.deps.items()}
        return _hash([entry.cmd, dict(entry.params), deps, sorted(entry.outs)])

    @property
    def name(self) -> str:
        """Path of its file in a folder of values."""
        machine = {key: self.numerics[key] for key in fingerprint.CLASS if key in self.numerics}
        return f"{self.key}/{_hash(machine)[:16]}.json"

    def contradicts(self, other: "DeterminismRecord") -> list[str]:
        """Return the outputs that differ from another result of the same work on the same platform."""
        if fingerprint.differences(self.numerics, other.numerics):
            return []
        outs = other.entry.outs
        return [path for path, item in self.entry.outs.items() if item.md5 != outs[path].md5]


class DeterminismStore:
    """The results known to a repository: in a folder of this machine, and in its remote."""

    def __init__(self, repository: ObjectLookup, folder: Path):
        self._repository, self._folder = repository, folder
        self._replaced: set[str] = set()  # names of results whose first version is lost

    def add(self, stage: str, value: DeterminismRecord, files: Callable[[str], Files]) -> None:
        """Store the result of stage `stage`; raises Nondeterministic if it differs from an earlier one.

        The error names stage and files; `files` returns the files of an output of `value`. If the first outputs are
        lost everywhere, a warning is logged and the new result replaces the first.
        """
        repository, is_lost = self._repository, False
        for first in self.known(value.key):
            if outs := first.contradicts(value):
                before = {out: first.entry.outs[out].md5 for out in outs}
                found = [file for out in outs for file in differing(out, listing(repository, before[out]), files(out))]
                if all(map(repository.holds, before.values())):
                    raise Nondeterministic(f"{alarm(stage, found)}. The first result stays: `videopoet run` uses it")
                log.warning(f"{alarm(stage, found)}; the first outputs are lost, so the new ones replace them")
                is_lost = True
        path = self._folder / value.name
        if is_lost:
            self._replaced.add(value.name)
        if is_lost or not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            replace_file(path, value.text.encode())

    def known(self, key: str) -> list[DeterminismRecord]:
        """Return the results of a key, on this machine and in the remote."""
        there = self._repository.ask(lambda remote: remote.values(key)) or []
        return [*self._here(key), *map(DeterminismRecord.read, there)]

    def push(self, remote: Remote, entries: Iterable[LockEntry]) -> None:
        """Push the results of these entries, whose outputs the remote already has."""
        for entry in entries:
            for value in self._here(DeterminismRecord(entry, {}).key):
                if value.entry.outs == entry.outs:
                    remote.add_value(value.name, self._folder / value.name, replace=value.name in self._replaced)

    def _here(self, key: str) -> list[DeterminismRecord]:
        return [DeterminismRecord.read(path.read_text()) for path in sorted((self._folder / key).glob("[!.]*.json"))]


def files(tree: Any) -> dict[str, str]:
    """Map path -> hash of one of DVC's trees, "" for a single file."""
    return {item["relpath"]: item["md5"] for item in tree.as_list()} if tree.hash_info.isdir else {"": tree.oid}


def differing(out: str, first: Files, second: Files) -> list[str]:
    """Return the files of an output that differ, or the output itself if its files are unknown."""
    if first is None or second is None:
        return [out]
    return [f"{out}/{name}".rstrip("/") for name in sorted({*first, *second}) if first.get(name) != second.get(name)]


def alarm(stage: str, files: list[str]) -> str:
    """Return the error message."""
    shown = f"{', '.join(files[:5])}{f' and {len(files) - 5} more files' if len(files) > 5 else ''}"
    return (
        f"{stage} is not deterministic: the same command, code, parameters and inputs on the same class of machine "
        f"gave a different {shown} before"
    )


def _hash(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
