"""What a run makes goes to the default remote as it is made, behind the run's back; its record goes last.

Nothing waits for the remote but the end of the run, and nothing fails for want of it: one warning says what is missing
there and what to do, and the next run pushes it.
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
    """The pushes of one run; does nothing where no default remote is configured. Any thread may call."""

    def __init__(self, repository: Repository, warn: Callable[[str], None]):
        self._repository, self._warn = repository, warn
        self._waiting: SimpleQueue[str] = SimpleQueue()  # stages; "" is the end
        self._is_down = False
        if self._remote:
            self._thread = threading.Thread(target=self._work, daemon=True)
            self._thread.start()

    def made(self, name: str) -> None:
        """Push what stage `name` made, soon."""
        if self._remote:
            self._waiting.put(name)

    def close(self, names: Collection[str], record: Path | None) -> None:
        """Wait for the pushes; if the run is whole, push what is missing of the stages `names`, then the record."""
        if not self._remote:
            return
        self._waiting.put("")
        self._thread.join()
        if record:
            share(self._repository, names, record, self._warn)
        elif self._is_down:
            self._warn("what this run made could not be pushed: the next `videopoet run` pushes what is missing")

    @property
    def _remote(self) -> Remote | None:
        return self._repository.remote

    def _work(self) -> None:
        while name := self._waiting.get():
            if not self._is_down:
                try:
                    self._repository.push([name])
                except (errors.Retryable, Untrusted):  # it may be back at the end of the run, when all is tried again
                    self._is_down = True


def share(repository: Repository, names: Collection[str], record: Path, warn: Callable[[str], None]) -> None:
    """Push what the default remote lacks of a whole run; a remote that has its record has all of it."""
    if repository.remote is None:
        return
    try:
        if not repository.remote.has_record(record.name):
            repository.push(names)
            if repository.pins:  # for those who have the remote alone
                repository.remote.push_outs({path: item.md5 for path, item in repository.pins.items()})
            repository.remote.push_record(record)
    except (errors.Retryable, Untrusted) as error:
        warn(f"{error}. All is safe here; the next `videopoet run` pushes what is missing")
