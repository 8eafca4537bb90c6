from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from components.common import artifacts
from components.common.errors import DataError
from components.filter import data
from components.filter.config import Config
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
    assert off == ["aesthetic", "language", "licence", "match", "unsafe"]


def test_scores_are_measured_of_clips_that_are_dropped_too(
    run: Run, config: Config, arrived: Path, tmp_path: Path
) -> None:
    run(config, clips=arrived, output=tmp_path / "filtered")
    rows = pq.read_table(tmp_path / "filtered" / data.SCORES).to_pylist()
    kinds = {clip.clip_id: clip.kind for clip in data.Clips(arrived)}
    for row in rows:
        assert row["sharpness"] > 0
        assert (row["speed"] is None) == (kinds[row["clip_id"]] == "image")
        assert row["match"] is row["aesthetic"] is row["unsafe"] is None


def test_a_source_that_opted_out_is_dropped_whole(run: Run, config: Config, arrived: Path, tmp_path: Path) -> None:
    unwanted = next(iter(data.Clips(arrived, "train"))).source_sha256
    summary = run(replace(config, opt_out=(unwanted,)), clips=arrived, output=tmp_path / "filtered")
    assert summary.dropped["opted_out"] == 1
    assert unwanted not in {clip.source_sha256 for clip in data.Clips(tmp_path / "filtered")}
