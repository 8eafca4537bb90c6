"""One of DVC's stores, the cache or a remote: content, sizes, deletion.

An object is named by its hash; the listing of a folder is an object, too. A run-cache entry maps inputs to outputs, and
is useless without the outputs.
"""

from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import yaml

from flows.dvc.listings import LISTING

AT_ONCE = 16


@dataclass(frozen=True)
class ObjectStore:
    """The objects of a store, and the folder of its run-cache in the same file system."""

    name: str
    objects: Any  # DVC's object database
    runs: str

    def surplus(self, needed: Collection[str]) -> dict[str, int]:
        """Map hash -> bytes of every object that is not `needed`."""
        hashes = sorted(md5 for md5 in self.objects.all() if md5 not in needed)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            return dict(zip(hashes, pool.map(self._bytes, hashes), strict=True))

    def remove(self, hashes: Collection[str]) -> None:
        """Delete objects and the run-cache entries that need them; a kill leaves no entry without its objects."""
        gone = set(hashes)
        for path, outs in list(self._entries()):
            if outs & gone:
                self.objects.fs.remove(path)
        for md5 in sorted(
            gone, key=lambda md5: not md5.endswith(LISTING)
        ):  # listings first, so that no folder is incomplete
            self.objects.fs.remove(self.objects.oid_to_path(md5))

    def _bytes(self, md5: str) -> int:
        return int(self.objects.fs.info(self.objects.oid_to_path(md5))["size"])

    def _entries(self) -> Iterator[tuple[str, set[str]]]:
        fs = self.objects.fs
        for path in fs.find(self.runs) if fs.exists(self.runs) else ():
            with fs.open(path, mode="r") as file:
                entry = yaml.safe_load(file.read())
            yield path, {out["md5"] for out in (entry or {}).get("outs", []) if "md5" in out}
