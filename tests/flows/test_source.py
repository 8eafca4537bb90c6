import os
import tarfile
from pathlib import Path

import pytest

from flows import source


def names(archive: Path) -> list[str]:
    with tarfile.open(archive) as tar:
        return tar.getnames()


def test_an_archive_has_what_git_would_track_as_it_is(made):
    Path("new.py").write_text("new = 1\n")
    Path("work.py").write_text("changed = 1\n")
    (made.root / "codelock/link").symlink_to("work.json")
    (made.root / "params.yaml").unlink()
    source.archive(Path("../source.tar.gz"))
    assert {"new.py", "work.py", "codelock/work.json", "codelock/link", ".gitignore"} <= {
        *names(Path("../source.tar.gz"))
    }
    assert not {"dvc.lock", "params.yaml", "started"} & {*names(Path("../source.tar.gz"))}
    assert not any(name.startswith(("out", ".videopoet", ".git/")) for name in names(Path("../source.tar.gz")))
    source.unpack(Path("../source.tar.gz"), Path("../unpacked"))
    assert Path("../unpacked/work.py").read_text() == "changed = 1\n"
    assert Path("../unpacked/codelock/link").is_symlink()


def test_equal_files_are_equal_bytes(made):
    source.archive(Path("../one.tar.gz"))
    for path in made.root.glob("*.yaml"):
        os.utime(path, (1, 1))
    source.archive(Path("../two.tar.gz"))
    assert Path("../one.tar.gz").read_bytes() == Path("../two.tar.gz").read_bytes()


def test_files_under_a_folder_are_read_without_unpacking(made):
    source.archive(Path("../source.tar.gz"))
    assert source.read(Path("../source.tar.gz"), "codelock") == {
        "codelock/work.json": Path("codelock/work.json").read_bytes()
    }


def test_an_unpacked_source_is_a_repository_of_its_own_without_changes(made):
    source.archive(Path("../source.tar.gz"))
    folder = made.root / "out/inside"
    source.unpack(Path("../source.tar.gz"), folder)
    source.settle(folder, "source", hidden=("/verdict.json",))
    (folder / "verdict.json").write_text("{}")
    os.chdir(folder)
    assert source.difference() == ""
    assert len(source.revision()) == 40


@pytest.mark.parametrize(
    "members",
    [
        [("/tmp/outside", "")],
        [("../outside", "")],
        [("link", "sub"), ("link/file", "")],
        [("link", "/etc")],
        [("x/y/up", "../.."), ("far", "x/y/up/../..")],
    ],
)
def test_an_archive_that_leads_out_of_its_folder_is_refused(tmp_path: Path, members: list[tuple[str, str]]):
    with tarfile.open(tmp_path / "source.tar.gz", "w:gz") as tar:
        for name, target in members:
            member = tarfile.TarInfo(name)
            member.type, member.linkname = (tarfile.SYMTYPE, target) if target else (tarfile.REGTYPE, "")
            tar.addfile(member)
    folder = tmp_path / "deep" / "folder"
    with pytest.raises(ValueError, match="cannot be unpacked"):
        source.unpack(tmp_path / "source.tar.gz", folder)
    assert all(path.resolve().is_relative_to(folder) for path in folder.rglob("*"))
    assert not (tmp_path / "deep" / "outside").exists()


def test_a_folder_that_follows_stands_at_our_commit_with_its_own_files(made):
    folder = made.root / "out/inside"
    folder.mkdir()
    (folder / "work.py").write_text("changed = 1\n")
    ours = source.revision()
    for _ in range(2):
        source.follow(folder)
    assert (folder / "work.py").read_text() == "changed = 1\n"
    assert source.names(folder) == ["work.py"]
    os.chdir(folder)
    assert source.revision() == ours
    assert "+changed = 1" in source.difference()
