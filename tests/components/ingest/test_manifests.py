"""A manifest that is damaged costs nothing but what it alone would have said."""

import io
import random
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from components.ingest import manifests, sources
from components.ingest.storage import LocalStorage

from .conftest import png

ROWS = [{"path": f"{number}.png", "caption": f"words {number}", "license": "CC0", "steps": 3} for number in range(3)]


def parquet(rows: list[dict[str, object]], **options: object) -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), file, **options)
    return file.getvalue()


WHOLE = parquet(ROWS)
FOOTER = int.from_bytes(WHOLE[-8:-4], "little")
PAGES = parquet(ROWS, compression="none", use_dictionary=False)


def with_footer(size: int) -> bytes:
    return WHOLE[:-8] + (size % (1 << 32)).to_bytes(4, "little") + b"PAR1"


DAMAGED: dict[str, tuple[str, bytes]] = {
    "empty": ("parquet", b""),
    "magic alone": ("parquet", b"PAR1"),
    "magic twice": ("parquet", b"PAR1" * 2),
    "another magic at the end": ("parquet", WHOLE[:-4] + b"PAR2"),
    "encrypted footer": ("parquet", WHOLE[:-4] + b"PARE"),
    "cut in a page": ("parquet", WHOLE[:40]),
    "cut in the middle": ("parquet", WHOLE[: len(WHOLE) // 2]),
    "cut in the footer": ("parquet", WHOLE[:-20]),
    "cut by one byte": ("parquet", WHOLE[:-1]),
    "footer longer than the file": ("parquet", with_footer(len(WHOLE) * 2)),
    "footer of 4 GB": ("parquet", with_footer(-1)),
    "footer of nothing": ("parquet", with_footer(0)),
    "footer of half its length": ("parquet", with_footer(FOOTER // 2)),
    "noise for a footer": ("parquet", WHOLE[: -8 - FOOTER] + b"\xff" * FOOTER + WHOLE[-8:]),
    "zeros for a footer": ("parquet", WHOLE[: -8 - FOOTER] + bytes(FOOTER) + WHOLE[-8:]),
    "noise for pages": ("parquet", PAGES[:4] + b"\xa5" * (len(PAGES) // 3) + PAGES[4 + len(PAGES) // 3 :]),
    "a text that is none": ("parquet", PAGES.replace(b"words 1", b"words \xff")),
    "a CSV by another name": ("parquet", b"path,caption\n0.png,new words\n"),
    "no UTF-8 in the last row": ("csv", b"path,caption\n0.png,new words\n9.png,gone\n1.png,\xff\xfe\n"),
    "UTF-16": ("csv", "path,caption\n0.png,new words\n".encode("utf-16")),
}


def folder_of(tmp_path: Path, manifest: bytes = WHOLE, suffix: str = "parquet") -> Path:
    folder = tmp_path / "media"
    (folder / "sub").mkdir(parents=True)
    for number, name in enumerate(["0.png", "1.png", "2.png", "sub/3.png"]):
        (folder / name).write_bytes(png(number))
    (folder / "sub" / "3.txt").write_text("a text beside")
    (folder / f"manifest.{suffix}").write_bytes(manifest)
    return folder


def scan(folder: Path, **options: object) -> sources.Scan:
    return sources.Scan(LocalStorage(folder), "mine", **options)


def said(scan: sources.Scan) -> dict[str, tuple[str, str, dict[str, str]]]:
    return {one.path: (one.caption, one.license, dict(one.attributes)) for one in scan.sources if not one.reason}


@pytest.mark.parametrize("damage", DAMAGED)
def test_a_damaged_manifest_beside_media_is_one_refusal_and_the_rest_is_taken(damage: str, tmp_path: Path) -> None:
    suffix, content = DAMAGED[damage]
    found = scan(folder_of(tmp_path, content, suffix))
    name = f"manifest.{suffix}"
    assert {one.path: one.reason for one in found.sources if one.reason} == {name: "broken_manifest"}
    (detail,) = (one.attributes["detail"] for one in found.sources if one.reason)
    assert detail.startswith(name)
    assert detail.isprintable()
    assert str(tmp_path) not in detail
    assert len(detail) < 300
    assert said(found) == {f"{number}.png": ("", "", {}) for number in range(3)} | {
        "sub/3.png": ("a text beside", "", {})
    }


@pytest.mark.parametrize("damage", DAMAGED)
def test_what_was_said_before_the_damage_stays_said(damage: str, tmp_path: Path) -> None:
    folder = folder_of(tmp_path)
    first = scan(folder)
    suffix, content = DAMAGED[damage]
    (folder / "manifest.parquet").unlink()
    (folder / f"manifest.{suffix}").write_bytes(content)
    (folder / "0.png").write_bytes(png(7))
    (folder / "4.png").write_bytes(png(4))
    (folder / "4.txt").write_text("new")
    (folder / "2.png").unlink()
    again = scan(folder, known=first.sources, seen=first.seen)
    words = {name: text for name, text in said(first).items() if name != "2.png"}
    assert words["1.png"] == ("words 1", "CC0", {"steps": "3"})
    assert said(again) == words | {"4.png": ("new", "", {})}
    assert [one.path for one in again.sources if one.reason] == [f"manifest.{suffix}"]


def test_only_the_folder_of_the_damaged_manifest_keeps_old_words(tmp_path: Path) -> None:
    folder = folder_of(tmp_path)
    (folder / "sub" / "captions.csv").write_text("path,caption\n3.png,of the table\n")
    first = scan(folder)
    (folder / "sub" / "captions.csv").write_bytes(b"path\n\xff\n")
    (folder / "sub" / "3.txt").write_text("another text")
    (folder / "manifest.parquet").write_bytes(parquet([ROWS[0] | {"caption": "new"}]))
    again = said(scan(folder, known=first.sources, seen=first.seen))
    assert {name: words[0] for name, words in again.items()} == {
        "0.png": "new",
        "1.png": "",
        "2.png": "",
        "sub/3.png": "of the table",
    }
    (folder / "sub" / "captions.csv").unlink()
    assert said(scan(folder, known=first.sources, seen=first.seen))["sub/3.png"][0] == "another text"


@pytest.mark.parametrize("damage", DAMAGED)
def test_a_damaged_manifest_that_is_named_stops_with_its_name(damage: str, tmp_path: Path) -> None:
    suffix, content = DAMAGED[damage]
    with pytest.raises(ValueError, match=rf"^manifest\.{suffix} ") as error:
        scan(folder_of(tmp_path, content, suffix), only=f"manifest.{suffix}")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("make", [Path.mkdir, lambda path: path.symlink_to("sub"), lambda path: path.symlink_to("no")])
def test_what_is_called_a_manifest_and_is_no_file_is_none(make: Callable[[Path], None], tmp_path: Path) -> None:
    folder = folder_of(tmp_path)
    (folder / "manifest.parquet").unlink()
    make(folder / "manifest.parquet")
    assert len(said(scan(folder))) == 4


def outcome(content: bytes) -> str:
    """How reading ends, in a word."""
    try:
        found = list(manifests.lines("m.parquet", io.BytesIO(content)))
    except manifests.Damaged as error:
        return str(error).partition(":")[0]
    return "rows" if all(line.path or line.refusal for line in found) else "neither"


def test_flipped_bits_give_rows_or_one_refusal() -> None:
    draw, ends = random.Random(0), set()
    for number in range(3000):
        damaged = bytearray(WHOLE if number % 2 else PAGES)
        first = len(damaged) - 8 - FOOTER if number % 3 else 0
        for _ in range(draw.choice([1, 1, 4])):
            damaged[draw.randrange(first, len(damaged))] ^= 1 << draw.randrange(8)
        ends.add(outcome(bytes(damaged)))
    assert ends == {"rows", "m.parquet cannot be read"}


def test_a_table_of_more_than_the_limit_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manifests, "MOST_TABLE_BYTES", len(WHOLE) - 1)
    with pytest.raises(ValueError, match=r"manifest\.parquet cannot be read: it has more than \d+ bytes"):
        scan(folder_of(tmp_path), only="manifest.parquet")
