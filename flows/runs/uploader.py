"""Background upload of results to the default remote while a run is in progress; the record goes last.

Only the end of the run waits for uploads, and nothing fails because of the remote: one warning says what is missing and
what to do, and the next run pushes it.
"""

import threading
from collections.abc import Callable, Collection
from pathlib import Path
from queue import SimpleQueue

from components.common import errors
from flows.dvc.remote import Remote
from flows.dvc.repository import Repository
from flows.graph.untrusted import Untrusted


class Uploader:
    """The uploads of one run; does nothing without a default remote. Any thread may call."""

    def __init__(self, repository: Repository, warn: Callable[[str], None]):
        self._repository, self._warn = repository, warn
        self._waiting: SimpleQueue[str] = SimpleQueue()  # stages; "" is the end
        self._is_down = False
        if self._remote:
            self._thread = threading.Thread(target=self._work, daemon=True)
            self._thread.start()

    def enqueue(self, name: str) -> None:
        """Schedule the upload of the outputs of stage `name`."""
        if self._remote:
            self._waiting.put(name)

    def close(self, names: Collection[str], record: Path | None) -> None:
        """Wait for the uploads; if the run is complete, push what is missing of the stages `names`, then the record."""
        if not self._remote:
            return
        self._waiting.put("")
        self._thread.join()
        if record:
            share(self._repository, names, record, self._warn)
        elif self._is_down:
            self._warn("the results of this run could not be pushed: the next `videopoet run` pushes what is missing")

    @property
    def _remote(self) -> Remote | None:
        return self._repository.remote

    def _work(self) -> None:
        while name := self._waiting.get():
            if not self._is_down:
                try:
                    self._repository.push([name])
                except (errors.Retryable, Untrusted):  # retried at the end of the run
                    self._is_down = True


def share(repository: Repository, names: Collection[str], record: Path, warn: Callable[[str], None]) -> None:
    """Push what the default remote lacks of a complete run; a remote with its record has everything."""
    if repository.remote is None:
        return
    try:
        if not repository.remote.has_record(record.name):
            repository.push(names)
            if repository.pins:  # for machines that only have the remote
                repository.remote.push_outs({path: item.md5 for path, item in repository.pins.items()})
            repository.remote.push_record(record)
    except (errors.Retryable, Untrusted) as error:
        warn(f"{error}. All results are safe on this machine; the next `videopoet run` pushes what is missing")
