"""Objects of DVC's stores, moved from one to another or to a file, and hashed on their way.

DVC's own transfers are not used: they believe what a remote holds unless they are told otherwise, and they delete
objects of a remote that is a folder where these are not what their hash says.
"""

import hashlib
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from dvc.fs.callbacks import TqdmCallback

from flows.dvc.listings import LISTING, parsed
from flows.graph.untrusted import Untrusted, digest

NAMED = 5  # of the objects that are refused


def cached(cache: Any, md5: str) -> dict[str, str] | None:
    """Path -> hash of the files of an output that DVC's cache holds whole, None if it does not.

    Altered objects count as absent, and are removed from the cache.
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
    """Bring objects of a remote, hash -> what it is for, into the cache; returns what those are for that are not there.

    `place` is what people call the remote. Raises Untrusted if content is not what its hash says, and keeps none of it;
    OSError if the remote cannot be read.
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
            verify=True,  # what is not what its hash says is removed again
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
    """Copy objects out of one of DVC's stores to a remote; raises OSError, with the reasons, if some did not arrive."""
    by_fs, faults = dict[Any, list[Any]](), list[str]()
    for found in map(objects.get, hashes):
        by_fs.setdefault(found.fs, []).append(found)
    for fs, found in by_fs.items():
        remote.add(
            [one.path for one in found],
            fs,
            [one.oid for one in found],
            check_exists=False,
            verify=False,  # DVC would read all of it back, and delete there what it finds altered
            on_error=lambda _, error: faults.append(str(error)),
            batch_size=remote.fs.jobs,
        )
    if faults:
        raise OSError(f"{len(faults)} objects could not be written: {'; '.join(sorted({*faults}))}")


def copied(objects: Any, md5: str, target: Path, place: str) -> bool:
    """Copy one object out of DVC's store `objects`, called `place`, to a file, which is then whole.

    Returns False if it is not there; raises Untrusted, and leaves `target` as it is, if its content has another hash.
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
    """What to say of objects whose content is not what their hash says."""
    more = f" and {len(altered) - NAMED} more" if len(altered) > NAMED else ""
    return Untrusted(
        f"{place} is refused: its content of {', '.join(altered[:NAMED])}{more} is not what the hash says. Find out who"
        " changed it, remove it there, and push it again from a checkout that has it"
    )


def is_there(fs: Any, path: str) -> bool:
    """Whether something lies at `path`; raises what the file system raises if it is not to be reached."""
    with suppress(FileNotFoundError):
        fs.info(path)
        return True
    return False


def md5_of(content: bytes) -> str:
    """MD5 as hex, by which DVC names an object."""
    return hashlib.md5(content, usedforsecurity=False).hexdigest()
