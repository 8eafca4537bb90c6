import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from components.ingest import sources

from .conftest import picture


def scanned(path: Path) -> dict[str, sources.Source]:
    return {source.path: source for source in sources.sources_of(sources.scan(path, root="mine"))}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "sub").mkdir()
    for number, name in enumerate(["one.png", "two words é.png", "sub/three.png", ".hidden.png"]):
        (tmp_path / name).write_bytes(picture(number))
    (tmp_path / "sub" / "three.txt").write_text("a third\npicture\n")
    (tmp_path / "README.md").write_text("not media")
    (tmp_path / "manifest.csv").write_text(
        "path,caption,license,split,camera,sha256\none.png,the first one,CC0,heldout,Leica,beef\n"
    )
    return tmp_path


def test_a_folder_gives_every_file_but_hidden_ones_and_descriptions(folder: Path) -> None:
    assert list(scanned(folder)) == ["one.png", "sub/three.png", "two words é.png"]


def test_captions_come_from_the_manifest_beside_or_a_text_of_the_same_name(folder: Path) -> None:
    found = scanned(folder)
    assert found["one.png"].caption == "the first one"
    assert found["sub/three.png"].caption == "a third picture"
    assert found["two words é.png"].caption == ""


def test_known_columns_are_kept_and_free_ones_become_attributes(folder: Path) -> None:
    one = scanned(folder)["one.png"]
    assert (one.licence, one.split, one.attributes, one.root) == ("CC0", "heldout", {"camera": "Leica"}, "mine")
    assert one.sha256 != "beef"
    assert one.size_bytes == (folder / "one.png").stat().st_size


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
    found = scanned(path)
    assert {name: (row.caption, dict(row.attributes)) for name, row in found.items()} == {
        "one.png": ("", {"steps": "1"}),
        "sub/three.png": ("three", {"steps": "3"}),
    }


def test_a_manifest_that_names_missing_files_is_refused(folder: Path) -> None:
    (folder / "wrong.csv").write_text("path,caption\ngone.mp4,x\n")
    with pytest.raises(ValueError, match=r"wrong\.csv names 1 files that do not exist, first gone\.mp4"):
        sources.scan(folder / "wrong.csv", root="mine")


def test_a_manifest_cannot_reach_out_of_its_folder(folder: Path) -> None:
    (folder / "sub" / "wrong.csv").write_text("path,caption\n../one.png,x\n")
    with pytest.raises(ValueError, match=r"\.\./one\.png: the path of a source must stay inside its root folder"):
        sources.scan(folder / "sub" / "wrong.csv", root="mine")


def test_a_manifest_without_paths_is_refused(folder: Path) -> None:
    (folder / "wrong.csv").write_text("name,caption\none.png,x\n")
    with pytest.raises(ValueError, match=r"wrong\.csv: row 1 has no `path`"):
        sources.scan(folder / "wrong.csv", root="mine")


def test_adding_a_root_again_replaces_its_sources_only(folder: Path) -> None:
    mine, theirs = sources.scan(folder, root="mine"), sources.scan(folder, root="theirs")
    (folder / "one.png").unlink()
    (folder / "manifest.csv").unlink()
    both = sources.merge(sources.merge(mine, theirs), sources.scan(folder, root="mine"))
    assert [(source.root, source.path) for source in sources.sources_of(both)] == [
        ("mine", "sub/three.png"),
        ("mine", "two words é.png"),
        ("theirs", "one.png"),
        ("theirs", "sub/three.png"),
        ("theirs", "two words é.png"),
    ]


def test_equal_tables_are_equal_bytes(folder: Path, tmp_path: Path) -> None:
    table = sources.scan(folder, root="mine")
    for name in ("a.parquet", "b.parquet"):
        sources.write(tmp_path / name, reversed(sources.sources_of(table)))
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()
    assert sources.read(tmp_path / "a.parquet") == sources.sources_of(table)
