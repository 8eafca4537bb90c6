"""A base and overlays become one complete parameter file."""

from pathlib import Path

import pytest

from flows.graph import profiles

BASE = """# Every key.

# What holds everywhere.
model:
  shared:
    width: 8 # narrow
    rate: 1e-4
    tasks: {}
  first:
  # The long one.
  second:
    width: 16
    tasks: {a: 1.0}

list: [1, 2,
  3]
words: ['off', "on"]
floors: {}
train: {steps: 4}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "parts").mkdir()
    (tmp_path / "base.yaml").write_text(BASE)
    return tmp_path


def composed(folder: Path, overlay: str) -> str:
    (folder / "one.yaml").write_text(overlay)
    return profiles.text("one", folder)


def test_values_and_comments_stand_as_they_are_written_and_shared_ones_in_every_key(folder: Path) -> None:
    assert composed(folder, "# Profile `one`.\nextends: base\n\n# Few.\nlist: [4]\n") == (
        "# Profile `one`.\n"
        "\n# What holds everywhere.\nmodel:\n"
        "  first:\n    width: 8 # narrow\n    rate: 1e-4\n    tasks: {}\n"
        "  # The long one.\n"
        "  second:\n    width: 16\n    rate: 1e-4\n    tasks:\n      a: 1.0\n"
        "\n# Few.\nlist: [4]\n"
        "\nwords: ['off', \"on\"]\n"
        "\nfloors: {}\n"
        "\ntrain:\n  steps: 4\n"
    )


def test_an_overlay_changes_all_or_one_of_the_keys_that_share(folder: Path) -> None:
    composed(folder, "extends: base\nmodel: {shared: {rate: 0.1, width: 16}, second: {rate: 0.2}}\n")
    first, second = profiles.read("one", folder)["model"].values()
    assert (first["width"], first["rate"], second["width"], second["rate"]) == (16, 0.1, 16, 0.2)


def test_a_comment_of_the_overlay_takes_the_place_of_its_parents(folder: Path) -> None:
    text = composed(folder, "extends: base\n\n# Only here.\nmodel: # so\n  second: # wide\n")
    assert "# What holds" not in text
    assert "# The long" not in text
    assert "# Only here.\nmodel: # so\n" in text
    assert "  second: # wide\n" in text


def test_an_overlay_starts_from_another_and_a_mapping_from_a_part(folder: Path) -> None:
    (folder / "parts/more.yaml").write_text("# A part.\nsteps: 9\n")
    (folder / "middle.yaml").write_text("extends: base\ntrain: {extends: parts/more}\n")
    text = composed(folder, "extends: middle\nfloors: {x: 0.5}\n")
    assert "A part" not in text
    found = profiles.read("one", folder)
    assert (found["train"], found["floors"]) == ({"steps": 9}, {"x": 0.5})


def test_a_list_in_lines_and_null_are_values(folder: Path) -> None:
    text = composed(folder, "extends: base\nwords:\n  # the first\n  - a\n  - {b: 1}\n\ntrain: null\n")
    assert "words:\n  - a\n  - {b: 1}\n" in text
    assert "train: null\n" in text


@pytest.mark.parametrize(
    ("overlay", "words"),
    [
        ("list: [1, 2, 3]\n", "one.yaml: `list` repeats its parent's value"),
        ("model: {first: {width: 8}}\n", "`model.first.width` repeats"),
        ("model: {shared: {rate: 1e-4}}\n", "`model.shared.rate` repeats"),
        ("model: {shared: {width: 4}, first: {width: 4}}\n", "`model.first.width` repeats"),
        ("model: {third: {width: 8}}\n", "`model.third` is unknown: remove it, or correct its name"),
        ("model: {shared: {depth: 8}}\n", "`model.shared.depth` is unknown"),
        ("modle: {}\n", "`modle` is unknown"),
        ("train: 3\n", "`train` must hold keys"),
        ("list: {a: 1}\n", "`list` must hold a value"),
        ("list:\n", "`list` must hold a value"),
        ("train: {extends: parts/none}\n", "parts/none.yaml does not exist"),
    ],
)
def test_a_fault_is_named_by_its_path(folder: Path, overlay: str, words: str) -> None:
    with pytest.raises(ValueError, match=words.replace("(", r"\(")):
        composed(folder, f"extends: base\n{overlay}")


def test_all_faults_are_told_at_once(folder: Path) -> None:
    with pytest.raises(ValueError, match=r"(?s)`modle` is unknown.*`list` repeats"):
        composed(folder, "extends: base\nmodle: 1\nlist: [1, 2, 3]\n")


def test_a_profile_without_a_parent_and_one_that_extends_itself_are_refused(folder: Path) -> None:
    with pytest.raises(ValueError, match=r"names no parent: add `extends: base`"):
        composed(folder, "list: [4]\n")
    (folder / "two.yaml").write_text("extends: one\n")
    with pytest.raises(ValueError, match="one extends two extends one"):
        composed(folder, "extends: two\n")


def test_the_base_is_no_profile(folder: Path) -> None:
    composed(folder, "# Profile `one`: the first.\nextends: base\n")
    assert profiles.names(folder) == ["one"]
    assert profiles.summaries(folder) == {"one": "Profile `one`: the first."}
