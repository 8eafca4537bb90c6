"""A user's own media as an input: `data/sources.parquet` says what is there, `.videopoet/roots.json` where it lies.

The media stay where they are. The table (hashes, captions, licences, splits) is an input of the stage `ingest` and is
tracked; the folder that an alias stands for is this machine's business and is not.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from components.common.artifacts import replace_file
from components.ingest import sources
from flows.workspace import Workspace

TABLE = Path("data/sources.parquet")


def add(workspace: Workspace, path: Path, alias: str) -> str:
    """Take a folder's media, or those that a manifest names, into the table; returns what was found, in words.

    `alias` names the folder from now on, its own name if empty. Adding an alias again brings its files up to date.
    Raises ValueError for an alias that stands for another folder.
    """
    path = path.expanduser().resolve()
    folder = path if path.is_dir() else path.parent
    alias = alias or re.sub(r"[^\w-]+", "-", folder.name).strip("-").lower()
    roots = folders(workspace)
    if roots.get(alias, folder) != folder:
        raise ValueError(f"`{alias}` already stands for {roots[alias]}: give another name with --alias")
    found = sources.sources_of(sources.scan(path, root=alias))
    if not found:
        raise ValueError(f"{path} holds no media")
    TABLE.parent.mkdir(exist_ok=True)
    sources.write(TABLE, [source for source in _known() if source.root != alias] + found)
    keep_folders(workspace, roots | {alias: folder})
    captions, size = sum(bool(source.caption) for source in found), sum(source.size_bytes for source in found)
    return f"{alias}: {len(found)} files, {captions} with a caption, {size / 1e6:,.1f} MB in {folder}"


def remove(workspace: Workspace, alias: str) -> int:
    """Take the files of an alias out of the table; returns their number. Raises ValueError for an unknown alias."""
    known = _known()
    left = [source for source in known if source.root != alias]
    roots = folders(workspace)
    if len(left) == len(known) and alias not in roots:
        names = sorted({source.root for source in known} | roots.keys())
        raise ValueError(f"no sources are called `{alias}`: choose from {', '.join(names) or 'none'}")
    sources.write(TABLE, left)
    keep_folders(workspace, {name: folder for name, folder in roots.items() if name != alias})
    return len(known) - len(left)


def listed(workspace: Workspace) -> Iterator[str]:
    """A line per alias: how many files, and where they lie on this machine."""
    roots = folders(workspace)
    for alias, count in sorted(Counter(source.root for source in _known()).items()):
        where = roots.get(alias, "unknown on this machine: `videopoet sources add FOLDER --alias` says where it lies")
        yield f"{alias}: {count} files in {where}"


def folders(workspace: Workspace) -> dict[str, Path]:
    """Alias -> folder on this machine."""
    if not workspace.roots.is_file():
        return {}
    return {alias: Path(folder) for alias, folder in json.loads(workspace.roots.read_text()).items()}


def keep_folders(workspace: Workspace, roots: Mapping[str, Path]) -> None:
    """Write down where the folders are on this machine."""
    text = json.dumps({alias: str(folder) for alias, folder in roots.items()}, indent=1, sort_keys=True)
    replace_file(workspace.roots, f"{text}\n".encode())


def _known() -> list[sources.Source]:
    return sources.read(TABLE) if TABLE.is_file() else []
