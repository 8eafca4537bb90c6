"""Clips survive the table of a shard."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from components.ingest.records import METADATA, SCHEMA, Clip, EncodedClip, rows_of, table_of, with_split

CLIP = Clip("a" * 64, "b" * 64, "video", "", "", "", "", 17, "square", 0.0, 2.125, 64, 64, "audible", 0.01, {})
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
BYTES = st.binary(max_size=9)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(TEXT, TEXT, st.dictionaries(TEXT, TEXT, max_size=2), BYTES, BYTES)))
def test_rows_come_back_as_they_were(content: list[tuple[str, str, dict[str, str], bytes, bytes]]) -> None:
    rows = [
        EncodedClip(replace(CLIP, caption=caption, license=license_name, attributes=attributes), media, audio)
        for caption, license_name, attributes, media, audio in content
    ]
    assert rows_of(table_of(rows)) == rows


def test_the_schema_has_the_metadata_and_the_media_and_nothing_else() -> None:
    assert [*METADATA, "media", "audio"] == SCHEMA.names


def test_another_split_changes_nothing_else() -> None:
    row = EncodedClip(CLIP, b"media", b"audio", batch=3)
    assert with_split(with_split(row, "heldout"), "") == row
