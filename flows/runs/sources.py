"""A user's own media as an input: `data/sources.parquet` says what is there, `.videopoet/roots.json` where it lies.

The media stay where they are. The table (hashes, captions, licenses, splits) is an input of the stage `ingest` and is
tracked; the folder or store that an alias stands for is this machine's business and is not, nor is what was seen there
(`.videopoet/sources`): sizes and times, which spare reading again what did not change.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from components.common.artifacts import hash_file, replace_file
from components.common.runtime import root_of
from components.corpus.data import State
from components.ingest import archives, history, sources, storage
from components.ingest.manifests import TABLES
from flows.machine.workspace import Workspace

TABLE = Path("data/sources.parquet")
SEEN = "sources"  # folder of the workspace
LEAST_DIGITS = 8  # of a SHA-256


def add(workspace: Workspace, where: str, alias: str) -> str:
    """Take what a folder, a store, a manifest or a tar holds into the table; returns what was found, in words.

    `alias` names the folder or prefix from now on, its own name if empty. Adding an alias again brings its files up to
    date: only those are read that changed, and what is no longer there is marked as gone.
    Raises ValueError for an alias that stands for something else, and where nothing can be used.
    """
    root, only = _root(where)
    alias = alias or re.sub(r"[^\w-]+", "-", str(root).rstrip("/").rsplit("/", 1)[-1]).strip("-").lower()
    if not re.fullmatch(r"\w[\w.-]*", alias):
        raise ValueError(
            f"`{alias}` is no name for a folder: choose one of letters, digits, dots and dashes by --alias"
        )
    roots = folders(workspace)
    if roots.get(alias, root) != root:
        raise ValueError(f"`{alias}` already stands for {roots[alias]}: give another name with --alias")
    known, book = _known(), workspace.folder(SEEN) / f"{alias}.json"
    mine = [source for source in known if source.root == alias]
    seen = {name: (size, time) for name, (size, time) in json.loads(book.read_text()).items()} if book.is_file() else {}
    try:
        scan = sources.Scan(storage.storage_of(root), alias, only=only, known=mine, seen=seen)
    except FileNotFoundError:
        raise ValueError(f"there is nothing at {where}") from None
    table, changes = history.renewed(known, alias, scan.sources)
    if not any(source.sha256 for source in table if source.root == alias):
        told = [f"{source.path}: {source.attributes['detail']}" for source in scan.sources if source.attributes]
        words = "; ".join(filter(None, [changes.text, *told[:1]]))
        raise ValueError(f"{where} holds no media that can be used{f': {words}' if words else ''}")
    TABLE.parent.mkdir(exist_ok=True)
    sources.write(TABLE, table)
    keep_folders(workspace, roots | {alias: root})
    replace_file(book, json.dumps(scan.seen, sort_keys=True).encode())
    here = [source for source in table if source.root == alias and source.state == "present"]
    captions, size = sum(bool(source.caption) for source in here), sum(source.size_bytes for source in here)
    found = f"{alias}: {len(here)} files, {captions} with a caption, {size / 1e6:,.1f} MB in {root}"
    return f"{found}; {changes.text or 'nothing changed'}; {scan.read} files were read"


def remove(workspace: Workspace, alias: str) -> int:
    """Take the files of an alias out of the table; returns their number. Raises ValueError for an unknown alias.

    What was forgotten stays in it, so that it does not come back.
    """
    known = _known()
    roots = folders(workspace)
    if not any(source.root == alias for source in known) and alias not in roots:
        names = sorted({source.root for source in known} | roots.keys())
        raise ValueError(f"no sources are called `{alias}`: choose from {', '.join(names) or 'none'}")
    left = history.removed(known, alias)
    sources.write(TABLE, left)
    keep_folders(workspace, {name: root for name, root in roots.items() if name != alias})
    (workspace.folder(SEEN) / f"{alias}.json").unlink(missing_ok=True)
    return len(known) - len(left)


def forget(workspace: Workspace, target: str) -> str:
    """Never read a source's bytes again, whatever their name; returns what was done, in words.

    `target` is a file, a path as `sources list` knows it, or a SHA-256. What the cache keeps of it, decoded or seen, is
    deleted; what was made from it is told by `lineage --forward`. Raises ValueError if it is no source.
    """
    from components.filter import cache  # OpenCV is part of a second to import

    known = _known()
    digest = hash_file(Path(target)) if Path(target).is_file() else target
    found = {
        source.sha256
        for source in known
        if source.sha256
        and (
            target in (source.path, f"{source.root}/{source.path}")
            or (len(digest) >= LEAST_DIGITS and source.sha256.startswith(digest))
        )
    }
    if len(found) != 1:
        raise ValueError(f"{len(found)} sources are called {target}: give a file, alias/path, or its SHA-256")
    (sha256,) = found
    sources.write(TABLE, history.forget(known, sha256))
    for kept in workspace.folder("cache").glob(f"ingest/*/*/{sha256}.arrow"):
        kept.unlink()
    cache.forget(workspace.folder("cache") / "filter", sha256)
    names = [f"{source.root}/{source.path}" for source in known if source.sha256 == sha256]
    return (
        f"{', '.join(names)}: forgotten, sha256 {sha256}. Its clips leave with the next run, and what was made before"
        f" with `videopoet gc`; `videopoet lineage --forward {sha256}` says what that is, and how it is deleted"
    )


def listed(workspace: Workspace) -> Iterator[str]:
    """A line per alias: how many files, where they lie on this machine, and how many are not used, by state."""
    roots, states = folders(workspace), dict[str, Counter[State]]()
    for source in _known():
        states.setdefault(source.root, Counter())[source.state] += 1
    for alias, counts in sorted(states.items()):
        where = roots.get(alias, "unknown on this machine: `videopoet sources add FOLDER --alias` says where it lies")
        others = ", ".join(f"{count} {state}" for state, count in sorted(counts.items()) if state != "present")
        yield f"{alias}: {counts['present']} files in {where}{f'; {others}' if others else ''}"


def folders(workspace: Workspace) -> dict[str, Path | str]:
    """Alias -> folder on this machine, or address of a store."""
    if not workspace.roots.is_file():
        return {}
    return {alias: root_of(root) for alias, root in json.loads(workspace.roots.read_text()).items()}


def stores(workspace: Workspace) -> dict[str, str]:
    """Alias -> address, of those that lie in a store: it is the same from every machine."""
    return {alias: root for alias, root in folders(workspace).items() if isinstance(root, str)}


def keep_folders(workspace: Workspace, roots: Mapping[str, Path | str]) -> None:
    """Write down where the folders are on this machine, and the stores."""
    text = json.dumps({alias: str(root) for alias, root in roots.items()}, indent=1, sort_keys=True)
    replace_file(workspace.roots, f"{text}\n".encode())


def _root(where: str) -> tuple[Path | str, str]:
    """The folder or the address that is given, and the one manifest or tar in it if that is what is named."""
    root = root_of(where)
    if isinstance(root, str):
        folder, _, last = root.rpartition("/")
        return (folder, last) if last.endswith((*TABLES, *archives.ENDINGS)) else (root, "")
    path = root.expanduser().resolve()
    if path.is_dir():
        return path, ""
    if path.name.lower().endswith(archives.COMPRESSED):
        raise ValueError(
            f"{path} is compressed, and members of a tar are read where they stand: unpack it to a plain tar"
        )
    if not path.is_file() or path.suffix not in (*TABLES, *archives.ENDINGS):
        endings = ", ".join((*TABLES, *archives.ENDINGS))
        raise ValueError(f"{path} is neither a folder nor a manifest nor a tar ({endings}), nor the address of a store")
    return path.parent, path.name


def _known() -> list[sources.Source]:
    return sources.read(TABLE) if TABLE.is_file() else []
