import json
import subprocess
from pathlib import Path

import pytest

from flows.dvc.repository import Repository
from flows.machine.workspace import Workspace
from flows.promotion import cleanup
from flows.promotion.cleanup import RetentionPolicy
from flows.runs import run_records
from flows.runs.registry import Registry
from tests.flows.conftest import Checkout


@pytest.fixture
def workspace(made: Checkout) -> Workspace:
    return Workspace(made.root)


@pytest.fixture
def old_and_new(made: Checkout, workspace: Workspace, empty_registry: str) -> list[str]:
    """Names of two recorded runs; only `join` and what it needs of `left` differ."""
    names = []
    for value in (2, 20):
        made.write(left__value=value)
        outcomes = made.bring()
        entries = {name: outcome.entry for name, outcome in outcomes.items()}
        repository = Repository(made.root)
        names.append(run_records.write(workspace, repository, repository.graph(), entries).name)
    path = run_records.find(workspace, names[0]) / run_records.RECORD
    path.write_text(json.dumps(json.loads(path.read_text()) | {"written": "2026-01-01T00:00:00Z"}))
    return names


def cleaned(workspace: Workspace, keep: str, *, remote: bool = False) -> cleanup.CleanupPlan:
    found = cleanup.cleaning(workspace, Repository(workspace.root), RetentionPolicy.read(keep), remote=remote)
    found.carry_out()
    return found


def outputs(workspace: Workspace, name: str) -> set[str]:
    return set(run_records.read(run_records.find(workspace, name))["outputs"].values())


def cached(root: Path) -> set[str]:
    return {f"{path.parent.name}{path.name}" for path in (root / ".dvc/cache/files/md5").glob("*/*")}


def test_what_only_an_old_run_made_goes_and_the_rest_stays(
    made: Checkout, workspace: Workspace, old_and_new: list[str]
):
    old, new = (outputs(workspace, name) for name in old_and_new)
    found = cleaned(workspace, "last=1")
    assert [folder.name for folder in found.records] == [old_and_new[0]]
    assert cached(made.root) & (old | new) == new
    made.started()
    made.bring()
    assert made.started() == []


def test_a_run_that_is_gone_is_run_again_and_not_restored_from_a_hollow_entry(
    made: Checkout, workspace: Workspace, old_and_new: list[str]
):
    cleaned(workspace, "last=1")
    made.started()
    made.write(left__value=2)
    made.bring()
    assert made.started() == ["left", "join"]


@pytest.mark.parametrize("keep", ["last=2", "pinned", "champion"])
def test_what_a_kept_run_needs_is_not_touched(
    made: Checkout, workspace: Workspace, old_and_new: list[str], keep: str, monkeypatch: pytest.MonkeyPatch
):
    old = outputs(workspace, old_and_new[0])
    cleanup.pin(workspace, old_and_new[0], pinned=True)
    registry = Registry(workspace.tracking_uri)
    registry.promote(registry.register(old_and_new[0], "promoted"))
    cleaned(workspace, keep)
    assert old <= cached(made.root)
    made.started()
    made.write(left__value=2)
    made.bring()
    assert made.started() == []


def test_an_unpinned_run_goes(workspace: Workspace, old_and_new: list[str]):
    for pinned in (True, False):
        assert cleanup.pin(workspace, old_and_new[0][:4], pinned=pinned) == old_and_new[0]
    assert old_and_new[0] in {folder.name for folder in cleaned(workspace, "pinned").records}


def test_the_words_count_runs_objects_and_bytes_before_anything_is_deleted(
    made: Checkout, workspace: Workspace, old_and_new: list[str]
):
    before = cached(made.root)
    found = cleanup.cleaning(workspace, Repository(made.root), RetentionPolicy.read("last=1"), remote=False)
    said = list(found.lines())
    assert said[0] == f"keep    {old_and_new[1]}  one of the last"
    assert said[1].startswith(f"delete  {old_and_new[0]}")
    (surplus,) = [surplus for _, surplus in found.surplus]
    assert said[2] == f"delete  {len(surplus)} objects, {sum(surplus.values()) / 1e6:.1f} MB, of the cache"
    assert min(surplus.values()) > 0
    assert cached(made.root) == before


def test_a_kept_run_without_a_record_stops_everything(made: Checkout, workspace: Workspace, old_and_new: list[str]):
    before = cached(made.root)
    registry = Registry(workspace.tracking_uri)
    registry.promote(registry.register("0123456789", "promoted"))
    with pytest.raises(ValueError, match="0 records begin with `0123456789`"):
        cleaned(workspace, "champion,last=1")
    assert cached(made.root) == before


def test_an_output_whose_files_nobody_knows_stops_everything(
    made: Checkout, workspace: Workspace, old_and_new: list[str]
):
    md5 = made.coordinator().repository.recorded("join").outs["out/join"].md5
    (made.root / ".dvc/cache/files/md5" / md5[:2] / md5[2:]).unlink()
    before = cached(made.root)
    with pytest.raises(ValueError, match=r"the files in out/join .* are unknown"):
        cleaned(workspace, "last=1")
    assert cached(made.root) == before


def test_the_remote_is_cleaned_where_that_is_asked(
    made: Checkout, workspace: Workspace, old_and_new: list[str], tmp_path: Path
):
    subprocess.run(["dvc", "remote", "add", "-q", "-d", "far", str(tmp_path / "far")], check=True)
    subprocess.run(["dvc", "push", "-q", "--run-cache"], check=True)
    there = tmp_path / "far/files/md5"
    old, new = (outputs(workspace, name) for name in old_and_new)
    cleaned(workspace, "last=1", remote=True)
    assert {f"{path.parent.name}{path.name}" for path in there.glob("*/*")} & (old | new) == new


def test_a_cache_that_others_may_use_is_left_alone(made: Checkout, workspace: Workspace, tmp_path: Path):
    subprocess.run(["dvc", "cache", "dir", "-q", str(tmp_path / "shared")], check=True)
    with pytest.raises(ValueError, match="may be shared"):
        cleaned(workspace, "last=1")


@pytest.mark.parametrize("text", ["", "last", "last=x", "last=1,last=2", "champions"])
def test_what_to_keep_must_be_plain(text: str):
    with pytest.raises(ValueError, match="--keep"):
        RetentionPolicy.read(text)
