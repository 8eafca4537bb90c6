"""A run's record, and the differences of two records, as text."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from flows.graph import fingerprint
from flows.graph.graph import flat
from flows.graph.modules import FOLDER as CODE
from flows.graph.modules import is_lock
from flows.runs import run_records, source_archive

DIGITS = run_records.NAME_DIGITS
COST = ("seconds", "cpu_s", "bytes", "gpu_s", "gpu_used_s", "read_bytes", "written_bytes")
Record = Mapping[str, Any]


def brief(record: Record) -> str:
    """Return a record in one line."""
    seconds = sum(note.get("seconds", 0) for note in record["took"].values())
    name, stages = record["run"][:DIGITS], len(record["took"])
    return f"{name}  {record['written']}  {record['by']}  {stages} stages  {seconds:,.0f} s  source {_source(record)}"


def whole(record: Record) -> Iterator[str]:
    """Yield a record as text: inputs, time, user, source, machine, each stage, and the metrics of the last stage."""
    machine, took = record["numerics"], record["took"]
    seconds, cpu_s, size, gpu_s, used_s, read, written = (
        sum(note.get(key, 0) for note in took.values()) for key in COST
    )
    yield f"run      {record['run']}"
    yield f"recipe   {record['recipe']}"
    yield f"written  {record['written']} by {record['by']}"
    yield f"source   {_source(record)}"
    yield f"machine  {machine['processor']}, {machine['device']}, {machine['cores']} cores, torch {machine['torch']}"
    yield f"took     {seconds:,.0f} s summed over stages, {cpu_s:,.0f} core-seconds, {size / 1e6:,.1f} MB made"
    moved = f"{read / 1e6:,.1f} MB read, {written / 1e6:,.1f} MB written"
    yield f"         {moved}, {gpu_s:,.0f} GPU-seconds{_share(gpu_s, used_s)}"
    width = max(map(len, took), default=0)
    heads = ("seconds", "core-s", "GPU-s", "MB read", "written", "made")
    yield f"\n{'stage':<{width}}  {'  '.join(f'{head:>9}' for head in heads)}  output"
    for name, outs in made(record).items():
        note = took[name]
        hashes = ", ".join(f"{path} {record['outputs'][path][:DIGITS]}" for path in outs)
        sizes = [note[key] / 1e6 if key in note else None for key in ("read_bytes", "written_bytes", "bytes")]
        numbers = [note.get("seconds"), note.get("cpu_s"), note.get("gpu_s"), *sizes]
        unknown = "?" if note else "elsewhere"
        cells = "  ".join(f"{unknown if number is None else f'{number:,.1f}':>9}" for number in numbers)
        yield f"{name:<{width}}  {cells}  {hashes}"
    if record["metrics"]:
        last = next(path for outs in reversed(made(record).values()) for path in outs if path in record["metrics"])
        values = {name: value for name, value in record["metrics"][last].items() if not name.endswith("/n")}
        yield f"\n{last}"
        yield from (f"    {name}  {value:.6g}" for name, value in values.items())


def _share(gpu_s: float, used_s: float) -> str:
    return f", {used_s / gpu_s:.0%} of them at work" if gpu_s else ""


def difference(old: Path, new: Path) -> Iterator[str]:
    """Yield the differences of the records in two folders, `old → new`; nothing if they are of equal work."""
    before, now = run_records.read(old), run_records.read(new)
    for name in dict.fromkeys([*made(before), *made(now)]):
        one, other = before["stages"].get(name), now["stages"].get(name)
        if one is None or other is None:
            yield f"stage {name}: {'only in the new run' if one is None else 'only in the old run'}"
            continue
        if one["cmd"] != other["cmd"]:
            yield f"command {name}: {one['cmd']} → {other['cmd']}"
    yield from _changes("parameter", _params(before), _params(now))
    sources = [{path: md5 for path, md5 in _sources(record).items() if not is_lock(path)} for record in (before, now)]
    yield from _changes("input", *sources, digits=DIGITS)
    yield from _changes(
        "code", *(_modules(folder, record) for folder, record in ((old, before), (new, now))), digits=DIGITS
    )
    yield from _changes("output", before["outputs"], now["outputs"], digits=DIGITS)
    yield from _changes("metric", flat(before["metrics"]), flat(now["metrics"]))


def circumstances(before: Record, now: Record) -> Iterator[str]:
    """Yield the differences of machine and library versions."""
    one, other = before["numerics"], now["numerics"]
    yield from (f"machine {words}" for words in fingerprint.differences(one, other))
    for name, old, new in fingerprint.changed(one["versions"], other["versions"]):
        yield f"library {name}: {old or 'none'} → {new or 'none'}"


def _source(record: Record) -> str:
    revision = record["source"]["revision"][:DIGITS] or "of no revision"
    return revision + (" with uncommitted changes" if record["source"]["uncommitted"] else "")


def made(record: Record) -> dict[str, list[str]]:
    """Return stage -> paths of its outputs, in running order."""
    return {item["stage"]: item["outs"] for item in record["made"]}


def _params(record: Record) -> dict[str, Any]:
    return {key: value for stage in record["stages"].values() for key, value in flat(stage["params"]).items()}


def _sources(record: Record) -> dict[str, str]:
    return {path: md5 for stage in record["stages"].values() for path, md5 in stage["sources"].items()}


def _modules(folder: Path, record: Record) -> dict[str, str]:
    """Return module -> hash of the code of a record's stages; for a lock of unknown content, the lock's hash."""
    packed = folder / source_archive.ARCHIVE
    texts = source_archive.read(packed, CODE) if packed.is_file() else {}
    found: dict[str, str] = {}
    for path, md5 in _sources(record).items():
        if is_lock(path):
            found |= json.loads(texts[path]) if path in texts else {path: md5}
    return found


def _changes(kind: str, old: Record, new: Record, *, digits: int | None = None) -> Iterator[str]:
    for key in sorted({*old, *new}):
        if old.get(key) != new.get(key):
            one, other = (str(values[key])[:digits] if key in values else "none" for values in (old, new))
            yield f"{kind} {key}: {one} → {other}"
