"""An artifact is whole or absent, and its digest is its content."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from components.common import artifacts


def make(output: Path, content: str = "x") -> artifacts.Summary:
    with artifacts.fresh(output) as folder:
        (folder / "file.txt").write_text(content)
        return artifacts.describe(folder, "thing", inputs={"absent": None}, counts={"things": 1}, dropped={"bad": 2})


def test_the_digest_follows_the_bytes_and_not_the_place(tmp_path: Path) -> None:
    make(tmp_path / "a")
    make(tmp_path / "elsewhere" / "b")
    make(tmp_path / "c", "y")
    assert artifacts.digest(tmp_path / "a") == artifacts.digest(tmp_path / "elsewhere" / "b")
    assert artifacts.digest(tmp_path / "a") != artifacts.digest(tmp_path / "c")


def test_a_failure_leaves_the_old_artifact_and_nothing_beside_it(tmp_path: Path) -> None:
    make(tmp_path / "a", "old")
    with pytest.raises(OSError, match="absent"), artifacts.fresh(tmp_path / "a") as folder:
        (folder / "absent" / "file.txt").write_text("new")
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert (tmp_path / "a" / "file.txt").read_text() == "old"


def test_what_a_killed_attempt_left_is_swept_away(tmp_path: Path) -> None:
    (tmp_path / ".a.partial").mkdir()
    (tmp_path / ".a.partial" / "half").write_text("")
    make(tmp_path / "a")
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == ["file.txt", "manifest.json"]


def test_reading_a_folder_that_is_no_artifact_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="run the stage that makes it"):
        artifacts.digest(tmp_path)


def test_the_manifest_says_what_was_kept_and_dropped(tmp_path: Path) -> None:
    assert make(tmp_path / "a") == artifacts.Summary({"things": 1}, {"bad": 2})
    manifest = artifacts.read_manifest(tmp_path / "a")
    assert (manifest.kind, manifest.inputs, list(manifest.files)) == ("thing", {}, ["file.txt"])


def test_several_may_write_one_file_at_once_and_it_is_whole(tmp_path: Path) -> None:
    contents = [bytes([number]) * 300_000 for number in range(4)]
    with ThreadPoolExecutor(4) as pool:
        for _ in range(20):
            list(pool.map(lambda content: artifacts.replace_file(tmp_path / "file", content), contents))
            assert (tmp_path / "file").read_bytes() in contents
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
