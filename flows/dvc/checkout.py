"""The only entry point for content of a remote: verified by hash into the cache, then checked out."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from dvc.config import Config
from dvc.output import Output
from dvc.repo import Repo

from flows.dvc.listings import destination
from flows.dvc.objects import cached, copied
from flows.dvc.remote import Remote


def opened(root: Path) -> Repo:
    """Open DVC's repository in a folder, with `verify` on for every remote, whatever the configuration says."""
    remotes = Config(str(root / ".dvc"), validate=False).get("remote", {})
    verified = {"remote": {name: {"verify": True} for name in remotes}}
    return Repo(str(root), config=verified, _wait_for_lock=True)


def bring(things: Sequence[Output], repo: Repo, remote: Remote | None) -> list[str]:
    """Check out outputs, dependencies or pins from the cache or the remote; returns the missing paths.

    Nothing is written to the workspace before everything is in the cache and every path has been validated. Raises
    Untrusted for refused content, errors.Retryable if the remote is needed but unavailable.
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
        else:  # tracked by git, such as a small metrics file
            for target, md5 in targets[thing.def_path].items():
                copied(cache, md5, target, "the cache")
    return []


def _targets(thing: Output, files: Mapping[str, str]) -> dict[Path, str]:
    """Map target path -> hash for the files of an output; raises Untrusted for a path outside of it."""
    path, md5 = Path(thing.fs_path), thing.hash_info.value
    return {destination(path, name, md5): file_md5 for name, file_md5 in files.items()}
