"""Outputs tracked by `.dvc` files, pinned by hash.

A pin has the content of its hash, whatever is at its path in the workspace.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from dvc.output import Output
from dvc.repo import Repo
from dvc.stage import PipelineStage

from components.common import errors
from flows.dvc import checkout
from flows.dvc.remote import Remote
from flows.graph.graph import Artifact

FILE = "base.dvc"  # pins of a fine-tune's base


def read(repo: Repo) -> dict[str, Output]:
    """Return path -> DVC's output of all pins. DVC reads all files again for this: call once per `Repository`."""
    root = Path(repo.root_dir)
    outs = [out for stage in repo.index.stages if not stage.cmd for out in stage.outs]
    return {Path(out.fs_path).relative_to(root).as_posix(): out for out in outs if out.hash_info}


def items(outputs: Mapping[str, Output]) -> dict[str, Artifact]:
    """Return path -> artifact of pins."""
    return {path: Artifact(out.hash_info.value, out.meta.size, out.meta.nfiles) for path, out in outputs.items()}


def bring(pinned: Mapping[str, Output], stage: PipelineStage, repo: Repo, remote: Remote | None) -> None:
    """Check out the pins that a stage reads, from the cache or the remote.

    Raises ValueError if one is missing or untrusted, errors.Retryable if the remote is needed but unavailable.
    """
    for out in (pinned[dep.def_path] for dep in stage.deps if dep.def_path in pinned):
        if out.exists and not out.changed_checksum():
            continue
        md5 = out.hash_info.value
        if (missing := checkout.bring([out], repo, remote)) and remote and remote.holds([md5]):
            raise errors.Retryable(f"{', '.join(missing)} of {remote.place} could not be read")
        if missing:
            raise ValueError(f"{out.def_path} ({md5}) is neither in the cache nor in the remote")


def write(path: Path, items: dict[str, Artifact]) -> None:
    """Write a `.dvc` file that pins these hashes at paths beside it; equal pins give equal bytes."""
    outs = [
        {"md5": item.md5, "size": item.size, "nfiles": item.nfiles, "hash": "md5", "path": place}
        for place, item in sorted(items.items())
    ]
    lines = [{key: value for key, value in out.items() if value is not None} for out in outs]
    path.write_text(yaml.safe_dump({"outs": lines}, sort_keys=False))


def settings(repo: Repo) -> str:
    """Return DVC's configuration for another checkout on this machine that shares cache and remotes.

    It may contain secrets, so it belongs in `config.local`.
    """
    links = {"type": ",".join(repo.config["cache"]["type"])} if "type" in repo.config["cache"] else {}
    sections: dict[str, dict[str, Any]] = {"cache": {"dir": repo.cache.local_cache_dir, **links}}
    if name := repo.config["core"].get("remote"):
        sections["core"] = {"remote": name}
    for remote, values in repo.config["remote"].items():
        sections[f"'remote \"{remote}\"'"] = dict(values)
    lines = []
    for name, values in sections.items():
        lines += [f"[{name}]", *(f'{key} = "{value}"' for key, value in values.items())]
    return "\n".join([*lines, ""])
