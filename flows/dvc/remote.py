"""The default DVC remote of a checkout: objects by hash, DVC's run-cache, and records of runs.

All transfers use DVC's file systems, so a path, S3 and any other kind of remote work alike. Records are in
`records/<name>/` under the remote's root, beside DVC's `files/` and `runs/`; `dvc pull --run-cache` copies only
`runs/`. A record exists if its record.json does, which is written last. Any thread may call.

DVC's file systems report a missing file if a store is unreachable, so `exists` is not used here.

Anyone with write access may have written anything. Content of the remote is validated by `graph.untrusted` and verified
by hash before use. Nothing in the remote is deleted or replaced: DVC's own transfers would do so with altered objects
of a remote that is a folder, and are not used.
"""

import json
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from copy import deepcopy
from itertools import groupby
from pathlib import Path
from typing import Any

from dvc.stage.cache import _get_cache_hash

from components.common import errors
from flows.dvc.listings import LISTING, parsed
from flows.dvc.object_store import ObjectStore
from flows.dvc.objects import cached, copied, fetched, is_there, md5_of, refusal, send
from flows.graph.graph import Artifact
from flows.graph.untrusted import Untrusted, digest, inside

RECORDS, RECORD, VALUES = "records", "record.json", "values"
RECORD_NAME, RUN_CACHE_NAME = re.compile(r"[0-9a-f]{10}"), re.compile(r"[0-9a-f]{64}")
AT_ONCE = 16  # parallel transfers of small files


class Remote:
    """The remote that `core.remote` of DVC's configuration names; raises errors.Retryable if it does not answer."""

    def __init__(self, repo: Any):
        self._repo = repo
        self._objects = repo.cloud.get_remote_odb()
        root = repo.cloud.get_remote_odb(hash_name="md5-dos2unix")
        self._fs, self._root = root.fs, root.path
        for fs in (self._fs.fs, self._objects.fs.fs):  # cached listings would miss other machines' writes
            fs.dircache.use_listings_cache = False
        self.place = f"remote `{repo.config['core']['remote']}` ({self._fs.unstrip_protocol(self._root)})"

    def holds(self, hashes: Iterable[str]) -> bool:
        """Return True if all objects exist; a folder's listing, which is pushed last, stands for the folder."""
        with self.reached():
            return all(self._has(md5) for md5 in hashes)

    def missing(self, outs: Mapping[str, Artifact]) -> list[str]:
        """Return the paths of incomplete `outs`: a listing must match its hash, and all its files must exist."""
        with self.reached():
            return [path for path, item in outs.items() if not self._is_whole(item.md5)]

    def add(self, content: bytes) -> str:
        """Store an object; returns its hash."""
        with self.reached():
            self._objects.add_bytes(md5_of(content), content)
            return md5_of(content)

    def content(self, md5: str) -> bytes | None:
        """Return an object's bytes; None if they have another hash."""
        with self.reached():
            content = self._read(self._path(md5))
            return content if md5_of(content) == md5 else None

    def copy(self, md5: str, target: Path) -> bool:
        """Copy the object to a file; False if it is missing. Raises Untrusted if it does not match its hash."""
        with self.reached():
            return copied(self._objects, md5, target, self.place)

    def fetch(self, outs: Mapping[str, str]) -> list[str]:
        """Copy outputs, path -> hash, into DVC's cache; returns the paths of missing ones.

        Raises Untrusted, naming the files, if content does not match its hash; none of it stays in the cache.
        """
        cache = self._repo.cache.local
        with self.reached():
            if missing := fetched(self._objects, cache, {md5: path for path, md5 in outs.items()}, self.place):
                return missing
            files = dict[str, str]()
            for path, md5 in outs.items():
                if md5.endswith(LISTING):  # its bytes are verified, its content not yet
                    listed = parsed(Path(cache.oid_to_path(md5)).read_bytes(), md5)
                    files |= {file_md5: f"{path}/{name}" for name, file_md5 in listed.items()}
            return fetched(self._objects, cache, files, self.place)

    def store(self) -> ObjectStore:
        """Return the remote as an object store."""
        return ObjectStore(self.place, self._objects, self._fs.join(self._root, "runs"))

    def run(self, key: str) -> str | None:
        """Return the run-cache entry of a key as YAML; the first by name if there are several."""
        with self.reached():
            folder = self._fs.join(self._root, "runs", key[:2], key)
            found = self._fs.find(folder) if is_there(self._fs, folder) else []
            paths = sorted(path for path in found if RUN_CACHE_NAME.fullmatch(self._fs.name(path)))
            return self._read(paths[0]).decode() if paths else None

    def values(self, key: str) -> list[str]:
        """Return the results of equal work, as written by `flows.dvc.determinism`."""
        with self.reached():
            folder = self._fs.join(self._root, VALUES, key)
            paths = sorted(self._fs.find(folder)) if is_there(self._fs, folder) else []
            return [self._read(path).decode() for path in paths if path.endswith(".json")]

    def add_value(self, name: str, file: Path, *, replace: bool = False) -> None:
        """Store a result; an existing one of this name is kept unless `replace`."""
        with self.reached():
            target = self._fs.join(self._root, VALUES, *name.split("/"))
            if replace or not is_there(self._fs, target):
                self._fs.put_file(str(file), target)

    def receive(self, objects: Any, hashes: Iterable[str]) -> None:
        """Copy missing objects of another of DVC's stores to the remote, listings last."""
        with self.reached():
            for _, group in groupby(sorted({*hashes}, key=_is_listing), _is_listing):
                send(objects, self._objects, self._absent(group))

    def push(self, entries: Iterable[Mapping[str, Any]]) -> None:
        """Push missing outputs of stages, given as in dvc.lock, then their run-cache entries."""
        entries = list(entries)
        self.push_outs({out["path"]: out["md5"] for entry in entries for out in entry.get("outs", [])})
        with self.reached():
            for entry in entries:
                self._push_run(entry)

    def push_outs(self, outs: Mapping[str, str]) -> None:
        """Push missing outputs, given as path -> hash."""
        cache = self._repo.cache.local
        here = {path: files for path, md5 in outs.items() if (files := cached(cache, md5)) is not None}
        gone = [path for path, md5 in outs.items() if path not in here and not self.holds([md5])]
        if gone:
            raise errors.Retryable(
                f"{', '.join(gone)} is not in DVC's cache and cannot be pushed: add it with `dvc commit`"
            )
        with self.reached():
            if altered := [f"{path} ({outs[path]})" for path in here if self._is_altered(outs[path])]:
                raise refusal(self.place, altered)
            self.receive(cache, {md5 for path, files in here.items() for md5 in (outs[path], *files.values())})

    def has_record(self, name: str) -> bool:
        """Return True if the record of this run exists and is complete."""
        with self.reached():
            return is_there(self._fs, self._fs.join(self._root, RECORDS, name, RECORD))

    def push_record(self, folder: Path) -> None:
        """Push the record in `folder`, unless one of the same name (equal work) exists."""
        if self.has_record(folder.name):
            return
        with self.reached():
            paths = [path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*")) if path.is_file()]
            for path in (*[path for path in paths if path != RECORD], RECORD):
                target = self._fs.join(self._root, RECORDS, folder.name, *path.split("/"))
                self._fs.put_file(str(folder / path), target)

    def records(self) -> list[dict[str, Any]]:
        """Return every record.json."""
        names = self.record_names()
        with self.reached(), ThreadPoolExecutor(AT_ONCE) as pool:
            paths = [self._fs.join(self._root, RECORDS, name, RECORD) for name in names]
            return [json.loads(text) for text in pool.map(self._read, paths)]

    def record_names(self) -> list[str]:
        """Return the names of the complete records."""
        with self.reached():
            folder = self._fs.join(self._root, RECORDS)
            if not is_there(self._fs, folder):
                return []
            names = [self._fs.name(path.rstrip("/")) for path in self._fs.ls(folder)]
        return sorted(name for name in names if RECORD_NAME.fullmatch(name) and self.has_record(name))

    def fetch_record(self, name: str, folder: Path) -> None:
        """Copy a record into a new folder; raises Untrusted, and leaves no folder, if a key leads out of it."""
        with self.reached():
            source = self._fs.join(self._root, RECORDS, name)
            keys = [*self._fs.find(source)]  # raw keys of a store, possibly with `..`
            targets = {key: inside(folder, key.removeprefix(f"{source}/"), f"the record {name}") for key in keys}
            try:
                for key, target in targets.items():
                    target.parent.mkdir(parents=True, exist_ok=True)
                    self._fs.get_file(key, str(target))
            except BaseException:
                shutil.rmtree(folder, ignore_errors=True)
                raise

    @contextmanager
    def reached(self) -> Iterator[None]:
        """Raise any failure within the block as errors.Retryable: it is the remote's and may be temporary."""
        try:
            yield
        except (AssertionError, errors.Retryable, Untrusted):
            raise
        except Exception as error:  # each kind of store has its own exceptions
            words = f"{type(error).__name__}: {error}"
            raise errors.Retryable(f"{self.place} cannot be used ({words}): check it with `dvc remote list`") from error

    def _push_run(self, entry: Mapping[str, Any]) -> None:
        key, value = _get_cache_hash(deepcopy(dict(entry)), key=True), _get_cache_hash(deepcopy(dict(entry)))
        local = Path(self._repo.stage_cache._get_cache_path(key, value))
        target = self._fs.join(self._root, "runs", key[:2], key, value)
        if local.is_file() and not is_there(self._fs, target):
            self._fs.put_file(str(local), target)

    def _path(self, md5: str) -> str:
        return str(self._objects.oid_to_path(digest(md5, self.place)))

    def _has(self, md5: str) -> bool:
        return is_there(self._objects.fs, self._path(md5))

    def _absent(self, hashes: Iterable[str]) -> list[str]:
        """Return the missing hashes, checked one by one: DVC's own query deletes altered objects."""
        requested = [*hashes]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            return [md5 for md5, found in zip(requested, pool.map(self._has, requested), strict=True) if not found]

    def _is_whole(self, md5: str) -> bool:
        if not self._has(md5) or self._is_altered(md5):
            return False
        return not (_is_listing(md5) and self._absent({*parsed(self._read(self._path(md5)), md5).values()}))

    def _is_altered(self, md5: str) -> bool:
        """Return True for a listing that does not match its hash; files are too large to check."""
        return _is_listing(md5) and self._has(md5) and f"{md5_of(self._read(self._path(md5)))}{LISTING}" != md5

    def _read(self, path: str) -> bytes:
        with self._fs.open(path, mode="rb") as file:
            return bytes(file.read())


def _is_listing(md5: str) -> bool:
    return md5.endswith(LISTING)
