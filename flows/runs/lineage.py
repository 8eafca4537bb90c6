"""Backward lineage: from a result to its sources, by dvc.lock and the manifests of the outputs.

`entries` are those of dvc.lock by stage, parents first; paths are relative to the checkout, which is the current
folder.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from components.common.artifacts import MANIFEST, hash_file
from flows.graph.graph import LockEntry
from flows.graph.modules import is_lock

Entries = Mapping[str, LockEntry]
LEAST_DIGITS, DIGITS = 4, 10
CLIP_DIGITS = 8  # digits of a clip ID
MOST_LINES = 20  # sources shown
SAMPLES, SOURCES = "samples.parquet", "sources.parquet"


def lines(entries: Entries, target: str) -> Iterator[str]:
    """Yield the inputs of a path, hash or clip, the nearest first; raises ValueError if it is unknown."""
    if clip_id := _clip_of(entries, target):
        yield f"clip {clip_id}"
        yield from _of_clip(entries, clip_id)
        return
    path = _path_of(entries, target)
    wanted, roots = {path}, dict[str, str]()
    if (name := producer(entries, path)) and path not in entries[name].outs:
        yield from _of_file(entries, name, path)
    for name, entry in reversed(list(entries.items())):
        made = [out for out in entry.outs if any(overlap(out, found) for found in wanted)]
        inputs = {dep: item.md5 for dep, item in entry.deps.items() if made and not is_lock(dep)}
        for out in made:
            yield f"{out}  {entry.outs[out].md5[:DIGITS]}  made by {name}"
        yield from (f"    from {dep}  {md5[:DIGITS]}" for dep, md5 in inputs.items())
        wanted |= inputs.keys()
        roots |= {dep: md5 for dep, md5 in inputs.items() if producer(entries, dep) is None}
    for root, md5 in sorted(roots.items()):
        yield f"{root}  {md5[:DIGITS]}  made by no stage"
    for holder, table in sources_tables(entries).items():
        if any(overlap(holder, found) for found in wanted):
            yield from _of_sources(holder, read_rows(table))


def producer(entries: Entries, path: str) -> str | None:
    """Return the stage that produces `path` or the folder that contains it."""
    outs = ((name, out) for name, entry in entries.items() for out in entry.outs)
    return next((name for name, out in outs if f"{path}/".startswith(f"{out}/")), None)


def overlap(one: str, other: str) -> bool:
    """Return True if two paths are equal or one contains the other."""
    return f"{one}/".startswith(f"{other}/") or f"{other}/".startswith(f"{one}/")


def sources_tables(entries: Entries) -> dict[str, Path]:
    """Map input or output -> the table of sources that it is or contains."""
    paths = sorted({path for entry in entries.values() for path in (*entry.deps, *entry.outs)})
    tables = {path: Path(path) if Path(path).name == SOURCES else Path(path) / SOURCES for path in paths}
    return {path: table for path, table in tables.items() if table.is_file()}


def read_rows(table: Path, columns: Sequence[str] | None = None, **filters: str) -> list[dict[str, Any]]:
    """Read the rows of a table whose columns have the values of `filters`; all columns, or only `columns`."""
    import pyarrow.parquet

    rows: list[dict[str, Any]] = pyarrow.parquet.read_table(
        table, columns=columns, filters=[(name, "=", value) for name, value in filters.items()] or None
    ).to_pylist()
    return rows


def named(row: Mapping[str, Any]) -> str:
    """Return the name of a source: alias and path."""
    return f"{row['root']}/{row['path']}" if row["root"] else str(row["path"])


def _path_of(entries: Entries, target: str) -> str:
    path = Path(target)
    if path.exists() and path.absolute().is_relative_to(Path.cwd()):
        return path.absolute().relative_to(Path.cwd()).as_posix()
    if producer(entries, target):
        return target.rstrip("/")
    if len(target) < LEAST_DIGITS or set(target) - set("0123456789abcdef.dir"):
        raise ValueError(
            f"{target} is not a file, an output, a clip ID or the first {LEAST_DIGITS} or more digits of a hash"
        )
    found = sorted({path for path, digest in _hashes(entries) if digest.startswith(target)})
    if not found:
        raise ValueError(f"no input or output of the present results has a hash that begins with {target}")
    if len(found) > 1:
        raise ValueError(f"{len(found)} paths have a hash that begins with {target}: {', '.join(found)}")
    return found[0]


def _hashes(entries: Entries) -> Iterator[tuple[str, str]]:
    """Yield paths and hashes: DVC's of inputs and outputs, and the SHA-256 of folders and files in manifests."""
    for entry in entries.values():
        for path, item in (*entry.deps.items(), *entry.outs.items()):
            yield path, item.md5
        for out in entry.outs:
            if (Path(out) / MANIFEST).is_file():
                yield out, hash_file(Path(out) / MANIFEST)
                yield from ((f"{out}/{path}", digest) for path, digest in _files(out).items())


def _files(out: str) -> dict[str, str]:
    manifest = Path(out) / MANIFEST
    files: dict[str, str] = json.loads(manifest.read_text()).get("files", {}) if manifest.is_file() else {}
    return files


def _of_file(entries: Entries, name: str, path: str) -> Iterator[str]:
    """Describe a file of an output; for a sample also its request and the real clip that it belongs to."""
    out = next(out for out in entries[name].outs if path.startswith(f"{out}/"))
    inside = path.removeprefix(f"{out}/")
    digest = _files(out).get(inside, "")
    yield f"{path}  sha256 {digest[:DIGITS] or 'unknown'}"
    table = Path(out) / SAMPLES
    media = str(Path(inside).with_suffix(""))
    rows = (
        [row for row in read_rows(table) if str(Path(row["path"]).with_suffix("")) == media] if table.is_file() else []
    )
    for row in rows:
        yield f"    {row['task']}, prompt {row['prompt']!r}, seed {row['seed']}"
        if row["clip_id"]:
            yield f"    belongs to clip {row['clip_id']}"
            yield from _of_clip(entries, row["clip_id"])


def _clip_of(entries: Entries, target: str) -> str | None:
    """Return the clip whose ID begins with `target`, if there is exactly one."""
    if len(target) < CLIP_DIGITS or set(target) - set("0123456789abcdef"):
        return None
    ids = {row["clip_id"] for table in _clip_tables(entries) for row in read_rows(table, ["clip_id"])}
    found = [clip_id for clip_id in ids if clip_id.startswith(target)]
    return found[0] if len(found) == 1 else None


def _clip_tables(entries: Entries) -> list[Path]:
    outs = {out for entry in entries.values() for out in entry.outs}
    return sorted(table for out in outs for table in Path(out).glob("clips-*.parquet"))


def _of_clip(entries: Entries, clip_id: str) -> Iterator[str]:
    known = {row["sha256"]: row for table in sources_tables(entries).values() for row in read_rows(table)}
    for table in _clip_tables(entries):
        for row in read_rows(table, ["source_sha256", "split"], clip_id=clip_id):
            source = known.get(row["source_sha256"])
            state = "" if not source or source["state"] == "present" else f"({source['state']}) "
            where = f"{named(source)} {state}" if source else ""
            yield f"    in {table}: {row['split'] or 'no split yet'}, of source {where}sha256 {row['source_sha256']}"


def _of_sources(holder: str, rows: list[dict[str, Any]]) -> Iterator[str]:
    present = [row for row in rows if row["state"] == "present"]
    yield f"{len(present)} sources in {holder}"
    yield from (f"    {named(row)}  sha256 {row['sha256']}" for row in present[:MOST_LINES])
    if len(present) > MOST_LINES:
        yield f"    … and {len(present) - MOST_LINES} more"
