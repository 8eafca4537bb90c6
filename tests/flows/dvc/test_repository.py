"""The contract with DVC's internals: what it writes, we write; what it refuses, we say in words."""

import json
import os
import subprocess
from pathlib import Path

import pytest
import yaml
from dvc.dvcfile import ProjectFile
from dvc.repo import Repo

from flows.dvc.repository import Repository


def test_a_lock_written_here_is_the_lock_that_dvc_writes(made):
    ours = made.lock()
    subprocess.run(["dvc", "repro", "-q", "--force"], check=True, env=made.environment())
    assert len(made.started()) == 6
    assert made.lock() == ours
    Path("dvc.lock").unlink()
    made.repro()
    assert made.started() == []  # restored from the run-cache that was written here
    assert yaml.safe_load(made.lock()) == yaml.safe_load(ours)


def test_dvc_has_nothing_to_do_after_us(made):
    with Repo() as repo:
        assert repo.status() == {}


def test_we_have_nothing_to_do_after_dvc(checkout):
    checkout.repro()
    checkout.started()
    checkout.bring()
    assert checkout.started() == []


def test_the_graph_has_matrix_stages_parents_and_values(checkout):
    graph = checkout.graph()
    assert set(graph.by_name) == {"seed", "left", "pair@x", "pair@y", "join", "apart"}
    assert graph.by_name["join"].parents == ("left", "pair@x", "pair@y")
    assert graph.by_name["pair@x"].params == {"pair.x": {"value": 3, "threads": 1}}
    assert graph.by_name["left"].threads == 2


def test_a_gate_is_what_dvc_yaml_says_is_one(checkout):
    graph = yaml.safe_load(Path("dvc.yaml").read_text())
    graph["stages"]["left"]["meta"] = {"gate": True}
    Path("dvc.yaml").write_text(yaml.safe_dump(graph, sort_keys=False))
    found = checkout.graph().by_name
    assert found["left"].is_gate
    assert found["pair@x"].parents == ("seed", "left")  # it reads what the gate judges
    assert found["join"].parents == ("left", "pair@x", "pair@y")


def test_the_graph_is_read_once_however_many_stages_it_has(checkout, monkeypatch):
    reads = []
    load = ProjectFile._load
    monkeypatch.setattr(ProjectFile, "_load", lambda file, **options: reads.append(file.path) or load(file, **options))
    repository = Repository(checkout.root)
    with repository.held():
        repository.graph()
        assert [repository.recorded(name) for name in repository.commands()] == [None] * 6
    assert reads == [str(checkout.root / "dvc.yaml")]


def test_an_output_that_a_stage_did_not_make_is_an_error_in_words(checkout):
    repository = Repository(checkout.root)
    prepared = repository.prepare("seed")
    with pytest.raises(ValueError, match="out/seed"):
        repository.record(prepared, {})
    assert repository.recorded("seed") is None


def test_old_outputs_are_gone_before_a_stage_runs(made):
    Repository(made.root).prepare("seed")
    assert not Path("out/seed").exists()


def test_the_entry_names_what_the_stage_was_given_not_what_changed_meanwhile(checkout):
    repository = Repository(checkout.root)
    prepared = repository.prepare("apart")
    checkout.write(apart__value=60)
    Path("out/apart").mkdir(parents=True)
    Path("out/apart/text").write_text("6\n")
    assert repository.record(prepared, {}).params["apart"]["value"] == 6
    assert "parameter apart.value: 6 → 60" in str(checkout.decisions()["apart"].reasons[0])


@pytest.mark.parametrize("left", ["", '{"write": {"out": {"pid": 1', "dead", "reused"])
def test_what_a_killed_process_left_in_dvcs_lock_files_is_no_obstacle(checkout, left):
    Path(".dvc/tmp").mkdir(exist_ok=True)
    lock = Path(".dvc/tmp/rwlock")
    if left in ("dead", "reused"):
        pid = {"dead": 2**22 + 1, "reused": os.getpid()}[left]
        left = json.dumps(
            {"write": {str(Path("out/seed").absolute()): {"pid": pid, "cmd": "videopoet run"}}, "read": {}}
        )
    lock.write_text(left)
    os.utime(lock, (1, 1))  # before any living process began
    checkout.bring("seed")
    assert Path("out/seed/text").is_file()


def test_a_claim_of_a_living_process_is_respected(checkout):
    Path(".dvc/tmp").mkdir(exist_ok=True)
    claim = {"pid": os.getppid(), "cmd": "dvc repro"}
    Path(".dvc/tmp/rwlock").write_text(json.dumps({"write": {str(Path("out/seed").absolute()): claim}, "read": {}}))
    with pytest.raises(ValueError, match="busy"):
        checkout.bring("seed")


@pytest.mark.parametrize(
    ("file", "old", "new", "words"),
    [
        ("dvc.yaml", "outs: [out/apart]", "outs: [out/seed]", "out/seed"),
        ("dvc.yaml", "params: [apart]", "parms: [apart]", "parms"),
        ("params.yaml", "apart:", "other:", "apart"),
        (".gitignore", "/out/", "/out/\ndvc.lock", "git-ignored"),
    ],
)
def test_a_mistake_in_the_repository_is_a_value_error(checkout, file, old, new, words):
    text = Path(file).read_text()
    assert old in text
    Path(file).write_text(text.replace(old, new))
    with pytest.raises(ValueError, match=words):
        checkout.graph()
