"""Results on their way to the default remote, and from there to another checkout."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from flows.dvc.listings import listing
from flows.dvc.repository import Repository
from flows.machine.workspace import Workspace
from flows.runs import run_records
from flows.runs.uploader import Uploader, share


def files(folder: Path) -> dict[str, int]:
    return {str(path.relative_to(folder)): path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def test_a_run_pushes_outputs_run_cache_and_record_and_the_next_one_touches_nothing(
    checkout, remote, elsewhere, prefect_server, monkeypatch
):
    command = [sys.executable, "-m", "flows.cli", "run"]
    environment = checkout.environment(PREFECT_API_URL=prefect_server)
    subprocess.run(command, env=environment, check=True)
    pushed = files(remote)
    (record,) = Path(".videopoet/runs").iterdir()
    assert {path.relative_to(remote / "records").parts[0] for path in (remote / "records").rglob("*")} == {record.name}
    subprocess.run(command, env=environment, check=True)
    assert files(remote) == pushed
    lock = yaml.safe_load(checkout.lock())
    monkeypatch.chdir(elsewhere.root)
    shutil.rmtree(checkout.root)
    assert {outcome.how for outcome in elsewhere.bring().values()} == {"restored"}
    assert Path("out/join/text").read_text() == "1\n2\n1\n3\n1\n4\n5\n"
    assert yaml.safe_load(elsewhere.lock()) == lock
    assert elsewhere.started() == []


def test_what_is_made_is_pushed_before_the_run_is_over(checkout, remote):
    outcomes = checkout.bring("seed")
    repository = Repository(checkout.root)
    sharing = Uploader(repository, pytest.fail)
    sharing.enqueue("seed")
    sharing.close(["seed"], None)  # the run was not whole: there is no record
    assert repository.remote.holds([outcomes["seed"].entry.outs["out/seed"].md5])
    assert (remote / "runs").is_dir()
    assert not (remote / "records").exists()


def test_a_remote_that_cannot_be_used_is_a_warning_and_the_next_run_pushes_what_is_missing(
    checkout, remote, prefect_server
):
    remote.write_text("no folder")
    command = [sys.executable, "-m", "flows.cli", "run"]
    environment = checkout.environment(PREFECT_API_URL=prefect_server)
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("the next `videopoet run` pushes what is missing") == 1, done.stderr
    assert f"remote `store` ({remote})" in done.stderr
    remote.unlink()
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert "nothing to run" in done.stdout
    repository = Repository(checkout.root)
    assert [record["run"] for record in repository.remote.records()] == [
        record["run"] for record in run_records.listed(Workspace(checkout.root))
    ]
    md5s = {item.md5 for stage in checkout.graph().by_name for item in repository.recorded(stage).outs.values()}
    assert repository.remote.holds(md5s)
    for md5 in md5s:
        assert repository.remote.holds(listing(repository, md5).values())


def test_an_output_that_left_the_cache_is_named(checkout, remote):
    record = checkout.bring("apart")["apart"].entry.outs["out/apart"]
    shutil.rmtree(".dvc/cache")
    said: list[str] = []
    share(Repository(checkout.root), ["apart"], Path("records/none"), said.append)
    assert "out/apart is not in DVC's cache and cannot be pushed" in said[0]
    assert record.md5 not in str(files(remote.parent))


def test_without_a_remote_nothing_is_pushed(made):
    repository = Repository(made.root)
    sharing = Uploader(repository, pytest.fail)
    sharing.enqueue("seed")
    sharing.close(["seed"], Path("nowhere"))
    assert repository.remote is None


def test_records_of_others_are_listed_and_found(checkout, elsewhere, monkeypatch):
    record = checkout.record()
    monkeypatch.chdir(elsewhere.root)
    workspace = Workspace(elsewhere.root)
    assert run_records.listed(workspace) == []
    assert [found["run"][:10] for found in run_records.listed(workspace, remote=True)] == [record.name]
    folder = run_records.find(workspace, record.name[:3])
    assert files(folder).keys() == files(record).keys()
    assert [found["run"][:10] for found in run_records.listed(workspace)] == [record.name]


def test_records_do_not_travel_with_dvcs_run_cache(checkout, elsewhere, monkeypatch):
    checkout.record()
    monkeypatch.chdir(elsewhere.root)
    subprocess.run(["dvc", "fetch", "-q", "--run-cache"], check=False, env=elsewhere.environment())
    assert list(Path(".dvc/cache/runs").iterdir())
    assert not list(Path(".dvc/cache").rglob("record.json"))
