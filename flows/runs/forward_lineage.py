"""Outputs that contain a source or depend on it, for deletion requests.

Outputs with tables of clips show whether they contain rows of the source. Everything made from an output that contains
it is affected, too; the trace ends only at outputs that are derived row by row and contain no row of the source.
Anything made from an outdated or missing output is assumed to contain it.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from components.common.artifacts import hash_file
from flows.runs.lineage import Entries, named, read_rows, sources_tables

LEAST_DIGITS = 8  # digits of a SHA-256
EARLIER = "after the next complete run, `videopoet gc --keep last=1 --remote --yes` deletes them"
LEFT_OUT = ("scores.parquet", "quarantine.parquet")  # tables of clips that are not in the output


def lines(entries: Entries, target: str) -> Iterator[str]:
    """Yield a line per output that contains a source or depends on it.

    `target` is its file, its path as in `sources list`, or its SHA-256. Raises ValueError if it is not a source of this
    checkout.
    """
    holder, source = _find(entries, target)
    state = "" if source["state"] == "present" else f", {source['state']}"
    yield f"source {named(source)}  sha256 {source['sha256']}  listed in {holder}{state}"
    clips, splits, rowwise, touched = set[str](), set[str](), {holder}, [holder]
    made = {out: item.md5 for entry in entries.values() for out, item in entry.outs.items()}
    for name, entry in entries.items():
        reached = set(touched) & set(entry.deps)
        older = {dep for dep, item in entry.deps.items() if made.get(dep, item.md5) != item.md5} - reached
        for out in entry.outs if reached | older else ():
            if not Path(out).exists():
                touched.append(out)
                yield f"{out}  made by {name}: is missing and may contain it; restore it with `videopoet run {name}`"
                continue
            found, has_tables = _held(Path(out), source["sha256"], clips)
            if found:
                touched.append(out)
                rowwise.add(out)
                splits |= found.keys() - {""}
                rows = [f"{count} rows{f' ({split})' if split else ''}" for split, count in sorted(found.items())]
                yield f"{out}  made by {name}: contains {', '.join(rows)}"
            elif has_tables and reached <= rowwise and not older:
                yield f"{out}  made by {name}: contains none of it{_reason(Path(out), clips)}"
            else:
                touched.append(out)
                earlier = [f"an earlier {dep}, which may contain it" for dep in sorted(older)]
                yield f"{out}  made by {name}: from {', '.join([*sorted(reached), *earlier])}"
    yield f"{len(clips)} clips of it; {len(touched) - 1} outputs contain it or were made from it, or may be"
    if state:
        yield f"earlier versions of outputs in DVC's cache and remote may contain it, too: {EARLIER}"
    if splits == {"heldout"}:
        yield "all of it is held out: models were evaluated on it, not trained on it"


def _find(entries: Entries, target: str) -> tuple[str, dict[str, Any]]:
    digest = hash_file(Path(target)) if Path(target).is_file() else target
    found: dict[str, tuple[str, dict[str, Any]]] = {}
    for holder, table in sources_tables(entries).items():
        for row in read_rows(table):
            by_hash = len(digest) >= LEAST_DIGITS and row["sha256"].startswith(digest)
            if row["sha256"] and (by_hash or target in (named(row), row["path"])):
                found.setdefault(row["sha256"], (holder, row))
    if len(found) > 1:  # the file has changed under this name: use the present version
        found = {sha256: (holder, row) for sha256, (holder, row) in found.items() if row["state"] == "present"} or found
    if len(found) != 1:
        raise ValueError(f"{len(found)} sources match {target}: give a file, alias/path, or SHA-256")
    return next(iter(found.values()))


def _tables(out: Path) -> list[Path]:
    """Return the Parquet and Arrow files of an output."""
    return sorted([*out.rglob("*.parquet"), *out.rglob("*.arrow")])


def _held(out: Path, sha256: str, clips: set[str]) -> tuple[Counter[str], bool]:
    """Count the rows of the source in the output's tables by split, and return True if it has tables of clips.

    Clip IDs are added to `clips` if a table names their source.
    """
    counts: Counter[str] = Counter()
    has_tables = False
    for path in _tables(out):
        table = _columns(path)
        if path.name in LEFT_OUT or "clip_id" not in table:
            continue
        has_tables = True
        splits = table.get("split", [""] * len(table["clip_id"]))
        sources = table.get("source_sha256", [""] * len(table["clip_id"]))
        for clip_id, split, source in zip(table["clip_id"], splits, sources, strict=True):
            if source == sha256:
                clips.add(clip_id)
            if clip_id in clips:
                counts[split] += 1
    return counts, has_tables


def _columns(path: Path) -> dict[str, list[str]]:
    """Read the columns that identify clips and their sources."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    wanted = ("clip_id", "split", "source_sha256")
    if path.suffix == ".parquet":
        known = [name for name in wanted if name in pq.read_schema(path).names]
        columns: dict[str, list[str]] = pq.read_table(path, columns=known).to_pydict()
        return columns
    with pa.memory_map(str(path)) as file:
        table = pa.ipc.open_file(file).read_all()
        return {name: table[name].to_pylist() for name in wanted if name in table.column_names}


def _reason(out: Path, clips: set[str]) -> str:
    """Return the reason why the output does not contain the clips, by its own table of scores."""
    scores = out / "scores.parquet"
    reasons = (
        {row["reason"] for row in read_rows(scores) if row["reason"] and row["clip_id"] in clips}
        if scores.is_file()
        else set()
    )
    return f" (dropped: {', '.join(sorted(reasons))})" if reasons else ""
