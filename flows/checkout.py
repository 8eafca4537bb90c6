"""The only way in for what a remote holds: from there to the cache, hashed, and into the workspace, looked through.

Part of the bridge to DVC (`flows.stages`).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from dvc.config import Config
from dvc.output import Output
from dvc.repo import Repo

from flows.contents import copy_out, destination
from flows.objects import cached

if TYPE_CHECKING:
    from flows.stages import Repository


def opened(root: Path) -> Repo:
    """DVC's repository in a folder; what it fetches itself from any remote it verifies, whatever the checkout says."""
    remotes = Config(str(root / ".dvc"), validate=False).get("remote", {})
    verified = {"remote": {name: {"verify": True} for name in remotes}}
    return Repo(str(root), config=verified, _wait_for_lock=True)


def bring(repository: "Repository", things: Sequence[Output]) -> list[str]:
    """Put outputs, dependencies or pins in place, from the cache or the remote; returns paths of what is missing.

    Nothing is written to the workspace before all of it is in the cache and each path in it has been looked at. Raises
    Untrusted for what is refused, errors.Retryable if the remote has to be asked and cannot be used.
    """
    cache = repository.dvc.cache.local
    wanted = {thing.def_path: thing.hash_info.value for thing in things}
    absent = {path: md5 for path, md5 in wanted.items() if cached(cache, md5) is None}
    if absent and (missing := repository.remote.fetch(absent) if repository.remote else [*absent]):
        return missing
    for thing in things:
        for name in cached(cache, wanted[thing.def_path]) or ():
            destination(Path(thing.fs_path), name, wanted[thing.def_path])
    for thing in things:
        if thing.use_cache:
            thing.checkout(force=True)
        else:  # a small metric, say, which git tracks
            copy_out(repository, wanted[thing.def_path], Path(thing.fs_path))
    return []
