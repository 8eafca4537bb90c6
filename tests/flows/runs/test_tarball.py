"""Whatever an archive holds, nothing outside of the folder that it is unpacked to changes."""

import gzip
import os
import stat
import subprocess
import tarfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.graph.untrusted import Untrusted
from flows.runs import source_archive, tarball

FILE, LINK, HARD, FOLDER, PAX = (tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.XHDTYPE)
END = b"\0" * 1024


def member(name: str, kind: bytes = FILE, target: str = "", content: bytes = b"new", **more: Any) -> bytes:
    """One member as bytes: headers and content."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = kind, target, len(content) if kind in (FILE, PAX) else 0
    for key, value in more.items():
        setattr(info, key, value)
    return info.tobuf(tarfile.GNU_FORMAT if info.size < 0 else tarfile.PAX_FORMAT) + padded(
        content if info.size else b""
    )


def padded(content: bytes) -> bytes:
    return content + b"\0" * (-len(content) % 512)


def pax(**values: str) -> bytes:
    """A pax header before the next member."""
    lines = b""
    for key, value in values.items():
        line = f" {key.replace('__', '.')}={value}\n".encode()
        length = len(line) + next(n for n in range(1, 6) if len(str(len(line) + n)) == n)
        lines += str(length).encode() + line
    return member("pax", PAX, content=lines)


def old_longname(name: str) -> bytes:
    info = tarfile.TarInfo(name)
    info.size = 3
    return info.tobuf(tarfile.GNU_FORMAT) + padded(b"new")


def pack(folder: Path, *parts: bytes) -> Path:
    packed = folder / "source.tar.gz"
    packed.write_bytes(gzip.compress(b"".join(parts) + END))
    return packed


def state(folder: Path) -> dict[str, Any]:
    """Everything there is to see of all that lies in a folder."""
    found = {}
    for path in sorted(folder.rglob("*")):
        seen = path.lstat()
        content = bytes(path.readlink()) if path.is_symlink() else path.read_bytes() if path.is_file() else b""
        found[str(path)] = (seen.st_mode, seen.st_mtime_ns, seen.st_nlink * path.is_file(), content)
    return found


HOSTILE = {
    "a file over its own link": [member("x", LINK, "../victim/file"), member("x")],
    "a link over a file": [member("x"), member("x", LINK, "sub")],
    "two files of one name": [member("x"), member("x")],
    "a file under a link": [member("x", LINK, "sub"), member("x/y")],
    "a link whose name is a folder's": [member("x/y"), member("x", LINK, "sub")],
    "a file under a file": [member("x"), member("x/y")],
    "a file over a folder": [member("x", FOLDER), member("x")],
    "a duplicate through .": [member("a/b"), member("a/./b")],
    "a duplicate through ..": [member("a/b"), member("a/c/../b")],
    "names that differ in case": [member("README"), member("readme")],
    "folders that differ in case": [member("A/x"), member("a/y")],
    "names that differ in composition": [member("caf\u00e9"), member("cafe\u0301")],
    "a hook": [member(".git/hooks/pre-commit", mode=0o755)],
    "a configuration": [member(".git/config")],
    "a hook in capitals": [member(".Git/hooks/pre-commit")],
    "a repository in a folder": [member("sub/.git/config")],
    "a pointer to a repository": [member("sub/.git", content=b"gitdir: ../victim\n")],
    "an empty folder .git": [member(".git", FOLDER)],
    "a link .git": [member(".git", LINK, "sub"), member("sub/config")],
    "a link to what will be .git": [member("params.yaml", LINK, ".git/config")],
    "an invisible letter in .git": [member(".g\u200cit/config")],
    "a hard link outside": [member("x", HARD, "../victim/file")],
    "a hard link inside": [member("a"), member("x", HARD, "a")],
    "a device": [member("null", tarfile.CHRTYPE, devmajor=1, devminor=3)],
    "a disk": [member("disk", tarfile.BLKTYPE, devmajor=8, devminor=0)],
    "a fifo": [member("fifo", tarfile.FIFOTYPE)],
    "a sparse file": [pax(GNU__sparse__map="0,1", GNU__sparse__size="5"), member("x")],
    "a sparse file of old": [member("x", tarfile.GNUTYPE_SPARSE)],
    "a link to an absolute path": [member("x", LINK, "/etc/passwd")],
    "a link to above": [member("a/x", LINK, "../../victim")],
    "a link that is climbed through": [member("x/y/up", LINK, "../.."), member("far", LINK, "x/y/up/../..")],
    "a chain of links": [
        member("a", LINK, "sub/b"),
        member("sub/b", LINK, "deep/c"),
        member("sub/deep/c", LINK, "../.."),
        member("d", LINK, "a/../../victim"),
    ],
    "a link to nothing": [member("x", LINK, "")],
    "an absolute path": [member("/tmp/outside")],
    "a path from above": [member("../victim/file")],
    "a path over a pax header": [pax(path="../victim/file"), member("harmless")],
    "a target over a pax header": [pax(linkpath="/etc/passwd"), member("x", LINK, "sub")],
    "a size over a pax header": [pax(size="-512"), member("x")],
    "a huge size over a pax header": [pax(size=str(2**40)), member("x")],
    "a global pax header": [member("pax", tarfile.XGLTYPE, content=b""), member("x")],
    "a pax header after another": [pax(mtime="1"), pax(path="../victim/file"), member("x")],
    "a pax header without a length": [member("pax", PAX, content=b"path=x\n"), member("x")],
    "a pax header with a wrong length": [member("pax", PAX, content=b"99 path=x\n"), member("x")],
    "a pax header that ends nowhere": [member("pax", PAX, content=b"0 path=x\n"), member("x")],
    "a long name of GNU tar": [old_longname("../victim/" * 12 + "file")],
    "a negative size": [member("x", size=-512)],
    "a size beyond the end": [member("x", size=2**20)],
    "a size beyond all disks": [member("x", size=2**32)],
    "a header of a gigabyte": [member("pax", PAX, size=2**30), member("x")],
    "a folder with a size": [member("x", FOLDER, size=512)],
    "a backslash": [member("..\\victim\\file")],
    "an escape": [member("\x1b]0;title\x07")],
    "a path without end": [member("/".join(["d" * 200] * 6))],
    "a path without bottom": [member("/".join("d" * 65))],
    "no name": [member("")],
    "the folder itself": [member(".", FOLDER)],
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("harmless", [b"", member("first/file")], ids=["alone", "after another"])
def test_a_hostile_archive_is_refused_and_nothing_is_written(name: str, harmless: bytes, tmp_path: Path):
    (tmp_path / "deep/victim").mkdir(parents=True)
    (tmp_path / "deep/victim/file").write_text("old")
    packed = pack(tmp_path, harmless, *HOSTILE[name])
    before = state(tmp_path)
    with pytest.raises(Untrusted, match=r"^the archive .*source\.tar\.gz is refused: "):
        source_archive.unpack(packed, tmp_path / "deep/folder")
    assert state(tmp_path) == before


@pytest.mark.parametrize("name", [name for name in HOSTILE if "link" not in name and "target" not in name])
def test_a_hostile_archive_is_not_read_either(name: str, tmp_path: Path):
    packed = pack(tmp_path, member("codelock/work.json"), *HOSTILE[name])
    with pytest.raises(Untrusted):
        source_archive.read(packed, "codelock")


def test_the_message_names_archive_and_member(tmp_path: Path):
    packed = pack(tmp_path, member("sub/null", tarfile.CHRTYPE))
    with pytest.raises(Untrusted) as caught:
        source_archive.unpack(packed, tmp_path / "folder")
    assert str(caught.value) == (
        f"the archive {packed} is refused: its member 'sub/null' is not a plain file, "
        "folder or symbolic link (type b'3')"
    )


@pytest.mark.parametrize("mode", [0o6755, 0o4644, 0o2755, 0o1777, 0o777, 0o600, 0o000, 0o001])
def test_of_a_mode_only_whether_its_owner_may_run_it_counts(mode: int, tmp_path: Path):
    packed = pack(tmp_path, member("sub", FOLDER, mode=0o7777), member("sub/x", mode=mode))
    source_archive.unpack(packed, tmp_path / "folder")
    modes = [stat.S_IMODE((tmp_path / "folder" / path).stat().st_mode) for path in ("sub", "sub/x")]
    assert modes == [0o755, 0o755 if mode & 0o100 else 0o644]


def test_links_that_stay_inside_are_links_again(tmp_path: Path):
    links = {
        "a/up": "..",
        "a/b/to": "../../c/./file",
        "self": "self",
        "far": "a/up/c",
        "none": "not/there",
        "s": "./c/",
    }
    packed = pack(tmp_path, *(member(name, LINK, target) for name, target in links.items()), member("c/file"))
    source_archive.unpack(packed, tmp_path / "folder")
    for name, target in links.items():
        assert (tmp_path / "folder" / name).readlink() == Path(target)
    assert (tmp_path / "folder/far/file").read_bytes() == b"new"


def test_an_archive_of_many_names_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(tarball, "MOST_NAMES", 5)
    five = [member("a/b/c"), member("a/d"), member("e")]
    source_archive.unpack(pack(tmp_path, *five), tmp_path / "folder")
    for sixth in (member("f"), member("f", FOLDER), member("f", LINK, "e")):
        with pytest.raises(Untrusted, match="'f' is one too many: at most 5 files and folders are allowed"):
            source_archive.unpack(pack(tmp_path, *five, sixth), tmp_path / "other")
    with pytest.raises(Untrusted, match="'a/b/c' is one too many"):
        source_archive.read(pack(tmp_path, member("a/f/g/h"), *five), "a")


@pytest.mark.parametrize("bomb", ["a file", "many files", "after the end", "within a header"])
def test_a_bomb_is_refused_and_never_held_in_memory(bomb: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    zeros = 2**26
    monkeypatch.setattr(tarball, "MOST_BYTES", zeros)
    given = {
        "a file": [member("x", size=zeros), b"\0" * zeros],
        "many files": [member(f"x{number}", content=b"\0" * 2**23) for number in range(9)],
        "after the end": [member("x"), END, b"\0" * zeros],
        "within a header": [member("pax", PAX, size=zeros - 512), b"\0" * (zeros - 512), member("x")],
    }[bomb]
    packed = pack(tmp_path, *given)
    assert packed.stat().st_size < zeros / 500
    del given
    largest = 0
    read = gzip.GzipFile.read

    def watched(file: gzip.GzipFile, size: int | None = -1) -> bytes:
        nonlocal largest
        content = read(file, size)
        largest = max(largest, len(content))
        return content

    monkeypatch.setattr(gzip.GzipFile, "read", watched)
    for attempt in (
        lambda: source_archive.unpack(packed, tmp_path / "folder"),
        lambda: source_archive.read(packed, "x"),
    ):
        with pytest.raises(Untrusted, match=r"67,108,864|a header that is too long"):
            attempt()
    assert largest <= tarball.PIECE_BYTES
    assert not (tmp_path / "folder").exists()


def test_an_archive_that_is_larger_than_it_may_be_unpacked_is_not_opened(tmp_path: Path):
    with (tmp_path / "source.tar.gz").open("wb") as file:
        file.truncate(tarball.MOST_BYTES + 1)
    with pytest.raises(Untrusted, match="has more than 1,073,741,824 bytes"):
        source_archive.unpack(tmp_path / "source.tar.gz", tmp_path / "folder")


WHOLE = gzip.compress(member("a", content=b"x" * 3000) + member("b") + END)
BROKEN = {
    "nothing": b"",
    "no gzip": b"not an archive at all",
    "an uncompressed tar": member("a") + END,
    "a tar in another compression": zlib.compress(member("a") + END),
    "cut off in a file": WHOLE[: len(WHOLE) // 2],
    "cut off at its end": WHOLE[:-3],
    "another checksum": WHOLE[:-8] + b"\0\0\0\0" + WHOLE[-4:],
    "no end": gzip.compress(member("a")),
    "a header cut off": gzip.compress(member("a") + member("b")[:100]),
    "bytes behind it": WHOLE + b"more",
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_archive_leaves_nothing_behind(name: str, tmp_path: Path):
    (tmp_path / "source.tar.gz").write_bytes(BROKEN[name])
    with pytest.raises(Untrusted, match="is refused: it is broken"):
        source_archive.unpack(tmp_path / "source.tar.gz", tmp_path / "folder")
    assert [path.name for path in tmp_path.iterdir()] == ["source.tar.gz"]


def test_a_folder_that_is_there_stays_as_it_is_and_one_that_cannot_be_written_whole_is_removed(tmp_path: Path):
    packed = pack(tmp_path, member("a/file"), member("n" * 255 + "/" + "n" * 255), member("/".join(["d" * 200] * 5)))
    (tmp_path / "there").mkdir()
    (tmp_path / "there/mine").touch()
    with pytest.raises(ValueError, match=r"cannot be unpacked: .*File exists"):
        source_archive.unpack(packed, tmp_path / "there")
    assert [path.name for path in (tmp_path / "there").iterdir()] == ["mine"]
    long = tmp_path.joinpath(*["d" * 200] * ((4096 - len(str(tmp_path)) - 600) // 201))
    with pytest.raises(ValueError, match=r"cannot be unpacked: .*File name too long"):
        source_archive.unpack(packed, long)
    assert not long.exists()


ODD = ("A", "..", ".", "", ".git", ".GIT", "victim/file")
NAMES = st.sampled_from([*"abcdefgh" * 12, *ODD])
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)
TARGETS = st.tuples(st.sampled_from(["", "", "", "../", "../../"]), PATHS).map("".join)
KINDS = st.sampled_from([*[FILE, LINK, FOLDER] * 6, HARD, tarfile.FIFOTYPE])
MEMBER = st.tuples(PATHS, KINDS, TARGETS, st.integers(0, 0o7777))
DISTINCT = st.lists(MEMBER, min_size=2, max_size=5, unique_by=lambda member: member[0][:1])  # most are taken
MEMBERS = st.one_of(st.lists(MEMBER, min_size=1, max_size=5), DISTINCT)
DAMAGE = st.lists(st.tuples(st.integers(0, 2**16), st.integers(0, 255)), max_size=2)


@given(MEMBERS, DAMAGE)
def test_whatever_an_archive_holds_nothing_outside_of_the_folder_changes(
    tmp_path_factory: pytest.TempPathFactory, members: Sequence[tuple[str, bytes, str, int]], damage: Any
):
    root = tmp_path_factory.mktemp("root")
    (root / "victim").mkdir()
    (root / "victim/file").write_text("old")
    (root / "a").symlink_to("victim")
    raw = bytearray(b"".join(member(name, kind, target, mode=mode) for name, kind, target, mode in members) + END)
    for place, value in damage:
        raw[place % len(raw)] = value
    packed = root / "source.tar.gz"
    packed.write_bytes(gzip.compress(bytes(raw), 1))
    before, folder = state(root), root / "folder"
    try:
        source_archive.unpack(packed, folder)
    except Untrusted:
        assert not folder.exists()
    after = state(root)
    assert {path: seen for path, seen in after.items() if not path.startswith(str(folder))} == before
    for path in folder.rglob("*"):
        assert Path(os.path.realpath(path)).is_relative_to(folder)  # unlike Path.resolve it takes links in a circle
        assert path.is_symlink() or stat.S_IMODE(path.stat().st_mode) in (0o644, 0o755)
        assert path.name.casefold() != ".git"


def test_what_a_checkout_packs_can_be_unpacked(made, tmp_path: Path):
    long = Path("/".join(["folder" * 20] * 3))
    long.mkdir(parents=True)
    for name in (long / "n\u00e4me", Path("one")):
        name.write_text("text\n")
    os.link("one", "two")
    Path("one").chmod(0o755)
    (long / "link").symlink_to("../../../one")
    Path("also").symlink_to("one")
    subprocess.run(["git", "add", "."], check=True)
    source_archive.archive(tmp_path / "source.tar.gz")
    source_archive.unpack(tmp_path / "source.tar.gz", tmp_path / "folder")
    found = {path.relative_to(tmp_path / "folder") for path in (tmp_path / "folder").rglob("*") if not path.is_dir()}
    assert found == set(map(Path, source_archive.names()))
    assert (tmp_path / "folder/two").read_text() == (tmp_path / "folder" / long / "link").read_text() == "text\n"
    assert os.access(tmp_path / "folder/two", os.X_OK)
    assert not os.access(tmp_path / "folder" / long / "n\u00e4me", os.X_OK)
