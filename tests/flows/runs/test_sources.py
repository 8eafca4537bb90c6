import hashlib
import io
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import pytest

from components.corpus.data import read as read_sources
from components.ingest import storage
from flows.machine.workspace import Workspace
from flows.runs import sources


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
    said = sources.add(workspace, str(media), "")
    assert said.startswith("my-clips: 2 files, 1 with a caption")
    assert sources.folders(workspace) == {"my-clips": media}
    assert [line.split(" in ")[0] for line in sources.listed(workspace)] == ["my-clips: 2 files"]
    assert str(media) not in sources.TABLE.read_bytes().decode(errors="replace")


def test_adding_twice_gives_the_same_bytes_and_sees_what_changed(workspace, media):
    sources.add(workspace, str(media), "")
    before = sources.TABLE.read_bytes()
    sources.add(workspace, str(media), "")
    assert sources.TABLE.read_bytes() == before
    (media / "a.mp4").unlink()
    assert "1 files" in sources.add(workspace, str(media), "")


def test_what_changed_is_told_in_words_and_alone_is_read(workspace, media):
    assert sources.add(workspace, str(media), "").endswith("; 2 added; 2 files read")
    assert sources.add(workspace, str(media), "").endswith("; nothing changed; 0 files read")
    (media / "a.mp4").write_bytes(b"other")
    (media / "b.png").unlink()
    (media / "c.png").write_bytes(b"c")
    (media / "bell\x07.png").write_bytes(b"d")
    said = sources.add(workspace, str(media), "")
    assert said.endswith("; 1 added, 1 changed, 1 gone, 1 refused (1 unsafe_name); 2 files read")
    assert list(sources.listed(workspace)) == [f"my-clips: 2 files in {media}; 2 gone, 1 refused"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("rows.parquet", b"PAR1"),
        ("rows.parquet", b"PAR1" + bytes(90) + b"\x40\0\0\0PAR1"),
        ("rows.parquet", b""),
        ("rows.csv", b"path\nb.png\n\xff\n"),
        ("rows.csv", "path\nb.png\n".encode("utf-16")),
    ],
)
def test_a_damaged_manifest_that_is_named_leaves_the_table_as_it_was(workspace, media, name, content):
    (media / "rows.csv").write_text("path,caption\na.mp4,first\nb.png,second\n")
    sources.add(workspace, str(media / "rows.csv"), "mine")
    before = {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()}
    (media / name).write_bytes(content)
    with pytest.raises(ValueError, match=rf"^{name} (is not UTF-8|cannot be read)"):
        sources.add(workspace, str(media / name), "mine")
    assert {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()} == before


def test_a_damaged_manifest_beside_media_is_counted_and_nothing_is_lost(workspace, media):
    (media / "manifest.csv").write_text("path,caption,license\na.mp4,first,CC0\n")
    sources.add(workspace, str(media), "")
    (media / "manifest.csv").write_bytes(b"path,caption\n\xff,\n")
    said = sources.add(workspace, str(media), "")
    assert said.endswith("; 1 refused (1 broken_manifest); 0 files read")
    found = {source.path: (source.caption, source.license, source.reason) for source in read_sources(sources.TABLE)}
    assert found == {
        "a.mp4": ("first", "CC0", ""),
        "b.png": ("a blue thing", "", ""),
        "manifest.csv": ("", "", "broken_manifest"),
    }


def test_without_its_memory_of_sizes_and_times_a_folder_is_read_anew_and_gives_the_same(workspace, media):
    sources.add(workspace, str(media), "")
    before = sources.TABLE.read_bytes()
    (workspace.folder(sources.SEEN) / "my-clips.json").unlink()
    assert sources.add(workspace, str(media), "").endswith("2 files read")
    assert sources.TABLE.read_bytes() == before


@pytest.mark.parametrize("called", ["my-clips/a.mp4", "a.mp4", "hash", "file"])
def test_a_forgotten_file_does_not_come_back_and_its_decoded_clips_are_deleted(workspace, media, called):
    sources.add(workspace, str(media), "")
    sha256 = hashlib.sha256(b"a").hexdigest()
    kept = workspace.folder("cache") / "ingest/key" / sha256[:2] / f"{sha256}.arrow"
    seen = workspace.folder("cache") / "filter/key/aa/shard.parquet"
    for path in (kept, seen):
        path.parent.mkdir(parents=True)
        path.touch()
    said = sources.forget(workspace, {"hash": sha256[:12], "file": str(media / "a.mp4")}.get(called, called))
    assert said.startswith(f"my-clips/a.mp4: forgotten, sha256 {sha256}")
    assert not kept.exists()
    assert not seen.exists()  # what cannot be read may hold it
    (media / "a.mp4").rename(media / "z.mp4")
    assert "1 forgotten, as it was asked for" in sources.add(workspace, str(media), "")
    assert list(sources.listed(workspace)) == [f"my-clips: 1 files in {media}; 2 forgotten"]
    sources.remove(workspace, "my-clips")
    assert {row.sha256 for row in read_sources(sources.TABLE)} == {sha256}


def test_what_is_no_source_cannot_be_forgotten(workspace, media):
    sources.add(workspace, str(media), "")
    with pytest.raises(ValueError, match="0 sources match nothing"):
        sources.forget(workspace, "nothing")


def test_a_compressed_tar_says_what_to_do(workspace, media):
    (media / "shard.tar.gz").write_bytes(b"")
    with pytest.raises(ValueError, match=r"shard\.tar\.gz is compressed.*: convert it to an uncompressed tar"):
        sources.add(workspace, str(media / "shard.tar.gz"), "packed")


def test_a_tar_is_a_place_of_its_own(workspace, media):
    with tarfile.open(media / "shard.tar", "w") as archive:
        archive.add(media / "b.png", "b.png")
        archive.add(media / "b.txt", "b.txt")
    assert sources.add(workspace, str(media / "shard.tar"), "packed").startswith("packed: 1 files, 1 with a caption")


def test_a_store_is_called_by_its_prefix_and_known_by_its_address(workspace, monkeypatch):
    monkeypatch.setattr(storage, "storage_of", FakeStore)
    assert sources.add(workspace, "s3://bucket/some/Clips", "").startswith("clips: 1 files")
    assert sources.stores(workspace) == {"clips": "s3://bucket/some/Clips"}
    assert sources.add(workspace, "s3://bucket/some/Clips/list.csv", "clips").startswith("clips: 1 files, 1 with")


class FakeStore:
    """One object and a manifest that names it."""

    def __init__(self, address: str):
        assert address == "s3://bucket/some/Clips"
        self.objects = {"a.mp4": b"a", "list.csv": b"path,caption\na.mp4,words\n"}

    def entry(self, name: str) -> storage.StorageEntry:
        return storage.StorageEntry(name, len(self.objects[name]), 1)

    def listing(self) -> Iterator[storage.StorageEntry]:
        return map(self.entry, self.objects)

    @contextmanager
    def opened(self, name: str) -> Iterator[BinaryIO]:
        yield io.BytesIO(self.objects[name])


def test_a_manifest_brings_captions_for_the_files_it_names(workspace, media):
    (media / "list.csv").write_text("path,caption\na.mp4,something\n")
    assert sources.add(workspace, str(media / "list.csv"), "few").startswith("few: 1 files, 1 with a caption")


def test_a_manifest_of_which_no_row_is_taken_says_what_is_wrong_with_the_first(workspace, media):
    (media / "list.csv").write_text("path;caption\na.mp4;something\nb.png;else\n")
    with pytest.raises(
        ValueError, match=r"\(2 no_path\); list\.csv, row 1: found columns `path;caption`, wanted `path`"
    ):
        sources.add(workspace, str(media / "list.csv"), "few")


def test_an_alias_is_a_plain_name(workspace, media):
    with pytest.raises(ValueError, match=r"`\.\./x` is not a valid name"):
        sources.add(workspace, str(media), "../x")


def test_an_alias_stands_for_one_folder(workspace, media, tmp_path):
    sources.add(workspace, str(media), "clips")
    other = tmp_path / "other"
    other.mkdir()
    (other / "c.mp4").write_bytes(b"c")
    with pytest.raises(ValueError, match="is already"):
        sources.add(workspace, str(other), "clips")


def test_removed_sources_leave_table_and_roots(workspace, media):
    sources.add(workspace, str(media), "clips")
    assert sources.remove(workspace, "clips") == 2
    assert list(sources.listed(workspace)) == []
    assert sources.folders(workspace) == {}
    with pytest.raises(ValueError, match="there are no sources `clips`"):
        sources.remove(workspace, "clips")


def test_a_folder_without_media_is_refused(workspace, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="has no usable media"):
        sources.add(workspace, str(tmp_path / "empty"), "")


def test_a_table_from_another_machine_says_what_to_do(workspace, media):
    sources.add(workspace, str(media), "clips")
    workspace.roots.unlink()
    assert "videopoet sources add" in next(sources.listed(workspace))
