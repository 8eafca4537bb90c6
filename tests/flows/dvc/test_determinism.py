"""A real process that gives something else each time it is run."""

import json
from pathlib import Path

import pytest

from flows.dvc.determinism import Nondeterministic
from flows.dvc.repository import Repository
from flows.graph import fingerprint
from flows.machine.workspace import Workspace
from flows.runs import run_records


def make_random(root: Path) -> None:
    """From now on stages give random bytes; their code is no input of theirs."""
    script = root / "work.py"
    script.write_text(script.read_text().replace('str(section["value"])', "os.urandom(8).hex()"))


@pytest.fixture
def random(checkout):
    make_random(checkout.root)
    return checkout


def test_another_value_for_the_same_work_is_an_alarm_and_replaces_nothing(random):
    random.bring("seed")
    lock, text = random.lock(), Path("out/seed/text").read_text()
    with pytest.raises(Nondeterministic, match=r"seed is not deterministic.*a different out/seed/text before"):
        random.bring("seed", force=True)
    assert random.lock() == lock
    assert {name: outcome.how for name, outcome in random.bring("seed").items()} == {"seed": "checked out"}
    assert Path("out/seed/text").read_text() == text


def test_the_alarm_is_what_the_run_says_of_the_stage(random):
    random.bring("seed")
    with pytest.raises(Nondeterministic):
        random.bring("seed", force=True)
    state = json.loads((random.root / ".videopoet/run.json").read_text())
    assert "out/seed/text" in state["stages"]["seed"]["words"]


def test_a_stage_that_says_that_it_changes_each_time_may(random):
    graph = Path("dvc.yaml")
    graph.write_text(
        graph.read_text().replace("    outs: [out/apart]", "    outs: [out/apart]\n    always_changed: true")
    )
    first = random.bring("apart")["apart"].entry
    assert random.bring("apart", force=True)["apart"].entry.outs != first.outs


def test_the_same_value_again_is_none(made):
    made.bring("seed", force=True)
    assert made.started() == ["seed"]


def test_another_class_of_machine_may_give_another_value_which_is_kept_beside_the_first(random, monkeypatch):
    random.bring("seed")
    first, processor = Repository(random.root).recorded("seed"), fingerprint.processor()
    monkeypatch.setattr(fingerprint, "processor", lambda: "another processor")
    second = random.bring("seed", force=True)["seed"].entry
    assert second.outs != first.outs
    key = next((random.root / ".videopoet/values").iterdir()).name
    known = Repository(random.root)._values.known(key)
    assert {value.numerics["processor"]: value.entry for value in known} == {
        "another processor": second,
        processor: first,
    }
    with pytest.raises(Nondeterministic):
        random.bring("seed", force=True)


def test_what_another_checkout_pushed_was_there_before(random, elsewhere):
    random.bring("seed")
    Repository(random.root).push(["seed"])
    make_random(elsewhere.root)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(elsewhere.root)
        with pytest.raises(Nondeterministic, match="out/seed/text"):
            elsewhere.bring("seed", force=True)
        assert not (elsewhere.root / "dvc.lock").exists()
        assert elsewhere.bring("seed")["seed"].how == "restored"
    assert (elsewhere.root / "out/seed/text").read_text() == Path("out/seed/text").read_text()


def test_a_first_value_that_is_nowhere_any_more_gives_way_and_that_is_said(random, caplog):
    first = random.bring("seed")["seed"].entry
    for path in (random.root / ".dvc/cache").rglob("*"):
        if path.is_file():
            path.chmod(0o644)
            path.unlink()
    second = random.bring("seed", force=True)["seed"].entry
    assert second.outs != first.outs
    assert "seed is not deterministic" in caplog.text
    assert "are lost" in caplog.text


def test_a_record_tells_the_class_of_each_value(made):
    took = run_records.read(made.record())["took"]
    values = [json.loads(path.read_text()) for path in Workspace(made.root).folder("values").glob("*/*.json")]
    assert len(values) == len(took)
    assert all(value["numerics"] in [note["numerics"] for note in took.values()] for value in values)
