"""The user's own media as an input: `data/sources.parquet` lists them, `.videopoet/roots.json` locates them.

The media stay where they are. The table (hashes, captions, licenses, splits) is an input of stage `ingest` and is
tracked by git. The folder or store of an alias is specific to this machine and is not tracked; neither are sizes and
mtimes (`.videopoet/sources`), by which unchanged files are skipped.
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
LEAST_DIGITS = 8  # digits of a SHA-256


def add(workspace: Workspace, where: str, alias: str) -> str:
    """Add the media in a folder, a store, a manifest or a tar to the table; returns a summary.

    `alias` is the name of the folder or prefix, by default its own name. Adding an alias again updates its files: only
    changed files are read, and missing ones are marked as gone. Raises ValueError for an alias of another folder, and
    if there is nothing usable.
    """
    root, only = _root(where)
    alias = alias or re.sub(r"[^\w-]+", "-", str(root).rstrip("/").rsplit("/", 1)[-1]).strip("-").lower()
    if not re.fullmatch(r"\w[\w.-]*", alias):
        raise ValueError(f"`{alias}` is not a valid name: choose letters, digits, dots and dashes by --alias")
    roots = folders(workspace)
    if roots.get(alias, root) != root:
        raise ValueError(f"`{alias}` is already {roots[alias]}: choose another name with --alias")
    known, marks = _known(), workspace.folder(SEEN) / f"{alias}.json"
    mine = [source for source in known if source.root == alias]
    seen = (
        {name: (size, time) for name, (size, time) in json.loads(marks.read_text()).items()} if marks.is_file() else {}
    )
    try:
        scan = sources.Scan(storage.storage_of(root), alias, only=only, known=mine, seen=seen)
    except FileNotFoundError:
        raise ValueError(f"{where} does not exist") from None
    table, changes = history.renewed(known, alias, scan.sources)
    if not any(source.sha256 for source in table if source.root == alias):
        details = [f"{source.path}: {source.attributes['detail']}" for source in scan.sources if source.attributes]
        words = "; ".join(filter(None, [changes.text, *details[:1]]))
        raise ValueError(f"{where} has no usable media{f': {words}' if words else ''}")
    TABLE.parent.mkdir(exist_ok=True)
    sources.write(TABLE, table)
    save_folders(workspace, roots | {alias: root})
    replace_file(marks, json.dumps(scan.seen, sort_keys=True).encode())
    here = [source for source in table if source.root == alias and source.state == "present"]
    captions, size = sum(bool(source.caption) for source in here), sum(source.size_bytes for source in here)
    found = f"{alias}: {len(here)} files, {captions} with a caption, {size / 1e6:,.1f} MB in {root}"
    return f"{found}; {changes.text or 'nothing changed'}; {scan.read} files read"


def remove(workspace: Workspace, alias: str) -> int:
    """Remove the files of an alias from the table; returns their number. Raises ValueError for an unknown alias.

    Forgotten files stay in the table, so that they do not come back.
    """
    known = _known()
    roots = folders(workspace)
    if not any(source.root == alias for source in known) and alias not in roots:
        names = sorted({source.root for source in known} | roots.keys())
        raise ValueError(f"there are no sources `{alias}`: choose from {', '.join(names) or 'none'}")
    left = history.removed(known, alias)
    sources.write(TABLE, left)
    save_folders(workspace, {name: root for name, root in roots.items() if name != alias})
    (workspace.folder(SEEN) / f"{alias}.json").unlink(missing_ok=True)
    return len(known) - len(left)


def forget(workspace: Workspace, target: str) -> str:
    """Never read a source's bytes again, under any name; returns a summary.

    `target` is a file, a path as in `sources list`, or a SHA-256. Its cached data are deleted; `lineage --forward`
    lists the outputs made from it. Raises ValueError if it is not a source.
    """
    from components.filter import cache  # late: imports OpenCV

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
        raise ValueError(f"{len(found)} sources match {target}: give a file, alias/path, or SHA-256")
    (sha256,) = found
    sources.write(TABLE, history.forget(known, sha256))
    for kept in workspace.folder("cache").glob(f"ingest/*/*/{sha256}.arrow"):
        kept.unlink()
    cache.forget(workspace.folder("cache") / "filter", sha256)
    names = [f"{source.root}/{source.path}" for source in known if source.sha256 == sha256]
    return (
        f"{', '.join(names)}: forgotten, sha256 {sha256}. The next run drops its clips; delete earlier outputs"
        f" with `videopoet gc`; `videopoet lineage --forward {sha256}` lists them"
    )


def listed(workspace: Workspace) -> Iterator[str]:
    """Yield a line per alias: number of files, place on this machine, and numbers of unused files by state."""
    roots, states = folders(workspace), dict[str, Counter[State]]()
    for source in _known():
        states.setdefault(source.root, Counter())[source.state] += 1
    for alias, counts in sorted(states.items()):
        where = roots.get(alias, "an unknown place on this machine: set it with `videopoet sources add FOLDER --alias`")
        others = ", ".join(f"{count} {state}" for state, count in sorted(counts.items()) if state != "present")
        yield f"{alias}: {counts['present']} files in {where}{f'; {others}' if others else ''}"


def folders(workspace: Workspace) -> dict[str, Path | str]:
    """Return alias -> folder on this machine, or address of a store."""
    if not workspace.roots.is_file():
        return {}
    return {alias: root_of(root) for alias, root in json.loads(workspace.roots.read_text()).items()}


def stores(workspace: Workspace) -> dict[str, str]:
    """Return alias -> address of the stores, which are the same on every machine."""
    return {alias: root for alias, root in folders(workspace).items() if isinstance(root, str)}


def save_folders(workspace: Workspace, roots: Mapping[str, Path | str]) -> None:
    """Save the places of folders and stores."""
    text = json.dumps({alias: str(root) for alias, root in roots.items()}, indent=1, sort_keys=True)
    replace_file(workspace.roots, f"{text}\n".encode())


def _root(where: str) -> tuple[Path | str, str]:
    """Return the folder or address, and the name of the manifest or tar in it, if `where` names one."""
    root = root_of(where)
    if isinstance(root, str):
        folder, _, last = root.rpartition("/")
        return (folder, last) if last.endswith((*TABLES, *archives.ENDINGS)) else (root, "")
    path = root.expanduser().resolve()
    if path.is_dir():
        return path, ""
    if path.name.lower().endswith(archives.COMPRESSED):
        raise ValueError(
            f"{path} is compressed, but members of a tar are read in place: convert it to an uncompressed tar"
        )
    if not path.is_file() or path.suffix not in (*TABLES, *archives.ENDINGS):
        endings = ", ".join((*TABLES, *archives.ENDINGS))
        raise ValueError(f"{path} is not a folder, a manifest, a tar ({endings}) or the address of a store")
    return path.parent, path.name


def _known() -> list[sources.Source]:
    return sources.read(TABLE) if TABLE.is_file() else []
