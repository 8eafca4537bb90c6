import bz2
import gzip
import hashlib
import io
import json
import lzma
import tarfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.ingest import archives, places, sources
from components.ingest.places import Folder

from .conftest import picture


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
    ("000.png", picture(0)),
    ("000.txt", b"a first\npicture"),
    ("001.clip.png", picture(1)),
    ("001.json", json.dumps({"caption": "second", "license": "CC0", "fps": 8, "path": "/etc"}).encode()),
    ("001.txt", b"not this"),
    ("sub/002.json", json.dumps({"language": "de"}).encode()),
    ("sub/002.png", picture(2)),
    ("sub/002.txt", b"words"),
    ("003.cls", b"7"),
    ("._000.png", b"of a file system"),
)


def look(folder: Path, **options):
    return sources.Scan(Folder(folder), "mine", **options)


def test_members_with_one_key_are_one_source_where_they_stand(tmp_path):
    (tmp_path / "shard.tar").write_bytes(SHARD)
    found = {source.path: source for source in look(tmp_path).sources}
    said = {path: (one.caption, one.licence, one.language, dict(one.attributes)) for path, one in found.items()}
    assert said == {
        "shard.tar/000.png": ("a first picture", "", "", {}),
        "shard.tar/001.clip.png": ("second", "CC0", "", {"fps": "8"}),
        "shard.tar/sub/002.png": ("words", "", "de", {}),
    }
    for number, source in enumerate(found.values()):
        assert source.archive == "shard.tar"
        with places.at_hand(source, tmp_path, tmp_path / "scratch") as path:
            assert path.read_bytes() == picture(number)
            assert hashlib.sha256(path.read_bytes()).hexdigest() == source.sha256
        assert not path.exists()


def test_a_tar_that_did_not_change_is_not_read_again(tmp_path):
    (tmp_path / "shard.tar").write_bytes(SHARD)
    first = look(tmp_path)
    again = look(tmp_path, known=first.sources, seen=first.seen)
    assert (first.read, again.read) == (1, 0)
    assert again.sources == first.sources


def test_what_is_wrong_in_a_tar_is_refused_by_name_and_the_rest_is_taken(tmp_path):
    content = tar(
        ("../out.png", picture(0)),
        ("good.png", picture(1)),
        ("good.png", picture(2)),
        ("long.png", picture(3)),
        ("long.txt", b"x" * 10_000_000),
        ("list.json", b"[1]"),
        ("list.png", picture(4)),
        ("turn\u202e.png", picture(5)),
        links=(("link.png", "/etc/hostname"),),
    )
    (tmp_path / "shard.tar").write_bytes(content)
    (tmp_path / "packed.tar.gz").write_bytes(b"")
    (tmp_path / "none.tar").write_bytes(b"no tar at all" * 100)
    found = look(tmp_path).sources
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
    (only,) = look(tmp_path).sources
    assert (only.path, only.reason) == ("shard.tar", "compressed_archive")


@pytest.mark.parametrize("cut_off", ["b.png", "b.txt"])
def test_a_tar_that_ends_too_early_gives_what_is_whole(tmp_path, cut_off):
    contents = {"a.png": picture(0), "b.txt": b"words of b", "b.png": picture(1)}
    whole = tar(*((name, contents[name]) for name in ("a.png", *sorted(contents.keys() - {"a.png", cut_off}), cut_off)))
    (tmp_path / "shard.tar").write_bytes(whole[: whole.index(contents[cut_off]) + 5])
    found = {source.path: (source.reason, source.caption) for source in look(tmp_path, only="shard.tar").sources}
    whole_ones = {"a.png", "b.png"} - {cut_off}
    assert found == {"shard.tar": ("broken_archive", "")} | {f"shard.tar/{name}": ("", "") for name in whole_ones}


def test_a_last_member_of_which_no_more_than_the_padding_is_missing_is_whole():
    whole = tar(("a.png", picture(0)))
    cut = whole[: whole.index(picture(0)) + len(picture(0))]
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


@pytest.mark.parametrize("name", ["000.png", "a.b/000.png", ".png", "..", "x/"])
def test_a_key_is_all_before_the_first_dot_of_the_last_part(name):
    key, ending = archives._key(name)
    assert key + ending == name
    assert "." not in key.rpartition("/")[2]
