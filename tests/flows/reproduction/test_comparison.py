import json
import struct
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from flows.reproduction import comparison


def tensors(path: Path, dtype: str, values: bytes, count: int) -> Path:
    header = json.dumps(
        {"__metadata__": {"a": "b"}, "w": {"dtype": dtype, "shape": [count], "data_offsets": [0, len(values)]}}
    )
    path.write_bytes(struct.pack("<Q", len(header)) + header.encode() + values)
    return path


def test_single_numbers_agree_relative_to_the_larger_one():
    old = {"loss": 100.0, "name": "a", "right": True, "n": 3}
    assert comparison.values(old, old | {"loss": 104.0}, 0.05).agrees
    far = comparison.values(old, old | {"loss": 90.0}, 0.05)
    assert (far.agrees, far.text) == (False, "loss 100.0 → 90.0")
    for other in ({"name": "b"}, {"right": False}, {"more": 1}, {"loss": float("nan")}):
        assert not comparison.values(old, old | other, 0.05).agrees


def test_the_furthest_are_named_and_the_rest_counted():
    old = {f"v{place}": 1.0 for place in range(9)}
    assert (
        comparison.values(old, dict.fromkeys(old, 2.0), 0.05).text
        == "v0 1.0 → 2.0, v1 1.0 → 2.0, v2 1.0 → 2.0 and 6 more"
    )


@pytest.mark.parametrize(("dtype", "kind"), [("F32", "<f4"), ("F16", "<f2"), ("F64", "<f8"), ("I32", "<i4")])
def test_tensors_agree_relative_to_the_largest_number(tmp_path, dtype, kind):
    one, near, far = (np.array(values, kind).tobytes() for values in ([1, 100], [2, 100], [20, 100]))
    old = tensors(tmp_path / "old.safetensors", dtype, one, 2)
    assert comparison.compare(old, tensors(tmp_path / "near.safetensors", dtype, near, 2), 0.05).agrees
    result = comparison.compare(old, tensors(tmp_path / "far.safetensors", dtype, far, 2), 0.05)
    assert (result.agrees, result.text) == (False, "largest absolute difference 19, in w")


def test_bfloat16_is_read_as_what_it_stands_for(tmp_path):
    old = tensors(tmp_path / "old.safetensors", "BF16", struct.pack("<2H", 0x3F80, 0x4000), 2)  # 1, 2
    new = tensors(tmp_path / "new.safetensors", "BF16", struct.pack("<2H", 0x3F80, 0x4040), 2)  # 1, 3
    assert comparison.compare(old, new, 0.05).text == "largest absolute difference 1, in w"


def test_a_number_that_is_none_is_furthest():
    old, new = np.array([1.0, 2.0]), np.array([1.0, np.nan])
    assert not comparison.arrays({"w": old}, {"w": new}, 0.05).agrees
    assert not comparison.arrays({"w": old}, {"w": old[:1]}, 0.05).agrees


def test_a_manifest_is_compared_but_for_the_hashes_that_follow_from_the_files(tmp_path):
    for name, digest, count in (("old", "a", 1), ("new", "b", 1), ("other", "a", 2)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "manifest.json").write_text(json.dumps({"files": {"x": digest}, "counts": {"kept": count}}))
    old, new, other = (tmp_path / name / "manifest.json" for name in ("old", "new", "other"))
    assert comparison.compare(old, new, 0.0).agrees
    assert comparison.compare(old, other, 0.0).text == "counts.kept 1 → 2"


def test_cells_of_csv_are_compared_as_numbers(tmp_path):
    for name, loss in (("old", "1.0"), ("near", "1.01"), ("far", "2.0")):
        (tmp_path / f"{name}.csv").write_text(f"step,loss\n1,{loss}\n")
    old, near, far = (tmp_path / f"{name}.csv" for name in ("old", "near", "far"))
    assert comparison.compare(old, near, 0.05).agrees
    assert comparison.compare(old, far, 0.05).text == "row 1 column 1 1.0 → 2.0"


@pytest.mark.parametrize("suffix", [".parquet", ".arrow"])
def test_columns_of_tables_are_compared_as_numbers(tmp_path, suffix):
    def written(name: str, **changes: list[object]) -> Path:
        columns = {"clip_id": ["a", "b"], "codes": pa.array([[1.0, 2.0], [3.0, 100.0]])} | changes
        table, path = pa.table(columns), tmp_path / f"{name}{suffix}"
        if suffix == ".parquet":
            pq.write_table(table, path)
        else:
            with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
                writer.write_table(table)
        return path

    old = written("old")
    assert comparison.compare(old, written("near", codes=[[2.0, 2.0], [3.0, 100.0]]), 0.05).agrees
    assert not comparison.compare(old, written("far", codes=[[50.0, 2.0], [3.0, 100.0]]), 0.05).agrees
    assert comparison.compare(old, written("names", clip_id=["a", "c"]), 0.05).text == "its column clip_id differs"
    assert not comparison.compare(old, written("rows", clip_id=["a"], codes=[[1.0, 2.0]]), 0.05).agrees


def test_media_agree_only_if_they_are_equal(tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"a")
    (tmp_path / "b.mp4").write_bytes(b"b")
    assert not comparison.compare(tmp_path / "a.mp4", tmp_path / "b.mp4", 1.0).agrees
