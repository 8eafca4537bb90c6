"""Nothing that somebody else names lies outside of the folder that it is named in."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.graph.untrusted import Untrusted, digest, inside, relative

UNSAFE = (
    "../x",
    "a/../../x",
    "/etc/passwd",
    "//host/share",
    "",
    ".",
    "..",
    "a//b",
    "a/",
    "./a",
    "a/./b",
    "a\\..\\..\\x",
    "C:\\x",
    "a\0b",
    "a\nb",
    "\x1b]0;title\x07",
    "half \ud800",
    "n" * 256,
    None,
    7,
    ["a"],
)


@pytest.mark.parametrize("path", UNSAFE)
def test_an_unsafe_path_is_refused_and_named(path, tmp_path):
    for check in (relative, lambda *given: inside(tmp_path, *given)):
        with pytest.raises(Untrusted, match="the listing of out is refused: it names the path"):
            check(path, "the listing of out")


@pytest.mark.parametrize("path", ["a", "a/b.txt", "...", ".hidden/..data", "with space/é.mp4", "a:b", "-rf"])
def test_what_lies_below_the_folder_is_let_through(path, tmp_path):
    assert relative(path, "") == path
    assert inside(tmp_path, path, "") == tmp_path / path


@given(st.text(st.characters(codec="utf-8"), max_size=20))
def test_whatever_is_let_through_stays_in_the_folder(path):
    folder = Path("/somewhere/folder")
    try:
        found = inside(folder, path, "")
    except Untrusted:
        return
    assert found.resolve().is_relative_to(folder)
    assert found != folder


@pytest.mark.parametrize("link", ["out", "out/sub", "out/sub/deep"])
def test_no_path_goes_through_a_symbolic_link(link, tmp_path):
    path = tmp_path / link
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to("/tmp")
    with pytest.raises(Untrusted, match="is a symbolic link"):
        inside(tmp_path, "out/sub/deep/file", "the record")


@pytest.mark.parametrize(
    "md5",
    ["", "a" * 31, "a" * 33, "A" * 32, "g" * 32, "../../etc/passwd", f"{'a' * 32}.dir/../x", f"{'a' * 32}\n", None, 3],
)
def test_what_is_no_hash_is_refused(md5):
    with pytest.raises(Untrusted, match="an entry is refused: it names the hash"):
        digest(md5, "an entry")


def test_a_hash_is_let_through():
    assert digest("0123456789abcdef" * 2, "") == "0123456789abcdef" * 2
    assert digest("0123456789abcdef" * 2 + ".dir", "").endswith(".dir")
