from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from components.common import artifacts
from components.common.errors import DataError
from components.filter import data, scoring
from components.filter.config import AttributeBalance, Config
from tests.components.filter.conftest import Run


@pytest.fixture(scope="module")
def arrived(kept_clips: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The made-up clips, with a still video, a near-duplicate of a held-out one, and one without a split."""
    clips = data.Clips(kept_clips)
    rows = [clips.row(index) for index in range(len(clips))]
    video = next(row for row in rows if row.clip.split == "heldout" and row.clip.kind == "video")
    rows.append(replace(video, clip=replace(video.clip, clip_id="0" * 64, source_sha256="0" * 64, split="train")))
    rows.append(replace(video, clip=replace(video.clip, clip_id="1" * 64, source_sha256="1" * 64, motion=0.0)))
    rows[0] = data.with_split(rows[0], "")
    folder = tmp_path_factory.mktemp("arrived") / "clips"
    with artifacts.fresh(folder) as fresh:
        count = data.write(fresh, rows)
        artifacts.describe(fresh, "clips", inputs={}, counts={"clips": count}, facts=data.facts(clips.formats))
    return folder


def test_every_clip_stays_or_is_dropped_with_its_reason(
    run: Run, config: Config, arrived: Path, tmp_path: Path
) -> None:
    summary = run(config, clips=arrived, output=tmp_path / "filtered")
    rows = pq.read_table(tmp_path / "filtered" / data.SCORES).to_pylist()
    reasons = {row["clip_id"]: row["reason"] for row in rows}
    assert len(rows) == len(reasons) == 16
    dropped = {clip_id[0]: reason for clip_id, reason in reasons.items() if reason}
    assert dropped == {"0": "near_duplicate", "1": "too_still"}
    assert summary.dropped == {"near_duplicate": 1, "too_still": 1}
    assert summary.counts["arrived"] == 16
    assert summary.counts["captioned"] == 13  # one of those that are kept has no caption
    assert summary.counts["kept"] + sum(summary.dropped.values()) == 16


def test_bytes_pass_through_and_every_clip_has_a_split(run: Run, config: Config, arrived: Path, tmp_path: Path) -> None:
    run(config, clips=arrived, output=tmp_path / "filtered")
    before, after = data.Clips(arrived), data.Clips(tmp_path / "filtered")
    rows = {row.clip.clip_id: row for row in (before.row(index) for index in range(len(before)))}
    for index in range(len(after)):
        row = after.row(index)
        old = rows[row.clip.clip_id]
        assert row == data.with_split(old, row.clip.split)
        assert row.clip.split == old.clip.split or old.clip.split == ""
        assert row.clip.split in ("train", "heldout")


def test_the_same_clips_give_the_same_bytes(run: Run, config: Config, arrived: Path, tmp_path: Path) -> None:
    for name, threads in (("a", 1), ("b", 2)):
        run(replace(config, threads=threads), clips=arrived, output=tmp_path / name)
    assert artifacts.digest(tmp_path / "a") == artifacts.digest(tmp_path / "b")


def test_what_came_with_a_later_batch_leaves_kept_shards_as_they_were(
    run: Run, config: Config, arrived: Path, tmp_path: Path
) -> None:
    clips = data.Clips(arrived)
    rows = [clips.row(index) for index in range(len(clips))]
    later = [replace(row, batch=7) for row in rows[9:]]
    digests = []
    for name, some in (("few", rows[:9]), ("all", [*rows[:9], *later])):
        with artifacts.fresh(tmp_path / name) as fresh:
            data.write(fresh, some)
            artifacts.describe(fresh, "clips", inputs={}, counts={}, facts=data.facts(clips.formats))
        run(config, clips=tmp_path / name, output=tmp_path / f"{name} filtered")
        files = artifacts.read_manifest(tmp_path / f"{name} filtered").files
        digests.append({file: digest for file, digest in files.items() if file.startswith("clips-")})
    assert digests[0].items() < digests[1].items()
    assert all(file.startswith("clips-0007-") for file in digests[1].keys() - digests[0].keys())


def test_clips_of_other_formats_are_refused(run: Run, config: Config, arrived: Path, tmp_path: Path) -> None:
    other = replace(config, formats=replace(config.formats, fps=10))
    with pytest.raises(ValueError, match=r"made for other formats than params\.yaml has now: run ingest again"):
        run(other, clips=arrived, output=tmp_path / "filtered")


def test_a_broken_gate_fails_the_stage_in_words_and_leaves_nothing(
    run: Run, config: Config, arrived: Path, tmp_path: Path
) -> None:
    clips = data.Clips(arrived)
    rows = [data.with_split(clips.row(index), "train") for index in range(len(clips))]
    with artifacts.fresh(tmp_path / "clips") as fresh:
        count = data.write(fresh, rows)
        artifacts.describe(fresh, "clips", inputs={}, counts={"clips": count}, facts=data.facts(clips.formats))
    with pytest.raises(
        DataError, match=r"the gate of kept clips is broken: there are clips to train on and clips held"
    ):
        run(config, clips=tmp_path / "clips", output=tmp_path / "filtered")
    assert not (tmp_path / "filtered").exists()


def test_the_manifest_says_which_rules_are_off(run: Run, config: Config, arrived: Path, tmp_path: Path) -> None:
    run(replace(config, opt_out=("a" * 64,)), clips=arrived, output=tmp_path / "filtered")
    off = artifacts.read_manifest(tmp_path / "filtered").facts["rules_off"]
    assert off == ["aesthetic", "clip_score", "language", "license", "text_overlay", "unsafe"]


def test_scores_are_measured_of_clips_that_are_dropped_too(
    run: Run, config: Config, arrived: Path, tmp_path: Path
) -> None:
    run(config, clips=arrived, output=tmp_path / "filtered")
    rows = pq.read_table(tmp_path / "filtered" / data.SCORES).to_pylist()
    kinds = {clip.clip_id: clip.kind for clip in data.Clips(arrived)}
    for row in rows:
        assert row["sharpness"] > 0
        assert 0 <= row["text_overlay"] <= 1
        assert (row["speed"] is None) == (kinds[row["clip_id"]] == "image")
        assert row["clip_score"] is row["aesthetic"] is row["unsafe"] is None


def test_a_source_that_opted_out_is_dropped_whole(run: Run, config: Config, arrived: Path, tmp_path: Path) -> None:
    unwanted = next(iter(data.Clips(arrived, "train"))).source_sha256
    summary = run(replace(config, opt_out=(unwanted,)), clips=arrived, output=tmp_path / "filtered")
    assert summary.dropped["opted_out"] == 1
    assert unwanted not in {clip.source_sha256 for clip in data.Clips(tmp_path / "filtered")}


def test_clips_to_train_on_weigh_by_their_captions_and_the_table_says_what_that_changes(
    run: Run, config: Config, arrived: Path, tmp_path: Path
) -> None:
    balanced = replace(config, balance=replace(config.balance, max_share=0.2))
    run(balanced, clips=arrived, output=tmp_path / "filtered")
    training, heldout = (data.Clips(tmp_path / "filtered", split) for split in ("train", "heldout"))
    weights = data.draw_weights(training)
    assert weights.mean() == pytest.approx(1, abs=1e-6)
    assert len(set(weights)) > 2
    assert data.draw_weights(heldout).tolist() == [1.0] * len(heldout)
    both = data.Clips(tmp_path / "filtered")
    of = dict(zip([clip.clip_id for clip in training], weights, strict=True))
    assert data.draw_weights(both).tolist() == [of.get(clip.clip_id, 1.0) for clip in both]
    for row in pq.read_table(tmp_path / "filtered" / data.BALANCE).to_pylist():
        says = np.array([row["name"] in clip.caption.split() for clip in training])
        assert row["of"] == "concept"
        assert row["clips"] == says.sum()
        assert row["share_before"] == pytest.approx(says.mean())
        assert row["share_after"] == pytest.approx(weights[says].sum() / weights.sum(), abs=1e-6)
    facts = artifacts.read_manifest(tmp_path / "filtered").facts["balance"]
    assert facts["limits"]["attribute"] is None
    assert facts["limits"]["concept"] < 1
    assert 1 < facts["effective_clips"] < facts["training_clips"] == len(training)


def test_where_nothing_is_balanced_there_are_no_weights_and_the_table_counts_all_the_same(
    run: Run, config: Config, arrived: Path, tmp_path: Path
) -> None:
    run(config, clips=arrived, output=tmp_path / "filtered")
    training = data.Clips(tmp_path / "filtered", "train")
    assert not (tmp_path / "filtered" / data.WEIGHTS).exists()
    assert data.draw_weights(training).tolist() == [1.0] * len(training)
    rows = pq.read_table(tmp_path / "filtered" / data.BALANCE).to_pylist()
    assert {row["name"] for row in rows} >= {"square", "moves", "red"}
    assert all(row["share_before"] == row["share_after"] for row in rows)
    facts = artifacts.read_manifest(tmp_path / "filtered").facts["balance"]
    assert facts == {
        "limits": {"attribute": None, "concept": None},
        "training_clips": len(training),
        "effective_clips": len(training),
    }


def test_labels_of_a_model_are_drawn_equally_often(
    run: Run, config: Config, arrived: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load_classifiers(*_: object) -> scoring.ContentClassifiers:
        return lambda _, caption: ({"attribute": "warm" if "red" in caption else "cold"}, 1.0 if caption else 0.1)

    monkeypatch.setattr(scoring, "load_classifiers", load_classifiers)
    warmth = AttributeBalance("warmth", ("warm", "cold"), 0.5, 0.5)
    config = replace(config, balance=replace(config.balance, attribute=warmth))
    run(config, clips=arrived, output=tmp_path / "filtered")
    rows = pq.read_table(tmp_path / "filtered" / data.BALANCE).to_pylist()
    labels = {row["name"]: row for row in rows if row["of"] == "attribute"}
    assert labels["cold"]["share_before"] > 2 * labels["warm"]["share_before"]
    total = labels["cold"]["share_after"] + labels["warm"]["share_after"]
    assert labels["cold"]["share_after"] == pytest.approx(0.5 * total, rel=0.01)
    assert labels[""]["share_after"] == pytest.approx(labels[""]["share_before"], abs=1e-6)
    scores = pq.read_table(tmp_path / "filtered" / data.SCORES).to_pylist()
    assert {row["attribute"] for row in scores} == {"warm", "cold", None}


def test_a_training_clip_without_a_weight_is_not_drawn_from(
    run: Run, config: Config, arrived: Path, tmp_path: Path
) -> None:
    run(replace(config, balance=replace(config.balance, max_share=0.2)), clips=arrived, output=tmp_path / "filtered")
    training = data.Clips(tmp_path / "filtered", "train")
    ids = training.table["clip_id"].to_pylist()
    data.write_weights(tmp_path / "filtered", ids[2:], np.ones(len(ids) - 2, np.float32))
    with pytest.raises(ValueError, match=r"has no weight of 2 training clips: run filter again"):
        data.draw_weights(training)
