from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from components.common import artifacts
from components.pretokenize import data

FACTS = {"codebook_bits": 12, "visual_tokenizer": "abc"}


def _columns(rows: int) -> dict[str, data.Column]:
    draw = np.random.default_rng(0)
    return {
        "clip_id": [f"clip{row}" for row in range(rows)],
        "split": ["train"] * rows,
        "text": draw.normal(size=(rows, 4, 8)).astype(np.float16),
        "text_length": np.full(rows, 3, np.int32),
        "weight": np.ones(rows),
        "start_s": np.zeros(rows),
        "end_s": np.full(rows, 2.125),
        "motion": np.full(rows, 0.5, np.float32),
        "caption": ["a circle"] * rows,
        "audio_state": ["audible"] * rows,
        "visual": draw.integers(0, 4096, (rows, 5, 4, 4), np.int32),
        "audio": draw.integers(0, 256, (rows, 4, 26), np.int32),
        "structure": draw.integers(0, 4096, (rows, 5, 4, 4), np.int32),
        "condition_inpaint_center": draw.integers(0, 4096, (rows, 5, 4, 4), np.int32),
    }


def _tokens(folder: Path, columns: dict[str, data.Column]) -> data.Tokens:
    data.write(folder / "clip.arrow", columns, FACTS)
    artifacts.describe(folder, "tokens", inputs={}, counts={"clip": 6}, facts=FACTS)
    return data.Tokens(folder)


def test_what_is_written_is_read(tmp_path: Path):
    columns = _columns(6)
    tokens = _tokens(tmp_path, columns)
    group = tokens.group("clip")
    assert tokens.formats() == ["clip"]
    assert tokens.facts == FACTS
    assert len(group) == 6
    assert group.clip_id == columns["clip_id"]
    np.testing.assert_array_equal(group.visual, columns["visual"])
    np.testing.assert_array_equal(group.text, columns["text"])
    np.testing.assert_array_equal(group.conditions["inpaint_center"], columns["condition_inpaint_center"])


def test_columns_are_views_of_the_file(tmp_path: Path):
    tokens = _tokens(tmp_path, _columns(6))
    before = pa.total_allocated_bytes()
    group = tokens.group("clip")
    assert pa.total_allocated_bytes() == before
    for view in (group.visual, group.audio, group.structure, group.text, group.text_length):
        assert view is not None
        assert not view.flags.owndata
        assert not view.flags.writeable


def test_a_group_of_images_has_no_sound_and_no_structure(tmp_path: Path):
    columns = _columns(6)
    for name in ("audio", "structure", "condition_inpaint_center"):
        del columns[name]
    group = _tokens(tmp_path, columns).group("clip")
    assert group.audio is None
    assert group.structure is None
    assert group.conditions == {}


def test_a_file_alone_says_which_tokenizers_made_it(tmp_path: Path):
    _tokens(tmp_path, _columns(2))
    metadata = pa.ipc.open_file(pa.memory_map(str(tmp_path / "clip.arrow"))).schema.metadata
    assert b'"visual_tokenizer": "abc"' in metadata[b"facts"]


def test_a_group_without_rows_is_named(tmp_path: Path):
    with pytest.raises(ValueError, match=r"no tokens of format 'long', only \['clip'\]"):
        _tokens(tmp_path, _columns(2)).group("long")
