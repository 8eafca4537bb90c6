"""What the writer counts and lists is what was decided."""

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from components.filter import baseline_clips, data, writer
from components.filter.baseline_clips import BaselineClips
from components.filter.decisions import HELD_OUT, ClipDecision
from components.filter.rules import ClipScores
from tests.components.filter.test_decisions import GOOD, LOOKS, clip

DECISIONS = [
    ClipDecision(clip(1, 1, "train"), GOOD),
    ClipDecision(clip(2, 2, "train"), replace(GOOD, motion=0.0), "too_still", "motion 0"),
    ClipDecision(replace(clip(3, 3, "heldout"), kind="image", caption="a red square"), GOOD),
    ClipDecision(clip(4, 4, "heldout"), GOOD, HELD_OUT, "for the next training of everything"),
]


def test_a_column_for_every_score_and_a_row_for_every_clip(tmp_path: Path) -> None:
    writer.write_scores(tmp_path, DECISIONS)
    table = pq.read_table(tmp_path / data.SCORES)
    assert set(table.schema.names) == {"clip_id", "reason", "detail", *(field.name for field in fields(ClipScores))}
    assert table["reason"].to_pylist() == ["", "too_still", "", HELD_OUT]


def test_kept_clips_are_counted_by_split_and_kind() -> None:
    assert writer.counts(DECISIONS, None) == {
        "arrived": 4,
        "kept": 2,
        "captioned": 1,
        "train_videos": 1,
        "heldout_images": 1,
    }


def test_the_next_baseline_has_the_old_one_what_is_kept_and_what_was_held_out(tmp_path: Path) -> None:
    old = BaselineClips([clip(9, 9, "train")], LOOKS[:1])
    writer.write_baseline(tmp_path, old, DECISIONS, LOOKS[1:5], [0, 1, 2, 3])
    found = baseline_clips.read(tmp_path, lambda *_: LOOKS[:0])
    assert [one.clip_id for one in found.clips] == [f"{number:064x}" for number in (9, 1, 3, 4)]
    np.testing.assert_array_equal(found.fingerprints, LOOKS[[0, 1, 3, 4]])
