import bz2
import gzip
import hashlib
import io
import json
import lzma
import tarfile
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.ingest import archives, sources, storage
from components.ingest.storage import LocalStorage

from .conftest import png


def tar(*members: tuple[str, bytes], links: tuple[tuple[str, str], ...] = ()) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
        for name, target in links:
            info = tarfile.TarInfo(name)
            info.type, info.linkname = tarfile.SYMTYPE, target
            archive.addfile(info)
    return buffer.getvalue()


SHARD = tar(
    ("000.png", png(0)),
    ("000.txt", b"a first\npicture"),
    ("001.clip.png", png(1)),
    ("001.json", json.dumps({"caption": "second", "license": "CC0", "fps": 8, "path": "/etc"}).encode()),
    ("001.txt", b"not this"),
    ("sub/002.json", json.dumps({"language": "de"}).encode()),
    ("sub/002.png", png(2)),
    ("sub/002.txt", b"words"),
    ("003.cls", b"7"),
    ("._000.png", b"of a file system"),
)


def scan(folder: Path, **options):
    return sources.Scan(LocalStorage(folder), "mine", **options)


def test_members_with_one_key_are_one_source_where_they_stand(tmp_path):
    (tmp_path / "shard.tar").write_bytes(SHARD)
    found = {source.path: source for source in scan(tmp_path).sources}
    said = {path: (one.caption, one.license, one.language, dict(one.attributes)) for path, one in found.items()}
    assert said == {
        "shard.tar/000.png": ("a first picture", "", "", {}),
        "shard.tar/001.clip.png": ("second", "CC0", "", {"fps": "8"}),
        "shard.tar/sub/002.png": ("words", "", "de", {}),
    }
    for number, source in enumerate(found.values()):
        assert source.archive == "shard.tar"
        with storage.local_copy(source, tmp_path, tmp_path / "scratch") as path:
            assert path.read_bytes() == png(number)
            assert hashlib.sha256(path.read_bytes()).hexdigest() == source.sha256
        assert not path.exists()


def test_a_tar_that_did_not_change_is_not_read_again(tmp_path):
    (tmp_path / "shard.tar").write_bytes(SHARD)
    first = scan(tmp_path)
    again = scan(tmp_path, known=first.sources, seen=first.seen)
    assert (first.read, again.read) == (1, 0)
    assert again.sources == first.sources


def test_what_is_wrong_in_a_tar_is_refused_by_name_and_the_rest_is_taken(tmp_path):
    content = tar(
        ("../out.png", png(0)),
        ("good.png", png(1)),
        ("good.png", png(2)),
        ("long.png", png(3)),
        ("long.txt", b"x" * 10_000_000),
        ("list.json", b"[1]"),
        ("list.png", png(4)),
        ("turn\u202e.png", png(5)),
        links=(("link.png", "/etc/hostname"),),
    )
    (tmp_path / "shard.tar").write_bytes(content)
    (tmp_path / "packed.tar.gz").write_bytes(b"")
    (tmp_path / "none.tar").write_bytes(b"no tar at all" * 100)
    found = scan(tmp_path).sources
    assert [source.path for source in found if source.state == "present"] == ["shard.tar/good.png"]
    assert sorted(source.reason for source in found if source.state == "refused") == sorted(
        [
            "leaves_root",
            "repeated_path",
            "caption_too_long",
            "not_a_row",
            "unsafe_name",
            "link_in_archive",
            "compressed_archive",
            "broken_archive",
        ]
    )


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_a_tar_that_is_compressed_under_a_plain_name_is_refused_for_that(tmp_path, pack):
    (tmp_path / "shard.tar").write_bytes(pack(SHARD))
    (only,) = scan(tmp_path).sources
    assert (only.path, only.reason) == ("shard.tar", "compressed_archive")


@pytest.mark.parametrize("cut_off", ["b.png", "b.txt"])
def test_a_tar_that_ends_too_early_gives_what_is_whole(tmp_path, cut_off):
    contents = {"a.png": png(0), "b.txt": b"words of b", "b.png": png(1)}
    whole = tar(*((name, contents[name]) for name in ("a.png", *sorted(contents.keys() - {"a.png", cut_off}), cut_off)))
    (tmp_path / "shard.tar").write_bytes(whole[: whole.index(contents[cut_off]) + 5])
    found = {source.path: (source.reason, source.caption) for source in scan(tmp_path, only="shard.tar").sources}
    whole_ones = {"a.png", "b.png"} - {cut_off}
    assert found == {"shard.tar": ("broken_archive", "")} | {f"shard.tar/{name}": ("", "") for name in whole_ones}


def test_a_last_member_of_which_no_more_than_the_padding_is_missing_is_whole():
    whole = tar(("a.png", png(0)))
    cut = whole[: whole.index(png(0)) + len(png(0))]
    assert [(one.name, one.refusal) for one in archives.members(io.BytesIO(cut))] == [
        ("a.png", ""),
        ("", "broken_archive"),
    ]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, len(SHARD) - 1), st.binary(min_size=1, max_size=600))
def test_no_damage_to_a_tar_is_more_than_a_refusal(at, damage):
    damaged = io.BytesIO(SHARD[:at] + damage + SHARD[at + len(damage) :])
    for member in archives.members(damaged):
        assert member.refusal or member.offset_bytes + member.size_bytes <= len(damaged.getvalue())


BLOCK = tarfile.BLOCKSIZE


def header(name: str, size: int, kind: bytes = tarfile.REGTYPE, more: dict[int, bytes] | None = None) -> bytes:
    """One block, with any size there is and bytes laid over it, and a checksum that is right."""
    info = tarfile.TarInfo(name)
    info.type = kind
    block = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    block[124:136] = b"%011o\0" % size if 0 <= size < 8**11 else (size % (1 << 95) | (255 << 88)).to_bytes(12, "big")
    if size >= 8**11:
        block[124] = 0x80
    for at, content in (more or {}).items():
        block[at : at + len(content)] = content
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def padded(content: bytes) -> bytes:
    return content + bytes(-len(content) % BLOCK)


def record(key: str, value: str) -> bytes:
    rest = f" {key}={value}\n".encode()
    length = next(n for n in range(len(rest), len(rest) + 9) if len(str(n)) + len(rest) == n)
    return str(length).encode() + rest


def pax(*records: bytes, kind: bytes = tarfile.XHDTYPE) -> bytes:
    return header("pax", len(b"".join(records)), kind) + padded(b"".join(records))


GOOD = header("a.png", len(png(0))) + padded(png(0))
AFTER = header("z.png", len(png(1))) + padded(png(1)) + bytes(2 * BLOCK)
MAP = pax(record("GNU.sparse.major", "1"), record("GNU.sparse.minor", "0"))
DAMAGE = {
    "size of a member below 0": header("b.png", -BLOCK),
    "size of a member far below 0": header("b.png", -(1 << 80)),
    "size of a member of 2^63": header("b.png", 1 << 63),
    "size of a member of 2^94": header("b.png", (1 << 94) - 1),
    "size of a folder below 0": header("b", -BLOCK, tarfile.DIRTYPE),
    "size of an unknown kind that leads back to the first": header("b", -len(GOOD) - BLOCK, b"Z"),
    "size in a header of POSIX's below 0": pax(record("size", "-512")) + header("b.png", 0),
    "size in a header of POSIX's of 2^70": pax(record("size", str(1 << 70))) + header("b.png", 0),
    "size in a header of POSIX's that is no number": pax(record("size", "many")) + header("b.png", 0),
    "size in a header of POSIX's of many digits": pax(record("size", "9" * 5000)) + header("b.png", 0),
    "header of POSIX's of 4 GB": header("pax", 4 << 30, tarfile.XHDTYPE),
    "header of POSIX's below 0": header("pax", -BLOCK, tarfile.XHDTYPE),
    "header of POSIX's for all of 2^64": header("pax", 1 << 64, tarfile.XGLTYPE),
    "header of one long name of 4 GB": header("././@LongLink", 4 << 30, tarfile.GNUTYPE_LONGNAME),
    "header of one long name below 0": header("././@LongLink", -1, tarfile.GNUTYPE_LONGNAME),
    "header of one long link of 2^63": header("././@LongLink", 1 << 63, tarfile.GNUTYPE_LONGLINK),
    "headers of long names without end": (header("n", 4, tarfile.GNUTYPE_LONGNAME) + padded(b"name")) * 1500,
    "record without a length": pax(b"many size=9\n") + header("b.png", 0),
    "record of length 0": pax(b"0 path=b.png\n") + header("b.png", 0),
    "record that goes on after its header": pax(b"999 path=b.png\n") + header("b.png", 0),
    "record of digits only": pax(b"1" * 600_000) + header("b.png", 0),
    "records within records": pax(b"2 " * 300_000 + b"=") + header("b.png", 0),
    "sparse file whose map has no end": header("b.png", 0, tarfile.GNUTYPE_SPARSE, {482: b"\1"}) + b"\1" * 2_000_000,
    "sparse file whose map is cut off": header("b.png", 0, tarfile.GNUTYPE_SPARSE, {482: b"\1"}),
    "checksum that is wrong": header("b.png", 0).replace(b"b.png", b"c.png"),
    "size that is no number": header("b.png", 0, more={124: b"many"}),
    "noise": b"noise" * 300,
}


@pytest.mark.parametrize("end", ["", "after"])
@pytest.mark.parametrize("damage", DAMAGE)
def test_what_a_header_claims_is_no_more_than_one_refusal(damage: str, end: str, tmp_path: Path) -> None:
    (tmp_path / "shard.tar").write_bytes(GOOD + DAMAGE[damage] + (AFTER if end and "cut" not in damage else b""))
    found = {source.path: source.reason for source in scan(tmp_path).sources}
    assert found == {"shard.tar": "broken_archive", "shard.tar/a.png": ""}


def test_a_header_may_not_fill_the_memory_though_the_file_is_as_large(tmp_path: Path) -> None:
    for kind in (tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.XGLTYPE):
        with (tmp_path / "shard.tar").open("wb") as file:
            file.write(GOOD + header("pax", 4 << 30, kind))
            file.truncate(5 << 30)  # a hole, without blocks on the disk
        tracemalloc.start()
        try:
            found = {source.path: source.reason for source in scan(tmp_path).sources}
            assert tracemalloc.get_traced_memory()[1] < 32 << 20
        finally:
            tracemalloc.stop()
        assert found == {"shard.tar": "broken_archive", "shard.tar/a.png": ""}


@pytest.mark.parametrize("cut_at", [1, 100, 511, 512 + 5, 1023, 1024 + 300, 1535])
def test_a_tar_that_ends_within_the_headers_of_a_member_gives_what_came_before(cut_at: int, tmp_path: Path) -> None:
    long = pax(record("path", "b.png")) + header("b", len(png(1)))
    (tmp_path / "shard.tar").write_bytes(GOOD + long[:cut_at])
    found = {source.path: source.reason for source in scan(tmp_path).sources}
    assert found == {"shard.tar": "broken_archive", "shard.tar/a.png": ""}


SPARSE = {
    "of GNU's old way": header("s.png", BLOCK, tarfile.GNUTYPE_SPARSE) + bytes(BLOCK),
    "of GNU's old way with more of a map": (
        header("s.png", BLOCK, tarfile.GNUTYPE_SPARSE, {482: b"\1"})
        + bytes(504)
        + b"\1"
        + bytes(7)
        + bytes(BLOCK)
        + bytes(BLOCK)
    ),
    "of version 0.0": pax(record("GNU.sparse.size", "9000")) + header("s.png", BLOCK) + bytes(BLOCK),
    "of version 0.1": pax(record("GNU.sparse.map", "0,9")) + header("s.png", BLOCK) + bytes(BLOCK),
    "of version 1.0": MAP + header("s.png", BLOCK) + padded(b"1\n0\n9\n"),
    "of version 1.0 whose map has no end": MAP + header("s.png", BLOCK) + b"1" * BLOCK,
}


@pytest.mark.parametrize("kind", SPARSE)
def test_a_sparse_member_is_refused_and_the_next_one_is_found(kind: str, tmp_path: Path) -> None:
    (tmp_path / "shard.tar").write_bytes(GOOD + SPARSE[kind] + AFTER)
    found = {source.path: source.reason for source in scan(tmp_path).sources}
    assert found == {"shard.tar/a.png": "", "shard.tar/s.png": "link_in_archive", "shard.tar/z.png": ""}


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_members_are_those_that_tarfile_finds(form: int) -> None:
    names = ["a.png", "ü é.png", "d" * 90 + "/" + "e" * 90 + ".png"]
    names += [] if form == tarfile.USTAR_FORMAT else ["x/" * 200 + "y" * 150 + ".png", "12 size=7.png"]
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=form, pax_headers={"comment": "words"}) as archive:
        for number, name in enumerate(names):
            info = tarfile.TarInfo(name)
            info.size, info.mtime = number * 300, 1e9 + 0.5
            archive.addfile(info, io.BytesIO(bytes(info.size)))
            folder = tarfile.TarInfo(f"folder {number}/")
            folder.type = tarfile.DIRTYPE
            archive.addfile(folder)
    with tarfile.open(fileobj=io.BytesIO(file.getvalue())) as archive:
        wanted = [(info.name, info.offset_data, info.size, "") for info in archive if info.isreg()]
    found = [(one.name, one.offset_bytes, one.size_bytes, one.refusal) for one in archives.members(file)]
    assert found == wanted


@pytest.mark.parametrize("name", ["000.png", "a.b/000.png", ".png", "..", "x/"])
def test_a_key_is_all_before_the_first_dot_of_the_last_part(name):
    key, ending = archives._key(name)
    assert key + ending == name
    assert "." not in key.rpartition("/")[2]


def test_a_member_without_a_name_is_not_taken_for_the_tar(tmp_path: Path) -> None:
    (tmp_path / "shard.tar").write_bytes(GOOD + header("", len(png(2))) + padded(png(2)) + AFTER)
    found = {source.path: source.reason for source in scan(tmp_path).sources}
    assert found == {"shard.tar/?": "unsafe_name", "shard.tar/a.png": "", "shard.tar/z.png": ""}
