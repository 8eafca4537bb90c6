import json
from pathlib import Path

import pytest

from flows.dvc import listings
from flows.graph.untrusted import Untrusted

FILE, OTHER, FOLDER = "0" * 32, "1" * 32, f"{'2' * 32}.dir"


class Store:
    """Objects in memory."""

    def __init__(self, content: dict[str, bytes]):
        self.content = content

    def copy(self, md5: str, target: Path) -> bool:
        if md5 in self.content:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(self.content[md5])
        return md5 in self.content


def listing(*items: tuple[str, str]) -> bytes:
    return json.dumps([{"relpath": path, "md5": md5} for path, md5 in items]).encode()


def test_a_folder_is_copied_out_with_all_its_files(tmp_path):
    store = Store({FOLDER: listing(("a", FILE), ("b/c", OTHER)), FILE: b"one", OTHER: b"two"})
    assert listings.listing(store, FOLDER) == {"a": FILE, "b/c": OTHER}
    assert listings.copy_out(store, FOLDER, tmp_path / "out")
    assert (tmp_path / "out/a").read_bytes() == b"one"
    assert (tmp_path / "out/b/c").read_bytes() == b"two"


def test_a_file_stands_for_itself(tmp_path):
    store = Store({FILE: b"one"})
    assert listings.listing(store, FILE) == {"": FILE}
    assert listings.copy_out(store, FILE, tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == b"one"


def test_what_is_missing_is_said(tmp_path):
    assert listings.listing(Store({}), FOLDER) is None
    assert not listings.copy_out(Store({FOLDER: listing(("a", FILE))}), FOLDER, tmp_path / "out")


@pytest.mark.parametrize(
    "content",
    [
        b"no JSON",
        b'{"relpath": "a"}',
        listing(("../a", FILE)),
        listing(("a", "x")),
        listing(("a", FILE), ("a", OTHER)),
        listing(("a", FILE), ("a/b", OTHER)),
        listing(("a", FOLDER)),
    ],
)
def test_a_listing_that_leads_elsewhere_is_refused(content):
    with pytest.raises(Untrusted, match="is refused"):
        listings.parsed(content, FOLDER)
