import json
import os
from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from components.corpus import data as corpus_data
from components.ingest import sources
from components.ingest.storage import LocalStorage

from .conftest import png


def scan(folder: Path, only: str = "", known: Iterable[sources.Source] = (), seen: sources.FileMarks | None = None):
    return sources.Scan(LocalStorage(folder), "mine", only=only, known=known, seen=seen)


def present(folder: Path, only: str = "") -> dict[str, sources.Source]:
    return {source.path: source for source in scan(folder, only).sources if source.state == "present"}


def refused(folder: Path, only: str = "") -> dict[str, str]:
    return {source.path: source.reason for source in scan(folder, only).sources if source.state == "refused"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "sub").mkdir()
    for number, name in enumerate(["one.png", "two words é.png", "sub/three.png", ".hidden.png"]):
        (tmp_path / name).write_bytes(png(number))
    (tmp_path / "sub" / "three.txt").write_text("a third\npicture\n")
    (tmp_path / "README.md").write_text("not media")
    (tmp_path / "manifest.csv").write_text(
        "path,caption,license,language,split,camera,sha256\none.png,the first one,CC0,en,heldout,Leica,beef\n"
    )
    return tmp_path


def test_a_folder_gives_every_file_but_hidden_ones_and_descriptions(folder: Path) -> None:
    assert list(present(folder)) == ["one.png", "sub/three.png", "two words é.png"]
    assert refused(folder) == {}


def test_captions_come_from_the_manifest_beside_or_a_text_of_the_same_name(folder: Path) -> None:
    found = present(folder)
    assert found["one.png"].caption == "the first one"
    assert found["sub/three.png"].caption == "a third picture"
    assert found["two words é.png"].caption == ""


def test_known_columns_are_kept_and_free_ones_become_attributes(folder: Path) -> None:
    one = present(folder)["one.png"]
    assert (one.license, one.language, one.split, one.root) == ("CC0", "en", "heldout", "mine")
    assert one.attributes == {"camera": "Leica"}
    assert one.sha256 != "beef"
    assert one.size_bytes == (folder / "one.png").stat().st_size


@pytest.mark.parametrize(
    ("said", "taken"),
    [("test", "heldout"), ("Validation", "heldout"), ("fold 3", "heldout"), ("Train", "train"), ("", "")],
)
def test_what_is_not_said_to_be_for_training_is_held_out(folder: Path, said: str, taken: str) -> None:
    (folder / "manifest.csv").write_text(f"path,split\none.png,{said}\n")
    assert present(folder)["one.png"].split == taken


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_a_manifest_gives_the_files_it_names(folder: Path, suffix: str) -> None:
    rows = [{"path": "sub/three.png", "caption": "three", "steps": 3}, {"path": "one.png", "caption": None, "steps": 1}]
    path = folder / f"chosen{suffix}"
    match suffix:
        case ".csv":
            path.write_text("path,caption,steps\nsub/three.png,three,3\none.png,,1\n")
        case ".jsonl":
            path.write_text("\n".join(map(json.dumps, rows)))
        case _:
            pq.write_table(pa.Table.from_pylist(rows), path)
    assert {name: (row.caption, dict(row.attributes)) for name, row in present(folder, path.name).items()} == {
        "one.png": ("", {"steps": "1"}),
        "sub/three.png": ("three", {"steps": "3"}),
    }


def test_rows_that_cannot_be_taken_are_refused_each_by_its_reason_and_the_others_are_taken(folder: Path) -> None:
    rows = [
        {"path": "one.png", "caption": "fine"},
        {"path": "../outside.png"},
        {"path": "/etc/hostname"},
        {"path": 7},
        {"caption": "of nothing"},
        {"path": "two words é.png", "caption": {"en": "words"}},
        {"path": "sub/three.png", "caption": "x" * 10_000_000},
        {"path": "nowhere.png"},
        {"path": "one.png", "caption": "again"},
        {"path": "gpj.\u202egnp"},
        {"path": "bell\x07.png"},
        {"path": "sub"},
        ["one.png"],
    ]
    (folder / "rows.jsonl").write_text("\n".join([*map(json.dumps, rows), "{not JSON", "[" * 100_000]))
    assert refused(folder, "rows.jsonl") == {
        "../outside.png": "leaves_root",
        "/etc/hostname": "leaves_root",
        "rows.jsonl, row 4": "wrong_type",
        "rows.jsonl, row 5": "no_path",
        "rows.jsonl, row 6": "wrong_type",
        "rows.jsonl, row 7": "caption_too_long",
        "nowhere.png": "missing_file",
        "rows.jsonl, row 9": "repeated_path",
        "gpj.\\u202egnp": "unsafe_name",
        "bell\\x07.png": "unsafe_name",
        "sub": "not_a_file",
        "rows.jsonl, row 13": "not_a_row",
        "rows.jsonl, row 14": "not_a_row",
        "rows.jsonl, row 15": "not_a_row",
    }
    assert {path: source.caption for path, source in present(folder, "rows.jsonl").items()} == {"one.png": "fine"}
    assert len(scan(folder, "rows.jsonl").sources) == len(rows) + 2


def test_long_cells_of_a_csv_and_rows_with_too_many_are_refused(folder: Path) -> None:
    rows = ["path,caption", f"one.png,{'x' * 10_000_000}", "sub/three.png,a,b", "two words é.png,fine"]
    (folder / "rows.csv").write_text("\n".join(rows))
    assert refused(folder, "rows.csv") == {
        "rows.csv, row 1": "caption_too_long",
        "rows.csv, row 2": "too_many_cells",
    }
    assert list(present(folder, "rows.csv")) == ["two words é.png"]


def test_the_column_of_the_names_may_be_called_file(folder: Path) -> None:
    (folder / "rows.csv").write_text("file,caption\none.png,words\n")
    assert present(folder, "rows.csv")["one.png"].caption == "words"


def details(folder: Path, only: str) -> dict[str, str]:
    return {source.path: source.attributes.get("detail", "") for source in scan(folder, only).sources if source.reason}


def test_a_row_of_the_wrong_type_says_which_column_what_was_found_and_what_is_wanted(folder: Path) -> None:
    rows = [
        {"path": 7},
        {"file": True},
        {"path": "one.png", "caption": {"en": "words"}},
        {"path": "one.png", "captions": "words"},
        {"path": "one.png", "captions": ["words", 3.5]},
        {"path": "one.png", "license": ["CC0"]},
        {"path": "one.png", "split": "x" * 20_001},
    ]
    (folder / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    found = details(folder, "rows.jsonl")
    assert {source.reason for source in scan(folder, "rows.jsonl").sources} == {"wrong_type"}
    assert [found[f"rows.jsonl, row {number}"] for number in range(1, 8)] == [
        "column `path`: found 7 (int), wanted text",
        "column `file`: found True (bool), wanted text",
        "column `caption`: found a group of 1, wanted text",
        "column `captions`: found text of 5 characters, wanted a list of texts",
        "column `captions`: found 3.5 (float), wanted text",
        "column `license`: found a list of 1, wanted text of at most 20000 characters",
        "column `split`: found text of 20001 characters, wanted text of at most 20000 characters",
    ]


def test_a_row_that_names_a_file_again_says_which_and_where_it_was(folder: Path) -> None:
    (folder / "rows.csv").write_text("path\none.png\nsub/three.png\none.png\n")
    assert details(folder, "rows.csv") == {"rows.csv, row 3": "`one.png` stands in row 1 already"}


@pytest.mark.parametrize(
    ("content", "detail"),
    [
        ("path;caption\none.png;words\n", "found columns `path;caption`, wanted `path` or `file`"),
        ("path;caption\none.png;words, more\n", "found columns `path;caption`, wanted `path` or `file`"),
        ("path,caption\n,words\n", "nothing in column `path`"),
        (",".join("abcdefghij") + "\n1\n", "`g`, `h`, 2 more, wanted `path` or `file`"),
    ],
)
def test_a_row_without_a_path_says_what_is_there_and_what_is_wanted(folder: Path, content: str, detail: str) -> None:
    (folder / "rows.csv").write_text(content)
    assert refused(folder, "rows.csv") == {"rows.csv, row 1": "no_path"}
    assert detail in details(folder, "rows.csv")["rows.csv, row 1"]


def test_what_is_said_of_a_refused_row_is_short_and_in_plain_letters(folder: Path) -> None:
    long = "sub/" + "./" * 500 + "three.png"
    rows = [
        {f"bell\x07\u202e\ud800{number}" + "x" * 10_000: 1 for number in range(20)},
        {"path": 10**3000},
        {"path": long},
        {"path": long},
    ]
    (folder / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    found = details(folder, "rows.jsonl")
    assert list(found) == ["rows.jsonl, row 1", "rows.jsonl, row 2", "rows.jsonl, row 4"]
    assert all(detail and detail.isprintable() and len(detail) < 1_000 for detail in found.values())
    assert "`bell\\x07\\u202e\\ud8000x" in found["rows.jsonl, row 1"]
    sources.write(folder / "table.parquet", scan(folder, "rows.jsonl").sources)


def test_what_is_said_can_be_written_and_shown_whatever_a_row_holds(folder: Path) -> None:
    odd = "half \ud800\x00\x1b[31m of\n it"
    columns = {name: odd for name in ("licence", "language", "note", odd)}
    row = {"path": "one.png", "captions": [odd, odd], "tags": [odd], **columns}
    (folder / "rows.jsonl").write_text(json.dumps(row))
    sources.write(folder / "table.parquet", scan(folder, "rows.jsonl").sources)
    (one,) = corpus_data.read(folder / "table.parquet")
    assert one.caption == "half ? [31m of it"
    assert one.license == one.language == one.attributes["note"] == "half ?  [31m of\n it"
    assert set(one.attributes) == {"note", "half ?  [31m of\n it", "captions", "tags"}


def test_several_captions_come_along_and_the_first_one_leads(folder: Path) -> None:
    (folder / "rows.jsonl").write_text(json.dumps({"path": "one.png", "captions": ["first", "second"]}))
    one = present(folder, "rows.jsonl")["one.png"]
    assert one.caption == "first"
    assert json.loads(one.attributes["captions"]) == ["first", "second"]


def test_a_text_beside_that_is_no_caption_refuses_its_file(folder: Path) -> None:
    (folder / "one.txt").write_text("x" * 10_000_000)
    (folder / "manifest.csv").unlink()
    assert refused(folder) == {"one.png": "caption_too_long"}


def test_links_are_followed_inside_the_folder_only(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    outside = tmp_path_factory.mktemp("outside")
    (outside / "secret.png").write_bytes(png(9))
    (folder / "away.png").symlink_to(outside / "secret.png")
    (folder / "away").symlink_to(outside)
    (folder / "inside.png").symlink_to("one.png")
    (folder / "again").symlink_to("sub")
    (folder / "self.png").symlink_to("self.png")
    (folder / "broken.png").symlink_to("nowhere.png")
    assert refused(folder) == {
        "away": "link_leaves_root",
        "away.png": "link_leaves_root",
        "broken.png": "missing_file",
        "self.png": "missing_file",
    }
    assert {"inside.png", "sub/three.png"} <= present(folder).keys()
    assert not any(name.startswith("again") for name in present(folder))
    (folder / "rows.csv").write_text("path\naway/secret.png\n")
    assert refused(folder, "rows.csv") == {"away/secret.png": "link_leaves_root"}


def test_names_that_deceive_are_refused_and_shown_in_plain_letters(folder: Path) -> None:
    for name in ("a\nb.png", "gpj.\u202egnp.png"):
        (folder / name).write_bytes(png(5))
    (folder / os.fsdecode(b"\xff.png")).write_bytes(png(5))
    assert refused(folder) == {
        "\\udcff.png": "unsafe_name",
        "a\\nb.png": "unsafe_name",
        "gpj.\\u202egnp.png": "unsafe_name",
    }


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("m.csv", b"path\n\xff\xfe.png\n", "not UTF-8"),
        ("m.parquet", b"PAR1 or so", "cannot be read"),
    ],
)
def test_a_manifest_that_is_none_says_so(folder: Path, name: str, content: bytes, words: str) -> None:
    (folder / name).write_bytes(content)
    with pytest.raises(ValueError, match=words):
        scan(folder, name)


def test_only_what_changed_is_read_again(folder: Path) -> None:
    first = scan(folder)
    assert first.read == 3
    again = scan(folder, known=first.sources, seen=first.seen)
    assert (again.read, again.sources) == (0, first.sources)
    (folder / "one.png").write_bytes(png(7))
    (folder / "sub" / "three.txt").write_text("other words")
    third = scan(folder, known=again.sources, seen=again.seen)
    assert third.read == 1
    changed = {new.path for old, new in zip(first.sources, third.sources, strict=True) if old != new}
    assert changed == {"one.png", "sub/three.png"}


def test_equal_tables_are_equal_bytes(folder: Path, tmp_path: Path) -> None:
    found = scan(folder).sources
    for name in ("a.parquet", "b.parquet"):
        sources.write(tmp_path / name, reversed(found))
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()
    assert sources.read(tmp_path / "a.parquet") == found
