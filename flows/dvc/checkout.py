"""The only way in for what a remote holds: from there to the cache, hashed, and into the workspace, looked through."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from dvc.config import Config
from dvc.output import Output
from dvc.repo import Repo

from flows.dvc.listings import destination
from flows.dvc.objects import cached, copied
from flows.dvc.remote import Remote


def opened(root: Path) -> Repo:
    """DVC's repository in a folder; what it fetches itself from any remote it verifies, whatever the checkout says."""
    remotes = Config(str(root / ".dvc"), validate=False).get("remote", {})
    verified = {"remote": {name: {"verify": True} for name in remotes}}
    return Repo(str(root), config=verified, _wait_for_lock=True)


def bring(things: Sequence[Output], repo: Repo, remote: Remote | None) -> list[str]:
    """Put outputs, dependencies or pins in place, from the cache or the remote; returns paths of what is missing.

    Nothing is written to the workspace before all of it is in the cache and each path in it has been looked at. Raises
    Untrusted for what is refused, errors.Retryable if the remote has to be asked and cannot be used.
    """
    cache = repo.cache.local
    wanted = {thing.def_path: thing.hash_info.value for thing in things}
    absent = {path: md5 for path, md5 in wanted.items() if cached(cache, md5) is None}
    if absent and (missing := remote.fetch(absent) if remote else [*absent]):
        return missing
    targets = {thing.def_path: _targets(thing, cached(cache, thing.hash_info.value) or {}) for thing in things}
    for thing in things:
        if thing.use_cache:
            thing.checkout(force=True)
        else:  # a small metric, say, which git tracks
            for target, md5 in targets[thing.def_path].items():
                copied(cache, md5, target, "the cache")
    return []


def _targets(thing: Output, files: Mapping[str, str]) -> dict[Path, str]:
    """Where the files of an output go -> hash; raises Untrusted if one leads out of it."""
    path, md5 = Path(thing.fs_path), thing.hash_info.value
    return {destination(path, name, md5): file_md5 for name, file_md5 in files.items()}
