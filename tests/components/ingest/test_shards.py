"""Shards are named by batch and id, and equal rows give equal bytes."""

from dataclasses import replace
from pathlib import Path

import pytest

from components.ingest import shards
from components.ingest.records import EncodedClip
from tests.components.ingest.test_records import CLIP


def encoded(digit: str, batch: int = 0) -> EncodedClip:
    return EncodedClip(replace(CLIP, clip_id=digit * 64), digit.encode(), b"", batch)


def test_names_say_the_batch_and_the_first_digits_and_sort_by_batch(tmp_path: Path) -> None:
    assert shards.write(tmp_path, [encoded("b"), encoded("a"), encoded("c", 10_000)], shard_digits=2) == 3
    found = shards.shards_of(tmp_path)
    assert [path.name for path in found] == ["clips-0000-aa.parquet", "clips-0000-bb.parquet", "clips-10000-cc.parquet"]
    assert [shards.batch_of(path) for path in found] == [0, 0, 10_000]


def test_rows_that_return_to_an_earlier_batch_are_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="rows of batch 1 come after those of another batch"):
        shards.write(tmp_path, [encoded("a", 1), encoded("b", 2), encoded("c", 1)])


def test_every_row_is_read_from_its_row_group(tmp_path: Path) -> None:
    rows = [replace(encoded("a"), media=bytes([number])) for number in range(2 * shards.ROWS + 1)]
    shards.write(tmp_path, rows)
    reader = shards.ShardReader(shards.shards_of(tmp_path))
    assert [reader.media(0, row, ["media"]) for row in range(len(rows))] == [[row.media] for row in rows]


def test_equal_rows_give_equal_bytes(tmp_path: Path) -> None:
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        shards.write(tmp_path / name, [encoded("a"), encoded("a")])
    one, other = (shards.shards_of(tmp_path / name)[0].read_bytes() for name in ("one", "other"))
    assert one == other
