"""Tables of sources come back as they were written, also those with former column names."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.corpus import data
from components.corpus.data import Source

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
SOURCES = st.builds(
    Source,
    root=TEXT,
    path=st.from_regex(r"[a-z]{1,4}(/[a-z]{1,4})?", fullmatch=True),
    size_bytes=st.integers(0, 2**40),
    sha256=st.from_regex(r"[0-9a-f]{64}", fullmatch=True),
    caption=TEXT,
    license=TEXT,
    language=TEXT,
    split=st.sampled_from(data.SPLITS),
    attributes=st.dictionaries(TEXT, TEXT, max_size=2),
    batch=st.integers(0, 99),
)


@settings(max_examples=40, deadline=None)
@given(st.lists(SOURCES, max_size=4))
def test_sources_survive_the_table_in_sorted_order(sources: list[Source]) -> None:
    expected = sorted(sources, key=lambda source: (source.root, source.path, source.sha256))
    assert data.sources_of(data.table_of(sources)) == expected


def test_a_table_with_the_column_licence_is_read_as_license(tmp_path: Path) -> None:
    source = Source("mine", "a.mp4", 1, "0" * 64, license="CC0-1.0")
    table = data.table_of([source])
    former = ["licence" if name == "license" else name for name in table.schema.names]
    pq.write_table(table.rename_columns(former), tmp_path / "sources.parquet")
    assert data.read(tmp_path / "sources.parquet") == [source]


def test_a_table_without_a_column_is_refused_by_its_name(tmp_path: Path) -> None:
    pq.write_table(data.table_of([]).drop_columns(["batch", "license"]), tmp_path / "sources.parquet")
    with pytest.raises(ValueError, match="columns license, batch are missing"):
        data.read(tmp_path / "sources.parquet")


@pytest.mark.parametrize(("path", "expected"), [("a/b", False), ("/a", True), ("a/../../b", True), ("a..b", False)])
def test_paths_that_leave_their_folder_are_known(path: str, expected: bool) -> None:
    assert data.leaves(path) == expected
