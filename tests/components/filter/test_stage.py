from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from components.common import artifacts
from components.common.errors import DataError
from components.filter import data, stage
from components.filter.config import Config


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


def test_every_clip_stays_or_is_dropped_with_its_reason(config: Config, arrived: Path, tmp_path: Path) -> None:
    summary = stage.run(config, clips=arrived, output=tmp_path / "filtered")
    dropped = pq.read_table(tmp_path / "filtered" / "dropped.parquet").to_pylist()
    assert {row["clip_id"][0]: row["reason"] for row in dropped} == {"0": "near_duplicate", "1": "too_still"}
    assert summary.dropped == {"near_duplicate": 1, "too_still": 1}
    assert summary.counts["arrived"] == 16
    assert summary.counts["captioned"] == 13  # one of those that are kept has no caption
    assert summary.counts["kept"] + sum(summary.dropped.values()) == 16


def test_bytes_pass_through_and_every_clip_has_a_split(config: Config, arrived: Path, tmp_path: Path) -> None:
    stage.run(config, clips=arrived, output=tmp_path / "filtered")
    before, after = data.Clips(arrived), data.Clips(tmp_path / "filtered")
    rows = {row.clip.clip_id: row for row in (before.row(index) for index in range(len(before)))}
    for index in range(len(after)):
        row = after.row(index)
        old = rows[row.clip.clip_id]
        assert row == data.with_split(old, row.clip.split)
        assert row.clip.split == old.clip.split or old.clip.split == ""
        assert row.clip.split in ("train", "heldout")


def test_the_same_clips_give_the_same_bytes(config: Config, arrived: Path, tmp_path: Path) -> None:
    for name, threads in (("a", 1), ("b", 2)):
        stage.run(replace(config, threads=threads), clips=arrived, output=tmp_path / name)
    assert artifacts.digest(tmp_path / "a") == artifacts.digest(tmp_path / "b")


def test_what_came_with_a_later_batch_leaves_kept_shards_as_they_were(
    config: Config, arrived: Path, tmp_path: Path
) -> None:
    clips = data.Clips(arrived)
    rows = [clips.row(index) for index in range(len(clips))]
    later = [replace(row, batch=7) for row in rows[9:]]
    digests = []
    for name, some in (("few", rows[:9]), ("all", [*rows[:9], *later])):
        with artifacts.fresh(tmp_path / name) as fresh:
            data.write(fresh, some)
            artifacts.describe(fresh, "clips", inputs={}, counts={}, facts=data.facts(clips.formats))
        stage.run(config, clips=tmp_path / name, output=tmp_path / f"{name} filtered")
        files = artifacts.read_manifest(tmp_path / f"{name} filtered").files
        digests.append({file: digest for file, digest in files.items() if file.startswith("clips-")})
    assert digests[0].items() < digests[1].items()
    assert all(file.startswith("clips-0007-") for file in digests[1].keys() - digests[0].keys())


def test_clips_of_other_formats_are_refused(config: Config, arrived: Path, tmp_path: Path) -> None:
    other = replace(config, formats=replace(config.formats, fps=10))
    with pytest.raises(ValueError, match=r"made for other formats than params\.yaml has now: run ingest again"):
        stage.run(other, clips=arrived, output=tmp_path / "filtered")


def test_a_broken_gate_fails_the_stage_in_words_and_leaves_nothing(
    config: Config, arrived: Path, tmp_path: Path
) -> None:
    clips = data.Clips(arrived)
    rows = [data.with_split(clips.row(index), "train") for index in range(len(clips))]
    with artifacts.fresh(tmp_path / "clips") as fresh:
        count = data.write(fresh, rows)
        artifacts.describe(fresh, "clips", inputs={}, counts={"clips": count}, facts=data.facts(clips.formats))
    with pytest.raises(
        DataError, match=r"the gate of kept clips is broken: there are clips to train on and clips held"
    ):
        stage.run(config, clips=tmp_path / "clips", output=tmp_path / "filtered")
    assert not (tmp_path / "filtered").exists()
