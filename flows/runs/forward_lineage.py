"""What a source went into, for requests to delete it.

Outputs with tables of clips say themselves whether they hold rows of it. What is made from an output that holds it is
touched by it too; only where nothing but rows go in, rows come out, and none is the source's, does the trace end. What
was made from an output that is no longer the present one, or is not here, may hold it: it is taken to.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from components.common.artifacts import hash_file
from flows.runs.lineage import Entries, named, read_rows, sources_tables

LEAST_DIGITS = 8  # of a SHA-256
EARLIER = "after the next whole run `videopoet gc --keep last=1 --remote --yes` deletes them"
LEFT_OUT = ("scores.parquet", "quarantine.parquet")  # tables that name what is not in the output


def lines(entries: Entries, target: str) -> Iterator[str]:
    """Say what came from a source: its file, its path as `sources list` knows it, or its SHA-256.

    Raises ValueError if it is no source of this checkout.
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
                yield f"{out}  made by {name}: is not here and may hold it; `videopoet run {name}` brings it back"
                continue
            found, has_tables = _held(Path(out), source["sha256"], clips)
            if found:
                touched.append(out)
                rowwise.add(out)
                splits |= found.keys() - {""}
                rows = [f"{count} rows{f' ({split})' if split else ''}" for split, count in sorted(found.items())]
                yield f"{out}  made by {name}: holds {', '.join(rows)}"
            elif has_tables and reached <= rowwise and not older:
                yield f"{out}  made by {name}: holds none of it{_reason(Path(out), clips)}"
            else:
                touched.append(out)
                earlier = [f"an earlier {dep}, which may hold it" for dep in sorted(older)]
                yield f"{out}  made by {name}: from {', '.join([*sorted(reached), *earlier])}"
    yield f"{len(clips)} clips of it; {len(touched) - 1} outputs hold it or were made from it, or may be"
    if state:
        yield f"earlier versions of outputs may hold it too, in DVC's cache and remote: {EARLIER}"
    if splits == {"heldout"}:
        yield "all of it is held out: models were measured on it, not trained on it"


def _find(entries: Entries, target: str) -> tuple[str, dict[str, Any]]:
    digest = hash_file(Path(target)) if Path(target).is_file() else target
    found: dict[str, tuple[str, dict[str, Any]]] = {}
    for holder, table in sources_tables(entries).items():
        for row in read_rows(table):
            by_hash = len(digest) >= LEAST_DIGITS and row["sha256"].startswith(digest)
            if row["sha256"] and (by_hash or target in (named(row), row["path"])):
                found.setdefault(row["sha256"], (holder, row))
    if len(found) > 1:  # one name, other bytes than before: what is there now is meant
        found = {sha256: (holder, row) for sha256, (holder, row) in found.items() if row["state"] == "present"} or found
    if len(found) != 1:
        raise ValueError(f"{len(found)} sources are called {target}: give a file, alias/path, or its SHA-256")
    return next(iter(found.values()))


def _tables(out: Path) -> list[Path]:
    """Parquet and Arrow files of an output."""
    return sorted([*out.rglob("*.parquet"), *out.rglob("*.arrow")])


def _held(out: Path, sha256: str, clips: set[str]) -> tuple[Counter[str], bool]:
    """Rows of the source in the output's tables, counted by split, and whether it has tables of clips at all.

    The ids of its clips are added to `clips` where a table says of which source they are.
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
    """The columns that tell whose rows they are."""
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
    """Why the output's own books say that the clips are not in it."""
    book = out / "scores.parquet"
    reasons = (
        {row["reason"] for row in read_rows(book) if row["reason"] and row["clip_id"] in clips}
        if book.is_file()
        else set()
    )
    return f" (dropped: {', '.join(sorted(reasons))})" if reasons else ""
