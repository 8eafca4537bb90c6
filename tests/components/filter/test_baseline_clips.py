"""The filter beside what was kept before: what is known goes, what is new stays, what measures is carried along."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from components.common import artifacts
from components.filter import baseline_clips, data, scoring
from components.filter.config import Config
from components.generate.selection import Selection
from components.media.arrays import Pixels
from tests.components.filter.conftest import Run
from tests.conftest import FORMATS


def written(folder: Path, rows: list[data.EncodedClip]) -> Path:
    """A folder of clips."""
    with artifacts.fresh(folder) as fresh:
        count = data.write(fresh, rows)
        artifacts.describe(fresh, "clips", inputs={}, counts={"clips": count}, facts=data.facts(FORMATS))
    return folder


def rows_of(folder: Path) -> dict[str, data.EncodedClip]:
    clips = data.Clips(folder)
    return {row.clip.clip_id: row for row in map(clips.row, range(len(clips)))}


def reasons(folder: Path) -> dict[str, str]:
    rows = pq.read_table(folder / data.SCORES).to_pylist()
    return {row["clip_id"]: row["reason"] for row in rows if row["reason"]}


@pytest.fixture(scope="module")
def every(kept_clips: Path) -> list[data.EncodedClip]:
    return list(rows_of(kept_clips).values())


@pytest.fixture(scope="module")
def new(every: list[data.EncodedClip]) -> list[data.EncodedClip]:
    """A video and an image to train on that are not in the baseline."""
    train = [row for row in every if row.clip.split == "train"]
    return [next(row for row in train if row.clip.kind == kind) for kind in ("video", "image")]


@pytest.fixture(scope="module")
def past(every: list[data.EncodedClip], new: list[data.EncodedClip], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("past") / "filtered", [row for row in every if row not in new])


def test_what_is_known_goes_what_is_new_stays_and_held_out_clips_are_carried_along(
    run: Run,
    config: Config,
    kept_clips: Path,
    past: Path,
    new: list[data.EncodedClip],
    every: list[data.EncodedClip],
    tmp_path: Path,
) -> None:
    summary = run(config, clips=kept_clips, known=past, output=tmp_path / "filtered")
    carried = [row for row in every if row.clip.split == "heldout"]
    assert rows_of(tmp_path / "filtered") == {row.clip.clip_id: row for row in [*carried, *new]}
    assert summary.dropped == {"in_baseline": 12}
    assert summary.counts == {
        "arrived": 14,
        "kept": 2,
        "captioned": 2,
        "train_videos": 1,
        "train_images": 1,
        "heldout_videos": 3,
        "heldout_images": 1,
    }


def test_a_second_filter_knows_what_the_first_knew_and_what_it_kept(
    run: Run, config: Config, kept_clips: Path, past: Path, every: list[data.EncodedClip], tmp_path: Path
) -> None:
    run(config, clips=kept_clips, known=past, output=tmp_path / "first")
    assert {clip.clip_id for clip in baseline_clips.clips(tmp_path / "first")} == {row.clip.clip_id for row in every}
    again = run(config, clips=kept_clips, known=tmp_path / "first", output=tmp_path / "second")
    assert (again.counts["kept"], again.dropped) == (0, {"in_baseline": 14})
    held_out = {name: row for name, row in rows_of(tmp_path / "first").items() if row.clip.split == "heldout"}
    assert rows_of(tmp_path / "second") == held_out
    assert baseline_clips.clips(tmp_path / "second") == baseline_clips.clips(tmp_path / "first")


def test_a_copy_of_a_known_clip_goes_and_its_source_stays_on_the_side_of_what_it_is_a_copy_of(
    run: Run, config: Config, past: Path, new: list[data.EncodedClip], every: list[data.EncodedClip], tmp_path: Path
) -> None:
    held_out = next(row for row in every if row.clip.split == "heldout" and row.clip.kind == "video")
    trained = next(row for row in rows_of(past).values() if row.clip.split == "train" and row.clip.kind == "video")

    def from_source(row: data.EncodedClip, clip_id: str, source: str) -> data.EncodedClip:
        clip = replace(row.clip, clip_id=clip_id * 64, source_sha256=source * 64, split="")
        return replace(row, clip=clip)

    arrived = [
        from_source(held_out, "a", "f"),
        from_source(new[0], "b", "f"),  # of the source that holds the copy of a held-out clip
        from_source(trained, "c", "e"),
        from_source(new[1], "d", "e"),
    ]
    folder = written(tmp_path / "clips", arrived)
    run(replace(config, heldout_share=0.0), clips=folder, known=past, output=tmp_path / "filtered")
    found = {name[0]: reason for name, reason in reasons(tmp_path / "filtered").items()}
    assert found == {"a": "near_duplicate", "b": "held_out", "c": "near_duplicate"}
    assert [clip.clip_id[0] for clip in data.Clips(tmp_path / "filtered", "train")] == ["d"]
    splits = {clip.clip_id[0]: clip.split for clip in baseline_clips.clips(tmp_path / "filtered")[-2:]}
    assert splits == {"b": "heldout", "d": "train"}


def test_what_the_rules_hold_out_is_left_for_later_but_known_from_now_on(
    run: Run, config: Config, past: Path, new: list[data.EncodedClip], tmp_path: Path
) -> None:
    clip = replace(new[0].clip, source_sha256="0" * 64, split="")  # below any share
    folder = written(tmp_path / "clips", [replace(new[0], clip=clip)])
    summary = run(config, clips=folder, known=past, output=tmp_path / "filtered")
    assert (summary.counts["kept"], summary.dropped) == (0, {"held_out": 1})
    assert clip.clip_id not in rows_of(tmp_path / "filtered")
    assert baseline_clips.clips(tmp_path / "filtered")[-1] == replace(clip, split="heldout")


def test_the_table_holds_the_fingerprints_that_a_look_at_the_clips_gives(
    run: Run, config: Config, kept_clips: Path, past: Path, tmp_path: Path
) -> None:
    run(config, clips=kept_clips, known=past, output=tmp_path / "filtered")
    clip_measurements: list[int] = []

    def measure(clips: data.Clips, places: object) -> Pixels:
        clip_measurements.append(len(clips))
        return scoring.fingerprints(config, clips, range(len(clips)))

    whole, table = baseline_clips.read(kept_clips, measure), baseline_clips.read(tmp_path / "filtered", measure)
    assert clip_measurements == [14]  # with the table nothing is decoded
    of_whole = {clip.clip_id: one for clip, one in zip(whole.clips, whole.fingerprints, strict=True)}
    for clip, one in zip(table.clips, table.fingerprints, strict=True):
        np.testing.assert_array_equal(one, of_whole[clip.clip_id])


def test_the_same_clips_and_past_give_the_same_bytes(
    run: Run, config: Config, kept_clips: Path, past: Path, tmp_path: Path
) -> None:
    for name, threads in (("a", 1), ("b", 2)):
        run(replace(config, threads=threads), clips=kept_clips, known=past, output=tmp_path / name)
    assert artifacts.digest(tmp_path / "a") == artifacts.digest(tmp_path / "b")


def test_what_training_showed_in_the_past_still_counts_as_seen(
    run: Run, config: Config, kept_clips: Path, past: Path, tmp_path: Path
) -> None:
    run(config, clips=kept_clips, known=past, output=tmp_path / "filtered")
    whole = Selection(data.Clips(kept_clips), config.formats)
    tuned = Selection(data.Clips(tmp_path / "filtered"), config.formats)
    assert len(data.Clips(tmp_path / "filtered", "train")) < len(data.Clips(kept_clips, "train"))
    assert tuned.trained.known == whole.trained.known


def test_a_past_of_other_formats_is_refused(
    run: Run, config: Config, kept_clips: Path, past: Path, tmp_path: Path
) -> None:
    other = written(tmp_path / "past", list(rows_of(past).values()))
    text = (other / "manifest.json").read_text().replace('"fps": 8', '"fps": 10')
    (other / "manifest.json").write_text(text)
    with pytest.raises(ValueError, match="past was made for other formats than params"):
        run(config, clips=kept_clips, known=other, output=tmp_path / "filtered")
