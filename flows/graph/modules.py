"""Changed modules of a stage's code.

DVC keeps only the hash of codelock/<component>.json. Each content that a stage ran with is therefore saved as
<hash>.json, so that a plan can name modules. For runs of an older checkout, git's history is searched.
"""

import hashlib
import json
import subprocess
from pathlib import Path

FOLDER = "codelock"
REVISIONS = 50  # of one file's history, the newest


def is_lock(path: str) -> bool:
    """Return True if an input of a stage is a code lock."""
    return Path(path).parent.name == FOLDER and path.endswith(".json")


def save_snapshot(seen: Path, lock: Path) -> None:
    """Save the present content of a codelock file in the folder `seen`."""
    content = lock.read_bytes()
    kept = seen / f"{_md5(content)}.json"
    if not kept.exists():
        kept.write_bytes(content)


def differences(seen: Path, lock: Path, old_md5: str) -> dict[str, tuple[str, str]]:
    """Map module -> (old, new) hash of the changed modules, "" for an absent module.

    The map is empty if the old content is not found.
    """
    content = _content(seen, lock, old_md5)
    if content is None or not lock.is_file():
        return {}
    old, new = json.loads(content), json.loads(lock.read_bytes())
    return {
        module: (old.get(module, ""), new.get(module, ""))
        for module in sorted({*old, *new})
        if old.get(module) != new.get(module)
    }


def _content(seen: Path, lock: Path, md5: str) -> bytes | None:
    kept = seen / f"{md5}.json"
    if kept.is_file():
        return kept.read_bytes()
    for revision in _git("log", f"-{REVISIONS}", "--format=%H", "--", str(lock)).decode().split():
        content = _git("show", f"{revision}:./{lock}")
        if _md5(content) == md5:
            return content
    return None


def _git(*arguments: str) -> bytes:
    return subprocess.run(["git", *arguments], capture_output=True, check=False).stdout


def _md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()
