"""Entries in DVC's `rwlock`, which keep two of its processes from writing the same file."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil

from components.common.artifacts import replace_file


def drop_stale(path: Path) -> None:
    """Remove the entries of dead processes; DVC itself is misled by reused process IDs.

    Must be called under the repository's lock, while no other process edits the file.
    """
    try:
        entries = json.loads(path.read_text())
    except FileNotFoundError:
        return
    except json.JSONDecodeError:  # killed while writing
        path.unlink()
        return
    written_s = path.stat().st_mtime

    def alive(entry: Mapping[str, Any]) -> bool:
        try:
            return bool(psutil.Process(entry["pid"]).create_time() <= written_s)
        except psutil.NoSuchProcess:
            return False

    kept = {
        "write": {file: entry for file, entry in entries.get("write", {}).items() if alive(entry)},
        "read": {
            file: [entry for entry in readers if alive(entry)] for file, readers in entries.get("read", {}).items()
        },
    }
    if kept != {"write": entries.get("write", {}), "read": entries.get("read", {})}:
        replace_file(path, json.dumps(kept).encode())
