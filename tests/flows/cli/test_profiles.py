from pathlib import Path

import pytest

from flows.cli import profiles


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("profiles").mkdir()
    Path("profiles/tiny.yaml").write_text("a: {b: 1, c: x}\n# a comment\nd: 2\n")
    Path("profiles/small.yaml").write_text("a: {b: 10, c: x}\ne: 3\n")


def test_a_profile_replaces_the_parameters_and_says_what_that_changes():
    assert profiles.use("tiny") == ["a.b: none → 1", "a.c: none → x", "d: none → 2"]
    assert profiles.use("small") == ["a.b: 1 → 10", "d: 2 → none", "e: none → 3"]
    assert Path("params.yaml").read_bytes() == Path("profiles/small.yaml").read_bytes()


def test_the_same_profile_again_changes_nothing():
    profiles.use("tiny")
    assert profiles.use("tiny") == []


def test_an_unknown_profile_is_answered_with_the_known_ones():
    with pytest.raises(ValueError, match="no profile `huge`: choose one of small, tiny"):
        profiles.use("huge")
    assert not Path("params.yaml").exists()
