"""Entries and the lines of dvc.lock that they are."""

from flows.graph import Entry, Item
from flows.lockfile import entry_of, lines_of, read

ENTRY = Entry(
    "python a.py\npython b.py",
    {"rate": 1e-5, "nested.key": [1, "x"], "other.yaml:rate": 2},
    {"in": Item("a" * 32, 3, None, True), "folder": Item("b" * 32 + ".dir", 7, 2, False)},
    {"out": Item("c" * 32, 1, None, False)},
)


def test_an_entry_and_its_lines_say_the_same():
    assert entry_of(lines_of(ENTRY)) == ENTRY


def test_lines_are_those_that_dvc_writes(made):
    stages = read(made.root / "dvc.lock")
    assert stages["seed"].outs.keys() == {"out/seed"}
    assert {name: entry_of(lines_of(entry)) for name, entry in stages.items()} == stages
