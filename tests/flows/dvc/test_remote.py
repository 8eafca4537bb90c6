"""A remote that is away is not a remote that is empty, and what is damaged there is neither whole nor left so."""

from pathlib import Path

import pytest

from components.common import errors
from flows.dvc.remote import is_there
from flows.dvc.repository import Repository
from flows.graph.untrusted import Untrusted
from tests import s3


@pytest.fixture
def seed(checkout, remote) -> Repository:
    """A checkout whose stage `seed` has run, and its remote, which has what it made."""
    checkout.bring("seed")
    repository = Repository(checkout.root)
    repository.push(["seed"])
    return repository


def listing(remote: Path) -> Path:
    (path,) = remote.glob("files/md5/*/*.dir")
    return path


def test_what_is_there_is_found_and_what_is_not_is_not(seed, remote):
    fs = seed.dvc.cache.local.fs
    assert is_there(fs, str(remote))
    assert not is_there(fs, str(remote / "nothing"))
    (remote / "file").touch()
    with pytest.raises(NotADirectoryError):
        is_there(fs, str(remote / "file/under"))


def test_a_remote_that_cannot_be_used_has_not_said_that_it_lacks_anything(seed, remote):
    remote.rename(remote.with_name("away"))
    remote.write_text("no folder")
    with pytest.raises(errors.Retryable, match="remote `store`"):
        seed.remote.holds(["0" * 32])


def test_who_does_not_rely_on_the_remote_goes_on_without_it_and_says_so_once(checkout, remote, caplog):
    remote.write_text("no folder")
    for _ in range(2):
        assert Repository(checkout.root).find("seed", {"codelock/work.json": code(checkout)}) is None
    assert sum("continuing without it" in record.message for record in caplog.records) == 1


def test_who_relies_on_the_remote_takes_silence_for_a_fault_that_may_pass(checkout, remote):
    remote.write_text("no folder")
    repository = Repository(checkout.root)
    repository.require_remote()
    with pytest.raises(errors.Retryable, match="remote `store`"):
        repository.find("seed", {"codelock/work.json": code(checkout)})


def code(checkout):
    return Repository(checkout.root).item("seed", "codelock/work.json")


def test_nobody_can_rely_on_a_remote_that_is_not_configured(checkout):
    with pytest.raises(ValueError, match="dvc remote add"):
        Repository(checkout.root).require_remote()


def test_what_a_remote_lost_is_missing_and_the_next_push_mends_it(seed, remote):
    outs = seed.recorded("seed").outs
    assert seed.remote.missing(outs) == []
    next(path for path in remote.glob("files/md5/*/*") if path.read_bytes() == b"1\n").unlink()
    assert seed.remote.missing(outs) == ["out/seed"]
    seed.push(["seed"])
    assert seed.remote.missing(outs) == []


def test_what_was_altered_in_a_remote_is_refused_at_a_push_and_stays_for_people_to_look_at(seed, remote):
    outs = seed.recorded("seed").outs
    listing(remote).chmod(0o644)
    listing(remote).write_text("[]")
    assert seed.remote.missing(outs) == ["out/seed"]
    with pytest.raises(Untrusted, match=rf"`store`.* is refused: its content of out/seed \({outs['out/seed'].md5}\)"):
        seed.push(["seed"])
    assert listing(remote).read_text() == "[]"
    listing(remote).unlink()
    seed.push(["seed"])
    assert seed.remote.missing(outs) == []


def test_an_object_that_is_not_what_it_is_called_is_not_taken_for_it(seed, remote):
    md5 = seed.remote.add(b"content")
    assert seed.remote.content(md5) == b"content"
    path = remote / "files/md5" / md5[:2] / md5[2:]
    path.chmod(0o644)
    path.write_bytes(b"other")
    assert seed.remote.content(md5) is None


@pytest.mark.slow
def test_what_another_machine_wrote_after_the_last_look_is_seen(checkout, tmp_path, monkeypatch):
    for name, value in s3.CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    with s3.served(tmp_path / "s3.log") as address:
        settings = f"    url = s3://{s3.BUCKET}/store\n    endpointurl = {address}\n"
        Path(".dvc/config").write_text(f"[core]\n    remote = store\n['remote \"store\"']\n{settings}")
        ours, theirs = Repository(checkout.root).remote, Repository(checkout.root).remote
        for count, name in enumerate(("1" * 10, "2" * 10), 1):
            (tmp_path / name).mkdir()
            (tmp_path / name / "record.json").write_text("{}")
            theirs.push_record(tmp_path / name)
            assert len(ours.record_names()) == count
