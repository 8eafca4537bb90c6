"""A remote whose disk is full: a small file system of the test's own."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from components.common import errors
from flows.dvc.repository import Repository
from flows.machine.workspace import Workspace
from flows.runs import run_records
from flows.runs.uploader import share


@pytest.fixture
def small(checkout, remote) -> "Iterator[Callable[[str], None]]":
    """Gives the remote a disk of a size; the first call mounts it, later ones enlarge it."""
    remote.mkdir()

    def resize(size: str) -> None:
        how = "remount," if remote.is_mount() else ""
        command = ["mount", "-t", "tmpfs", "-o", f"{how}size={size}", "none", str(remote)]
        if subprocess.run(command, capture_output=True, check=False).returncode:
            pytest.skip("no file system can be mounted here")

    yield resize
    if remote.is_mount():
        subprocess.run(["umount", str(remote)], check=True)


def fill(remote: Path) -> None:
    """Leave no room for what is to come."""
    with (remote / "somebody else's").open("wb", buffering=0) as file, suppress(OSError):
        while file.write(b"0" * 4096):
            pass


def make_more(root: Path) -> None:
    """From now on stages make files of half a megabyte."""
    work = root / "work.py"
    work.write_text(work.read_text().replace('+ "\\n")', '+ "\\n" * 500_000)'))


def test_a_full_remote_gets_nothing_by_halves_and_all_of_it_when_there_is_room(checkout, remote, small):
    small("256k")
    make_more(checkout.root)
    checkout.bring("seed")
    repository = Repository(checkout.root)
    outs, lock = repository.recorded("seed").outs, checkout.lock()
    with pytest.raises(errors.Retryable, match=r"remote `store`.* cannot be used .*No space left on device"):
        repository.push(["seed"])
    assert repository.remote.missing(outs) == ["out/seed"]
    assert not repository.remote.holds([item.md5 for item in outs.values()])
    assert not list(remote.glob("runs/*/*/*"))
    small("4m")
    repository.push(["seed"])
    assert repository.remote.missing(outs) == []
    assert checkout.lock() == lock


def test_half_a_run_cache_entry_is_none(checkout, remote, small, elsewhere):
    small("512k")
    checkout.bring("seed")
    repository = Repository(checkout.root)
    repository.push(["seed"])
    (entry,) = [path for path in remote.glob("runs/*/*/*") if path.is_file()]
    entry.unlink()
    fill(remote)
    with pytest.raises(errors.Retryable):
        repository.push(["seed"])
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(elsewhere.root)
        other = Repository(elsewhere.root)
        assert other.find("seed", repository.recorded("seed").deps) is None
        (remote / "somebody else's").unlink()
        repository.push(["seed"])
        assert other.find("seed", repository.recorded("seed").deps) == repository.recorded("seed")


def test_a_run_whose_remote_is_full_says_so_and_the_next_one_pushes(checkout, remote, small):
    small("256k")
    make_more(checkout.root)
    said: list[str] = []

    def end() -> Path:
        entries = {name: outcome.entry for name, outcome in checkout.bring().items()}
        repository = Repository(checkout.root)
        record = run_records.write(Workspace(checkout.root), repository, repository.graph(), entries)
        share(repository, entries.keys(), record, said.append)
        return record

    record = end()
    (words,) = said
    assert "No space left on device" in words
    assert "All results are safe on this machine; the next `videopoet run` pushes what is missing" in words
    assert Repository(checkout.root).remote.record_names() == []
    small("16m")
    said.clear()
    assert end().name == record.name
    assert said == []
    assert Repository(checkout.root).remote.record_names() == [record.name]
