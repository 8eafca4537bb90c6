"""The default DVC remote of a checkout: objects by hash, DVC's run-cache, and the records of runs.

The second half of the bridge to DVC (`flows.stages`): every transfer goes through DVC's own file systems, so a path,
S3 and whatever else DVC reaches work alike. Records lie in `records/<name>/` under the remote's root, beside DVC's
`files/` and `runs/`: whatever lies in `runs/` is copied to everybody by `dvc pull --run-cache`. A record is there if
its record.json is, which is written last. Any thread may call.
The file systems under DVC say of everything in a store that is away that it does not exist: here nobody asks them so.
"""

import hashlib
import json
import logging
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from copy import deepcopy
from pathlib import Path
from typing import Any

from dvc.stage.cache import _get_cache_hash
from dvc_data.hashfile.hash_info import HashInfo
from dvc_data.hashfile.transfer import transfer
from dvc_data.hashfile.tree import Tree

from components.common import errors
from flows.graph import Item
from flows.store import Store

RECORDS, RECORD, VALUES = "records", "record.json", "values"
AT_ONCE = 16  # small files


class Remote:
    """The remote that `core.remote` of DVC's configuration names; errors.Retryable where it does not answer."""

    def __init__(self, repo: Any):
        self._repo = repo
        self._objects = repo.cloud.get_remote_odb()
        root = repo.cloud.get_remote_odb(hash_name="md5-dos2unix")
        self._fs, self._root = root.fs, root.path
        for fs in (self._fs.fs, self._objects.fs.fs):  # a listing would be believed after other machines wrote there
            fs.dircache.use_listings_cache = False
        self.place = f"remote `{repo.config['core']['remote']}` ({self._fs.unstrip_protocol(self._root)})"

    def holds(self, hashes: Iterable[str]) -> bool:
        """Whether all objects are there; a folder's listing, which is pushed last, stands for the folder."""
        with self.reached():
            return all(self._has(md5) for md5 in hashes)

    def missing(self, outs: Mapping[str, Item]) -> list[str]:
        """Paths of `outs` that are not whole: a folder's listing is what its hash says, and all it lists is there."""
        with self.reached():
            return [path for path, item in outs.items() if not self._is_whole(item.md5)]

    def add(self, content: bytes) -> str:
        """Put an object there; returns its hash."""
        with self.reached():
            self._objects.add_bytes(_md5(content), content)
            return _md5(content)

    def content(self, md5: str) -> bytes | None:
        """An object's bytes; None if they have another hash."""
        with self.reached():
            content = self._read(self._objects.oid_to_path(md5))
            return content if _md5(content) == md5 else None

    def copy(self, md5: str, target: Path) -> bool:
        """Copy the object to a file; False if it is not there."""
        with self.reached():
            return copied(self._objects, md5, target)

    def pull(self, things: Iterable[Any]) -> None:
        """Bring DVC's outputs or dependencies into its cache. Raises errors.Retryable also for what is not there."""
        with self.reached():
            for thing in things:
                for objects in thing.get_used_objs().values():
                    if failed := self._repo.cloud.pull(objects).failed:
                        raise OSError(f"{len(failed)} objects of {thing} could not be read")

    def store(self) -> Store:
        """The remote as a place that fills up."""
        return Store(self.place, self._objects, self._fs.join(self._root, "runs"))

    def run(self, key: str) -> tuple[str, str] | None:
        """The run-cache's entry for a key, as its name and its YAML; of several the first by name."""
        with self.reached():
            folder = self._fs.join(self._root, "runs", key[:2], key)
            found = self._fs.find(folder) if is_there(self._fs, folder) else []
            paths = sorted(path for path in found if not self._fs.name(path).startswith("."))  # half of one, perhaps
            return (self._fs.name(paths[0]), self._read(paths[0]).decode()) if paths else None

    def values(self, key: str) -> list[str]:
        """What the same work gave before, as `flows.values` wrote it."""
        with self.reached():
            folder = self._fs.join(self._root, VALUES, key)
            paths = sorted(self._fs.find(folder)) if is_there(self._fs, folder) else []
            return [self._read(path).decode() for path in paths if path.endswith(".json")]

    def add_value(self, name: str, file: Path, *, replace: bool = False) -> None:
        """Keep a value, unless there is one of this name that is not to be replaced."""
        with self.reached():
            target = self._fs.join(self._root, VALUES, *name.split("/"))
            if replace or not is_there(self._fs, target):
                self._fs.put_file(str(file), target)

    def receive(self, objects: Any, hashes: Iterable[HashInfo], *, shallow: bool = True) -> None:
        """Copy objects there out of another of DVC's stores; every single one is looked for, no index is believed."""
        with self.reached(), _reasons() as reasons:
            if failed := transfer(objects, self._objects, {*hashes}, cache_odb=objects, shallow=shallow).failed:
                raise OSError(f"{len(failed)} objects could not be written: {'; '.join(sorted({*reasons}))}")

    def push(self, entries: Iterable[Mapping[str, Any]]) -> None:
        """Push outputs of stages, given as in dvc.lock, then their run-cache entries; what is there is left alone."""
        entries = list(entries)
        self.push_outs({out["path"]: out["md5"] for entry in entries for out in entry.get("outs", [])})
        with self.reached():
            for entry in entries:
                self._push_run(entry)

    def push_outs(self, outs: Mapping[str, str]) -> None:
        """Push what has these hashes, by path; what is there is left alone."""
        cache = self._repo.cache.local
        here = {path: HashInfo("md5", md5) for path, md5 in outs.items() if cache.exists(md5)}
        gone = [path for path, md5 in outs.items() if path not in here and not self.holds([md5])]
        if gone:
            raise errors.Retryable(
                f"{', '.join(gone)} is not in DVC's cache and can't be pushed: `dvc commit` puts it there"
            )
        files = {oid for item in here.values() if item.isdir for _, _, oid in Tree.load(cache, item)}
        with self.reached():
            for md5 in {outs[path] for path in here}:
                if self._is_spoiled(md5):  # else it would be taken for whole and left alone
                    self._objects.delete(md5)
            self.receive(cache, {*here.values(), *files})

    def has_record(self, name: str) -> bool:
        """Whether the record of this run is there, whole."""
        with self.reached():
            return is_there(self._fs, self._fs.join(self._root, RECORDS, name, RECORD))

    def push_record(self, folder: Path) -> None:
        """Push the record in `folder`; one of the same name, of equal work, is left as it is."""
        if self.has_record(folder.name):
            return
        with self.reached():
            paths = [path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*")) if path.is_file()]
            for path in (*[path for path in paths if path != RECORD], RECORD):
                target = self._fs.join(self._root, RECORDS, folder.name, *path.split("/"))
                self._fs.put_file(str(folder / path), target)

    def records(self) -> list[dict[str, Any]]:
        """Every record.json."""
        names = self.record_names()
        with self.reached(), ThreadPoolExecutor(AT_ONCE) as pool:
            paths = [self._fs.join(self._root, RECORDS, name, RECORD) for name in names]
            return [json.loads(text) for text in pool.map(self._read, paths)]

    def record_names(self) -> list[str]:
        """Names of the records that are whole."""
        with self.reached():
            folder = self._fs.join(self._root, RECORDS)
            if not is_there(self._fs, folder):
                return []
            names = [self._fs.name(path.rstrip("/")) for path in self._fs.ls(folder)]
        return sorted(name for name in names if self.has_record(name))

    def fetch_record(self, name: str, folder: Path) -> None:
        """Copy a record's files into an empty folder."""
        with self.reached():
            source = self._fs.join(self._root, RECORDS, name)
            for path in self._fs.find(source):
                target = folder.joinpath(*self._fs.relparts(path, source))
                target.parent.mkdir(parents=True, exist_ok=True)
                self._fs.get_file(path, str(target))

    @contextmanager
    def reached(self) -> Iterator[None]:
        """Whatever fails within the block is the remote's fault, and may pass."""
        try:
            yield
        except (AssertionError, errors.Retryable):
            raise
        except Exception as error:  # each kind of store has its own ways to fail, and none of them is ours
            words = f"{type(error).__name__}: {error}"
            raise errors.Retryable(f"{self.place} cannot be used ({words}): check it with `dvc remote list`") from error

    def _push_run(self, entry: Mapping[str, Any]) -> None:
        key, value = _get_cache_hash(deepcopy(dict(entry)), key=True), _get_cache_hash(deepcopy(dict(entry)))
        local = Path(self._repo.stage_cache._get_cache_path(key, value))
        target = self._fs.join(self._root, "runs", key[:2], key, value)
        if local.is_file() and not is_there(self._fs, target):
            self._fs.put_file(str(local), target)

    def _has(self, md5: str) -> bool:
        return is_there(self._objects.fs, self._objects.oid_to_path(md5))

    def _is_whole(self, md5: str) -> bool:
        if not self._has(md5) or self._is_spoiled(md5):
            return False
        if not md5.endswith(".dir"):
            return True
        listed = {found.value for _, _, found in Tree.load(self._objects, HashInfo("md5", md5))}
        doubtful = listed - set(self._objects.oids_exist(listed))  # absent, or not asked for well
        return all(self._has(one) for one in doubtful)

    def _is_spoiled(self, md5: str) -> bool:
        """Whether it is the listing of a folder, and another than its hash says."""
        listing = self._objects.oid_to_path(md5)
        return md5.endswith(".dir") and self._has(md5) and f"{_md5(self._read(listing))}.dir" != md5

    def _read(self, path: str) -> bytes:
        with self._fs.open(path, mode="rb") as file:
            return bytes(file.read())


@contextmanager
def _reasons() -> Iterator[list[str]]:
    """Why objects could not be written within the block, which DVC tells its log alone."""
    found: list[str] = []
    log, handler = logging.getLogger(transfer.__module__), logging.Handler()
    handler.emit = lambda record: found.append(str(record.exc_info and record.exc_info[1]))  # type: ignore[method-assign]  # a class of its own would say no more
    log.addHandler(handler)
    try:
        yield found
    finally:
        log.removeHandler(handler)


def copied(objects: Any, md5: str, target: Path) -> bool:
    """Copy one object out of DVC's store `objects` to a file, which is then whole; False if it is not there."""
    source = objects.oid_to_path(md5)
    if not is_there(objects.fs, source):
        return False
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = target.with_name(f".{target.name}.partial")
    objects.fs.get_file(source, str(beside))
    beside.replace(target)
    return True


def is_there(fs: Any, path: str) -> bool:
    """Whether something lies at `path`; raises what the file system raises if it is not to be reached."""
    with suppress(FileNotFoundError):
        fs.info(path)
        return True
    return False


def _md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()
