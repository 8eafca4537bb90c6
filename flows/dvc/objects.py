"""Verified transfer of objects between DVC's stores and files.

DVC's own transfers are not used: by default they do not verify downloads, and they delete altered objects of a remote
that is a folder.
"""

import hashlib
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from dvc.fs.callbacks import TqdmCallback

from flows.dvc.listings import LISTING, parsed
from flows.graph.untrusted import Untrusted, digest

NAMED = 5  # refused objects shown


def cached(cache: Any, md5: str) -> dict[str, str] | None:
    """Return path -> hash of the files of an output that is complete in DVC's cache, otherwise None.

    Altered objects count as missing, and are removed from the cache.
    """
    files = {"": digest(md5, "an output")}
    if md5.endswith(LISTING):
        path = Path(cache.oid_to_path(md5))
        content = path.read_bytes() if path.is_file() else b""
        if md5_of(content) != md5.removesuffix(LISTING):
            path.unlink(missing_ok=True)
            return None
        files = parsed(content, md5)
    wanted = {*files.values()}
    return files if len(set(cache.oids_exist([*wanted]))) == len(wanted) else None


def fetched(remote: Any, cache: Any, names: Mapping[str, str], place: str) -> list[str]:
    """Copy objects of a remote (hash -> description) into the cache; returns the descriptions of missing ones.

    `place` is the name of the remote in messages. Raises Untrusted, and keeps nothing of it, if content does not match
    its hash; OSError if the remote cannot be read.
    """
    sources = {md5: remote.oid_to_path(digest(md5, place)) for md5 in names}
    here = {*cache.oids_exist([*names])}
    wanted, faults = [md5 for md5 in names if md5 not in here], dict[str, BaseException]()
    if not wanted:
        return []
    with TqdmCallback(desc=f"Fetching from {place}", unit="file") as callback:
        cache.add(
            [sources[md5] for md5 in wanted],
            remote.fs,
            wanted,
            check_exists=False,
            verify=True,  # content that does not match its hash is removed again
            on_error=faults.__setitem__,
            callback=callback,
            batch_size=remote.fs.jobs,
        )
    absent = [md5 for md5, fault in faults.items() if isinstance(fault, FileNotFoundError)]
    if len(absent) < len(faults):
        words = sorted({str(fault) for md5, fault in faults.items() if md5 not in absent})
        raise OSError(f"{len(faults)} objects could not be read: {'; '.join(words)}")
    if altered := [md5 for md5 in wanted if md5 not in faults and not cache.exists(md5)]:
        raise refusal(place, [f"{names[md5]} ({md5})" for md5 in altered])
    return [names[md5] for md5 in absent]


def send(objects: Any, remote: Any, hashes: Iterable[str]) -> None:
    """Copy objects of one of DVC's stores to a remote; raises OSError with the reasons if some failed."""
    by_fs, faults = dict[Any, list[Any]](), list[str]()
    for found in map(objects.get, hashes):
        by_fs.setdefault(found.fs, []).append(found)
    for fs, found in by_fs.items():
        remote.add(
            [one.path for one in found],
            fs,
            [one.oid for one in found],
            check_exists=False,
            verify=False,  # DVC would read everything back, and delete altered objects there
            on_error=lambda _, error: faults.append(str(error)),
            batch_size=remote.fs.jobs,
        )
    if faults:
        raise OSError(f"{len(faults)} objects could not be written: {'; '.join(sorted({*faults}))}")


def copied(objects: Any, md5: str, target: Path, place: str) -> bool:
    """Copy one object of DVC's store `objects`, called `place`, to a file atomically.

    Returns False if it is missing; raises Untrusted, and leaves `target` unchanged, if its content has another hash.
    """
    source = objects.oid_to_path(digest(md5, place))
    if not is_there(objects.fs, source):
        return False
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = target.with_name(f".{target.name}.partial")
    objects.fs.get_file(source, str(beside))
    with beside.open("rb") as file:
        found = hashlib.file_digest(file, "md5").hexdigest()
    if found != md5.removesuffix(LISTING):
        beside.unlink()
        raise refusal(place, [md5])
    beside.replace(target)
    return True


def refusal(place: str, altered: list[str]) -> Untrusted:
    """Return the error for objects whose content does not match their hash."""
    more = f" and {len(altered) - NAMED} more" if len(altered) > NAMED else ""
    return Untrusted(
        f"{place} is refused: its content of {', '.join(altered[:NAMED])}{more} does not match the hash. Find out who"
        " changed it, remove it there, and push it again from a checkout that has it"
    )


def is_there(fs: Any, path: str) -> bool:
    """Return True if `path` exists; raises the file system's error if it is unreachable."""
    with suppress(FileNotFoundError):
        fs.info(path)
        return True
    return False


def md5_of(content: bytes) -> str:
    """Return the MD5 as hex, which names an object in DVC."""
    return hashlib.md5(content, usedforsecurity=False).hexdigest()
