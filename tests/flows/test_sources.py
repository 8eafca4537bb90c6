from pathlib import Path

import pytest

from flows import sources
from flows.workspace import Workspace


@pytest.fixture
def workspace(tmp_path, monkeypatch) -> Workspace:
    root = tmp_path / "checkout"
    root.mkdir()
    monkeypatch.chdir(root)
    return Workspace(root)


@pytest.fixture
def media(tmp_path) -> Path:
    folder = tmp_path / "My Clips"
    folder.mkdir()
    (folder / "a.mp4").write_bytes(b"a")
    (folder / "b.png").write_bytes(b"bb")
    (folder / "b.txt").write_text("a blue thing")
    return folder


def test_a_folder_joins_under_its_name_and_the_files_stay_where_they_are(workspace, media):
    said = sources.add(workspace, media, "")
    assert said.startswith("my-clips: 2 files, 1 with a caption")
    assert sources.folders(workspace) == {"my-clips": media}
    assert [line.split(" in ")[0] for line in sources.listed(workspace)] == ["my-clips: 2 files"]
    assert str(media) not in sources.TABLE.read_bytes().decode(errors="replace")


def test_adding_twice_gives_the_same_bytes_and_sees_what_changed(workspace, media):
    sources.add(workspace, media, "")
    before = sources.TABLE.read_bytes()
    sources.add(workspace, media, "")
    assert sources.TABLE.read_bytes() == before
    (media / "a.mp4").unlink()
    assert "1 files" in sources.add(workspace, media, "")


def test_a_manifest_brings_captions_for_the_files_it_names(workspace, media):
    (media / "list.csv").write_text("path,caption\na.mp4,something\n")
    assert sources.add(workspace, media / "list.csv", "few").startswith("few: 1 files, 1 with a caption")


def test_an_alias_stands_for_one_folder(workspace, media, tmp_path):
    sources.add(workspace, media, "clips")
    other = tmp_path / "other"
    other.mkdir()
    (other / "c.mp4").write_bytes(b"c")
    with pytest.raises(ValueError, match="already stands for"):
        sources.add(workspace, other, "clips")


def test_removed_sources_leave_table_and_roots(workspace, media):
    sources.add(workspace, media, "clips")
    assert sources.remove(workspace, "clips") == 2
    assert list(sources.listed(workspace)) == []
    assert sources.folders(workspace) == {}
    with pytest.raises(ValueError, match="no sources are called `clips`"):
        sources.remove(workspace, "clips")


def test_a_folder_without_media_is_refused(workspace, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="no media"):
        sources.add(workspace, tmp_path / "empty", "")


def test_a_table_from_another_machine_says_what_to_do(workspace, media):
    sources.add(workspace, media, "clips")
    workspace.roots.unlink()
    assert "videopoet sources add" in next(sources.listed(workspace))
