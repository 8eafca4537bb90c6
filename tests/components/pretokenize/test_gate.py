from pathlib import Path

import numpy as np
import pytest

from components.common import artifacts, gates
from components.common.errors import DataError
from components.pretokenize import data, gate

FACTS = {"codebook_bits": 12, "codebook_size": 256, "text_tokens": 4}


def _columns() -> dict[str, data.Column]:
    text = np.zeros((3, 4, 8), np.float16)
    text[:, :2] = 1
    return {
        "clip_id": ["a", "b", "c"],
        "split": ["train", "train", "heldout"],
        "text": text,
        "text_length": np.full(3, 2, np.int32),
        "weight": np.ones(3),
        "visual": np.full((3, 5, 4, 4), 4095, np.int32),
        "condition_inpaint_center": np.zeros((3, 5, 4, 4), np.int32),
        "audio": np.full((3, 4, 26), 255, np.int32),
    }


def _check(folder: Path, columns: dict[str, data.Column], count: int = 3) -> None:
    data.write(folder / "clip.arrow", columns, FACTS)
    gate.check(folder, {"clip": count}, FACTS)


def test_what_passed_can_be_asked_again_of_the_finished_folder(tmp_path: Path):
    with artifacts.fresh(tmp_path / "tokens") as folder:
        _check(folder, _columns())
        artifacts.describe(folder, "tokens", inputs={}, counts={"clip": 3, "a clip that is too small": 0}, facts=FACTS)
    table, expected = gate.suite(tmp_path / "tokens")
    assert table.num_rows == 3
    assert [finding.holds for finding in gates.findings(table, expected, "tokens")] == [True] * len(expected)


def test_every_broken_expectation_is_named_in_words(tmp_path: Path):
    columns = _columns()
    columns["condition_inpaint_center"] = np.full((3, 5, 4, 4), 4096, np.int32)
    columns["audio"] = np.full((3, 4, 26), -1, np.int32)
    columns["text_length"] = np.full(3, 1, np.int32)
    columns["clip_id"] = ["a", "a", "c"]
    columns["weight"] = np.array([0.5, 0.0, 1.0])
    with pytest.raises(DataError) as broken:
        _check(tmp_path, columns)
    for words in (
        "a visual code is one of the tokenizer's",
        "an audio code is not negative",
        "no text follows a text's end",
        "no clip occurs twice in a group",
        "a clip can be drawn",
    ):
        assert words in str(broken.value)


def test_vectors_that_are_not_finite_break_the_gate(tmp_path: Path):
    columns = _columns()
    columns["text"] = np.full((3, 2, 8), np.nan, np.float16)
    with pytest.raises(DataError, match="text vectors are finite"):
        _check(tmp_path, columns)


def test_a_lost_row_breaks_the_gate(tmp_path: Path):
    with pytest.raises(DataError, match="clip has 3 rows, 4 clips went in"):
        _check(tmp_path, _columns(), count=4)


def test_no_clip_at_all_breaks_the_gate(tmp_path: Path):
    with pytest.raises(DataError, match="no clip is left"):
        gate.check(tmp_path, {"pairs_stage1": 0}, FACTS)
