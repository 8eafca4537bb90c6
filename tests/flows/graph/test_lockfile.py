"""Entries and the lines of dvc.lock that they are."""

from ruamel.yaml import YAML

from flows.graph.graph import Artifact, LockEntry
from flows.graph.lockfile import entry_of, items, keep, lines_of, read

ENTRY = LockEntry(
    "python a.py\npython b.py",
    {"rate": 1e-5, "nested.key": [1, "x"], "other.yaml:rate": 2},
    {"in": Artifact("a" * 32, 3, None, True), "folder": Artifact("b" * 32 + ".dir", 7, 2, False)},
    {"out": Artifact("c" * 32, 1, None, False)},
)


def test_an_entry_and_its_lines_say_the_same():
    assert entry_of(lines_of(ENTRY)) == ENTRY


def test_lines_are_those_that_dvc_writes(made):
    stages = read(made.root / "dvc.lock")
    assert stages["seed"].outs.keys() == {"out/seed"}
    assert {name: entry_of(lines_of(entry)) for name, entry in stages.items()} == stages


def test_a_small_number_stays_a_number_in_what_is_kept(tmp_path):
    lines = {"mine": lines_of(ENTRY), "other": lines_of(ENTRY)}
    YAML().dump({"schema": "2.0", "stages": lines}, tmp_path / "all.lock")
    assert "rate: 1e-05" in (tmp_path / "all.lock").read_text()
    keep(tmp_path / "all.lock", tmp_path / "some.lock", ["mine"])
    assert "rate: 1e-05" in (tmp_path / "some.lock").read_text()
    assert read(tmp_path / "some.lock") == {"mine": ENTRY}


def test_a_run_holds_what_it_was_given_and_of_what_it_made_the_newest():
    old, new, given = Artifact("0" * 32), Artifact("1" * 32), Artifact("2" * 32)
    entries = {
        "reads": LockEntry("", {}, {"made": old, "given": given}, {}),
        "makes": LockEntry("", {}, {}, {"made": new}),
    }
    assert items(entries) == {"made": new, "given": given}
