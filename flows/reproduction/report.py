"""A record and its reproduction -> a verdict per stage.

`identical`: the outputs have the recorded hashes. `within tolerance`: they were computed on another platform
(`graph.fingerprint`) and all differences agree according to `reproduction.comparison`. `different`: anything else, with
files and differences. `not run`: the reproduction did not reach the stage.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

from components.common.artifacts import write_json
from flows.dvc.listings import listing
from flows.dvc.repository import Repository
from flows.graph import fingerprint, lockfile
from flows.graph.graph import Artifact, LockEntry
from flows.graph.modules import is_lock
from flows.reproduction import comparison
from flows.runs import run_records
from flows.runs.record_view import made
from flows.runs.tracking import measures

Kind = Literal["identical", "within tolerance", "different", "not run"]
FILE = "verdict.json"


@dataclass(frozen=True)
class StageVerdict:
    """Verdict of one stage and its reasons."""

    stage: str
    kind: Kind
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class Reproduction:
    """The record in `record_folder`, its reproduction in the checkout `folder`, and a repository with originals."""

    record_folder: Path
    folder: Path
    originals: Repository
    tolerance: float

    def verdicts(self, stages: tuple[str, ...]) -> list[StageVerdict]:
        """Return the verdicts of the stages, given parents first."""
        record = run_records.read(self.record_folder)
        entries = lockfile.read(self.folder / "dvc.lock")
        found: dict[str, StageVerdict] = {}
        for stage in stages:
            found[stage] = self._verdict(stage, record, entries, found)
        return list(found.values())

    def _verdict(
        self, stage: str, record: Mapping[str, Any], entries: Mapping[str, LockEntry], found: Mapping[str, StageVerdict]
    ) -> StageVerdict:
        entry, note = entries.get(stage), self._note(stage)
        if entry is None or note.get("outs") != {path: item.md5 for path, item in entry.outs.items()}:
            return StageVerdict(stage, "not run")
        causes = []
        for path, md5 in record["stages"][stage]["sources"].items():
            if md5 != (now := _md5(entry.deps, path)):
                causes.append(f"{'code' if is_lock(path) else 'input'} {path} has changed: {md5[:10]} → {now[:10]}")
        changed = [path for path in made(record)[stage] if record["outputs"][path] != _md5(entry.outs, path)]
        if not changed:
            return StageVerdict(stage, "identical", tuple(causes))
        parents = {path: found[name] for name, outs in made(record).items() if name in found for path in outs}
        inputs = {path: verdict.kind for path, verdict in parents.items() if path in entry.deps}
        classes = self._classes(record["took"][stage], note)
        classes += [f"input {path} is within tolerance" for path, kind in inputs.items() if kind == "within tolerance"]
        files = [item for path in changed for item in self._files(path, record, entry)]
        if classes and not causes and all(item.agrees for item in files):
            stated = f"all numbers agree within {self.tolerance:.1%}"
            return StageVerdict(stage, "within tolerance", (*classes, stated, *(item.text for item in files)))
        causes += [f"input {path} is different" for path, kind in inputs.items() if kind == "different"]
        far = [item.text for item in files if not (classes and item.agrees)]
        return StageVerdict(stage, "different", (*causes, *classes, *far))

    def _classes(self, took: Mapping[str, Any], note: Mapping[str, Any]) -> list[str]:
        """List the differences of the platforms; empty if equal work must give equal bytes."""
        if "numerics" not in took:
            return ["the original platform is not recorded"]
        return fingerprint.differences(took["numerics"], note["numerics"])

    def _files(self, out: str, record: Mapping[str, Any], entry: LockEntry) -> Iterator[comparison.FileComparison]:
        """Compare each file of an output with the original if its bytes differ."""
        old = json.loads((self.record_folder / run_records.FILES).read_text()).get(out)
        new = listing(self._repository, entry.outs[out].md5)
        if old is None or new is None:
            yield comparison.FileComparison(False, f"{out}: its files are unknown")
            return
        if old == new:
            yield comparison.FileComparison(False, f"{out}: the record's hash does not match its own list of files")
        for name in sorted({*old, *new}):
            path = f"{out}/{name}".rstrip("/")
            if name not in new or name not in old:
                yield comparison.FileComparison(False, f"{path} {'is missing' if name not in new else 'is new'}")
            elif old[name] != new[name]:
                near = self._compare(out, name, old[name], record)
                yield comparison.FileComparison(near.agrees, f"{path}: {near.text}")

    def _compare(self, out: str, name: str, md5: str, record: Mapping[str, Any]) -> comparison.FileComparison:
        new = self.folder / out / name
        with TemporaryDirectory() as folder:
            old = Path(folder) / new.name
            if self.originals.copy(md5, old):
                return comparison.compare(old, new, self.tolerance)
        if name == "metrics.json" and out in record["metrics"]:
            return comparison.values(record["metrics"][out], measures(self.folder / out), self.tolerance)
        return comparison.FileComparison(
            False, "its bytes differ; the original is neither in the cache nor in a remote"
        )

    @cached_property
    def _repository(self) -> Repository:
        return Repository(self.folder)

    def _note(self, stage: str) -> dict[str, Any]:
        path = self.folder / ".videopoet/stages" / f"{stage}.json"
        note: dict[str, Any] = json.loads(path.read_text()) if path.is_file() else {}
        return note


def write_verdict(folder: Path, run: str, verdicts: list[StageVerdict]) -> Path:
    """Write verdict.json."""
    write_json(folder / FILE, {"run": run, "stages": [asdict(verdict) for verdict in verdicts]})
    return folder / FILE


def _md5(items: Mapping[str, Artifact], path: str) -> str:
    return items[path].md5 if path in items else "none"
