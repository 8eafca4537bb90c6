"""The default DVC remote of a checkout: objects by hash, DVC's run-cache, and the records of runs.

The second half of the bridge to DVC (`flows.stages`): every transfer goes through DVC's own file systems, so a path,
S3 and whatever else DVC reaches work alike. Records lie in `records/<name>/` under the remote's root, beside DVC's
`files/` and `runs/`: whatever lies in `runs/` is copied to everybody by `dvc pull --run-cache`. A record is there if
its record.json is, which is written last. Any thread may call.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path
from typing import Any

from dvc.stage.cache import _get_cache_hash
from dvc_data.hashfile.hash_info import HashInfo
from dvc_data.hashfile.tree import Tree

from components.common import errors
from flows.store import Store

RECORDS, RECORD = "records", "record.json"
AT_ONCE = 16  # small files


class Remote:
    """The remote that `core.remote` of DVC's configuration names; errors.Retryable where it does not answer."""

    def __init__(self, repo: Any):
        self._repo = repo
        self._objects = repo.cloud.get_remote_odb()
        root = repo.cloud.get_remote_odb(hash_name="md5-dos2unix")
        self._fs, self._root = root.fs, root.path
        self.place = f"remote `{repo.config['core']['remote']}` ({self._fs.unstrip_protocol(self._root)})"

    def holds(self, hashes: Iterable[str]) -> bool:
        """Whether all objects are there."""
        with self._reached():
            return all(self._objects.exists(md5) for md5 in hashes)

    def copy(self, md5: str, target: Path) -> bool:
        """Copy the object to a file; False if it is not there."""
        with self._reached():
            return copied(self._objects, md5, target)

    def store(self) -> Store:
        """The remote as a place that fills up."""
        return Store(self.place, self._objects, self._fs.join(self._root, "runs"))

    def run(self, key: str) -> tuple[str, str] | None:
        """The run-cache's entry for a key, as its name and its YAML; of several the first by name."""
        with self._reached():
            folder = self._fs.join(self._root, "runs", key[:2], key)
            paths = sorted(self._fs.find(folder)) if self._fs.exists(folder) else []
            return (self._fs.name(paths[0]), self._read(paths[0]).decode()) if paths else None

    def push(self, entries: Iterable[Mapping[str, Any]]) -> None:
        """Push outputs of stages, given as in dvc.lock, then their run-cache entries; what is there is left alone."""
        entries = list(entries)
        outs = {out["path"]: out["md5"] for entry in entries for out in entry.get("outs", [])}
        cache = self._repo.cache.local
        here = {path: HashInfo("md5", md5) for path, md5 in outs.items() if cache.exists(md5)}
        gone = [path for path, md5 in outs.items() if path not in here and not self.holds([md5])]
        if gone:
            raise errors.Retryable(
                f"{', '.join(gone)} is not in DVC's cache and can't be pushed: `dvc commit` puts it there"
            )
        files = {oid for item in here.values() if item.isdir for _, _, oid in Tree.load(cache, item)}
        with self._reached():
            if failed := self._repo.cloud.push({*here.values(), *files}, odb=self._objects).failed:
                raise OSError(f"{len(failed)} objects could not be written")
            for entry in entries:
                self._push_run(entry)

    def has_record(self, name: str) -> bool:
        """Whether the record of this run is there, whole."""
        with self._reached():
            return bool(self._fs.exists(self._fs.join(self._root, RECORDS, name, RECORD)))

    def push_record(self, folder: Path) -> None:
        """Push the record in `folder`; one of the same name, of equal work, is left as it is."""
        if self.has_record(folder.name):
            return
        with self._reached():
            paths = [path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*")) if path.is_file()]
            for path in (*[path for path in paths if path != RECORD], RECORD):
                target = self._fs.join(self._root, RECORDS, folder.name, *path.split("/"))
                self._fs.put_file(str(folder / path), target)

    def records(self) -> list[dict[str, Any]]:
        """Every record.json."""
        names = self.record_names()
        with self._reached(), ThreadPoolExecutor(AT_ONCE) as pool:
            paths = [self._fs.join(self._root, RECORDS, name, RECORD) for name in names]
            return [json.loads(text) for text in pool.map(self._read, paths)]

    def record_names(self) -> list[str]:
        """Names of the records that are whole."""
        with self._reached():
            folder = self._fs.join(self._root, RECORDS)
            if not self._fs.exists(folder):
                return []
            names = [self._fs.name(path.rstrip("/")) for path in self._fs.ls(folder)]
        return sorted(name for name in names if self.has_record(name))

    def fetch_record(self, name: str, folder: Path) -> None:
        """Copy a record's files into an empty folder."""
        with self._reached():
            source = self._fs.join(self._root, RECORDS, name)
            for path in self._fs.find(source):
                target = folder.joinpath(*self._fs.relparts(path, source))
                target.parent.mkdir(parents=True, exist_ok=True)
                self._fs.get_file(path, str(target))

    def _push_run(self, entry: Mapping[str, Any]) -> None:
        key, value = _get_cache_hash(deepcopy(dict(entry)), key=True), _get_cache_hash(deepcopy(dict(entry)))
        local = Path(self._repo.stage_cache._get_cache_path(key, value))
        target = self._fs.join(self._root, "runs", key[:2], key, value)
        if local.is_file() and not self._fs.exists(target):
            self._fs.put_file(str(local), target)

    def _read(self, path: str) -> bytes:
        with self._fs.open(path, mode="rb") as file:
            return bytes(file.read())

    @contextmanager
    def _reached(self) -> Iterator[None]:
        try:
            yield
        except (AssertionError, errors.Retryable):
            raise
        except Exception as error:  # each kind of store has its own ways to fail, and none of them is ours
            words = f"{type(error).__name__}: {error}"
            raise errors.Retryable(f"{self.place} cannot be used ({words}): check it with `dvc remote list`") from error


def copied(objects: Any, md5: str, target: Path) -> bool:
    """Copy one object out of DVC's store `objects` to a file, which is then whole; False if it is not there."""
    source = objects.oid_to_path(md5)
    if not objects.fs.exists(source):
        return False
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = target.with_name(f".{target.name}.partial")
    objects.fs.get_file(source, str(beside))
    beside.replace(target)
    return True
