from pathlib import Path

import pytest

from flows.cli import parameter_file


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("profiles").mkdir()
    Path("profiles/base.yaml").write_text("a: {b: 1, c: x}\nd: 2\n")
    Path("profiles/tiny.yaml").write_text("# Profile `tiny`: unchanged.\n# More.\nextends: base\n\n# a comment\na:\n")
    Path("profiles/small.yaml").write_text("extends: base\na: {b: 10}\n")


def test_a_profile_replaces_the_parameters_and_says_what_that_changes():
    assert parameter_file.use("tiny") == ["a.b: none → 1", "a.c: none → x", "d: none → 2"]
    text = "# Profile `tiny`: unchanged.\n# More.\n\n# a comment\na:\n  b: 1\n  c: x\n\nd: 2\n"
    assert Path("params.yaml").read_text() == text
    assert parameter_file.use("small") == ["a.b: 1 → 10"]


def test_the_same_profile_again_changes_nothing():
    parameter_file.use("tiny")
    assert parameter_file.use("tiny") == []


def test_an_unknown_profile_is_answered_with_the_known_ones():
    with pytest.raises(ValueError, match="no profile `huge`: choose one of tiny, small"):
        parameter_file.use("huge")
    assert not Path("params.yaml").exists()


def test_the_profiles_are_listed_with_the_first_line_of_each():
    assert list(parameter_file.listed()) == ["tiny   unchanged.", "small  "]
