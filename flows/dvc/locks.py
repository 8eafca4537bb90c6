"""Claims on files that DVC's processes note in its `rwlock`, so that two of them do not write the same one."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil

from components.common.artifacts import replace_file


def forget_dead(path: Path) -> None:
    """Drop claims of processes that were killed; DVC itself is fooled when their number is in use again.

    Called under the repository's lock, when nobody else edits the file.
    """
    try:
        claims = json.loads(path.read_text())
    except FileNotFoundError:
        return
    except json.JSONDecodeError:  # killed while writing
        path.unlink()
        return
    written_s = path.stat().st_mtime

    def alive(claim: Mapping[str, Any]) -> bool:
        try:
            return bool(psutil.Process(claim["pid"]).create_time() <= written_s)
        except psutil.NoSuchProcess:
            return False

    kept = {
        "write": {file: claim for file, claim in claims.get("write", {}).items() if alive(claim)},
        "read": {file: [c for c in readers if alive(c)] for file, readers in claims.get("read", {}).items()},
    }
    if kept != {"write": claims.get("write", {}), "read": claims.get("read", {})}:
        replace_file(path, json.dumps(kept).encode())
