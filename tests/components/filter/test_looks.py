"""What was seen of clips is kept between runs: nothing is looked at twice, and no byte depends on it."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from components.common import artifacts, runtime
from components.common.errors import Stopped
from components.filter import data, part, scoring
from components.filter.config import Config
from tests.components.filter.conftest import Run
from tests.conftest import FORMATS

FIRST = 9  # clips of the first batch


@pytest.fixture(scope="module")
def rows(kept_clips: Path) -> list[data.Row]:
    """The made-up clips, of two batches."""
    clips = data.Clips(kept_clips)
    return [replace(clips.row(place), batch=int(place >= FIRST)) for place in range(len(clips))]


@pytest.fixture(scope="module")
def arrived(rows: list[data.Row], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("arrived") / "clips", rows)


@pytest.fixture
def alone(run: Run, config: Config, tmp_path: Path) -> Callable[..., str]:
    """What a run without a past gives."""

    def digest(clips: Path, **given: Path) -> str:
        with runtime.use(runtime.Runtime(scratch=tmp_path / "scratch", cache=tmp_path / "no cache" / clips.name)):
            run(config, clips=clips, output=tmp_path / "alone", **given)
        return artifacts.digest(tmp_path / "alone")

    return digest


def written(folder: Path, rows: list[data.Row]) -> Path:
    """A folder of clips."""
    with artifacts.fresh(folder) as fresh:
        count = data.write(fresh, rows)
        artifacts.describe(fresh, "clips", inputs={}, counts={"clips": count}, facts=data.facts(FORMATS))
    return folder


def ids(rows: list[data.Row]) -> list[str]:
    return sorted(row.clip.clip_id for row in rows)


def shard_of(row: data.Row) -> tuple[int, str]:
    return row.batch, row.clip.clip_id[0]


@pytest.mark.parametrize("threads", [1, 3])
def test_a_second_run_looks_at_nothing_and_gives_the_bytes_of_a_run_without_a_cache(
    run: Run,
    config: Config,
    rows: list[data.Row],
    arrived: Path,
    alone: Callable[..., str],
    shared: Path,
    decoded: list[str],
    tmp_path: Path,
    threads: int,
) -> None:
    digest = alone(arrived)
    decoded.clear()
    for name in ("first", "second"):
        run(replace(config, threads=threads), clips=arrived, output=tmp_path / name)
        assert artifacts.digest(tmp_path / name) == digest
    assert sorted(decoded) == ids(rows)


def test_changed_limits_decide_anew_and_look_at_nothing(
    run: Run, config: Config, rows: list[data.Row], arrived: Path, shared: Path, decoded: list[str], tmp_path: Path
) -> None:
    run(config, clips=arrived, output=tmp_path / "first")
    decoded.clear()
    unwanted = next(row.clip for row in rows if row.clip.split == "train" and row.clip.kind == "video")
    changed = replace(
        config,
        caption=replace(config.caption, min_words=4),  # pictures are said in three
        opt_out=(unwanted.source_sha256,),
        licences=("", unwanted.licence),
        min_duration_s=1.0,
        heldout_share=0.1,
        duplicate_distance=0.01,
        balance=replace(config.balance, max_share=0.2),
    )
    summary = run(changed, clips=arrived, output=tmp_path / "second")
    assert summary.dropped == {"few_words": 4, "opted_out": 1}
    assert not decoded


def test_of_an_append_only_what_is_new_is_looked_at(
    run: Run,
    config: Config,
    rows: list[data.Row],
    arrived: Path,
    alone: Callable[..., str],
    shared: Path,
    decoded: list[str],
    tmp_path: Path,
) -> None:
    digest = alone(arrived)
    run(config, clips=written(tmp_path / "few", rows[:FIRST]), output=tmp_path / "first")
    decoded.clear()
    run(config, clips=arrived, output=tmp_path / "second")
    assert sorted(decoded) == ids(rows[FIRST:])
    assert artifacts.digest(tmp_path / "second") == digest


def test_a_changed_caption_is_a_reason_to_look_at_its_shard_again(
    run: Run,
    config: Config,
    rows: list[data.Row],
    arrived: Path,
    alone: Callable[..., str],
    shared: Path,
    decoded: list[str],
    tmp_path: Path,
) -> None:
    said = replace(rows[0], clip=replace(rows[0].clip, caption="ein rotes Quadrat bewegt sich nach links"))
    changed = written(tmp_path / "changed", [said, *rows[1:]])
    digest = alone(changed)
    run(config, clips=arrived, output=tmp_path / "first")
    decoded.clear()
    run(config, clips=changed, output=tmp_path / "second")
    assert sorted(decoded) == ids([row for row in rows if shard_of(row) == shard_of(said)])
    assert artifacts.digest(tmp_path / "second") == digest
    book = {row["clip_id"]: row for row in pq.read_table(tmp_path / "second" / data.SCORES).to_pylist()}
    assert (book[said.clip.clip_id]["language"], book[said.clip.clip_id]["words"]) == ("de", 7)


def test_a_run_that_was_stopped_goes_on_at_the_shard_to_the_same_bytes(
    run: Run,
    config: Config,
    rows: list[data.Row],
    arrived: Path,
    alone: Callable[..., str],
    shared: Path,
    decoded: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    digest = alone(arrived)
    looks, look = list[int](), scoring.look

    def until_stopped(config: Config, clips: data.Clips, place: int, judge: scoring.Judge) -> scoring.Seen:
        looks.append(place)
        if len(looks) == 8:
            raise Stopped("stopped")
        return look(config, clips, place, judge)

    monkeypatch.setattr(scoring, "look", until_stopped)
    with pytest.raises(Stopped):
        run(config, clips=arrived, output=tmp_path / "stopped")
    assert not (tmp_path / "stopped").exists()
    monkeypatch.setattr(scoring, "look", look)
    done = len(list(shared.glob("*/*/*")))
    decoded.clear()
    run(config, clips=arrived, output=tmp_path / "stopped")
    clips = data.Clips(arrived)
    names = [clips.shard(place)[0] for place in range(len(clips))]
    finished = sorted(set(names))[:done]
    assert 0 < done < len(set(names))
    assert decoded == [clip.clip_id for clip, name in zip(clips, names, strict=True) if name not in finished]
    assert artifacts.digest(tmp_path / "stopped") == digest


def test_parts_that_share_a_cache_leave_nothing_to_look_at(
    run: Run,
    config: Config,
    rows: list[data.Row],
    arrived: Path,
    alone: Callable[..., str],
    shared: Path,
    decoded: list[str],
    tmp_path: Path,
) -> None:
    digest, pretrained = alone(arrived), run.keywords["pretrained"]
    decoded.clear()
    shares = []
    for number in range(3):
        part.run(config, clips=arrived, pretrained=pretrained, part=number, parts=3)
        shares.append(len(decoded))
    assert 0 < shares[0] < shares[1] < shares[2]
    assert sorted(decoded) == ids(rows)
    run(config, clips=arrived, output=tmp_path / "whole")
    assert len(decoded) == len(rows)
    assert artifacts.digest(tmp_path / "whole") == digest


def test_a_part_leaves_what_is_known_alone_and_a_shard_that_was_seen_in_part_is_completed(
    run: Run,
    config: Config,
    rows: list[data.Row],
    arrived: Path,
    alone: Callable[..., str],
    shared: Path,
    decoded: list[str],
    tmp_path: Path,
) -> None:
    digest = alone(arrived)
    decoded.clear()
    past = written(tmp_path / "past", rows[::2])
    part.run(config, clips=arrived, pretrained=run.keywords["pretrained"], known=past, part=0, parts=1)
    assert sorted(decoded) == ids(rows[1::2])
    run(config, clips=arrived, output=tmp_path / "whole")
    assert sorted(decoded) == ids(rows)
    assert artifacts.digest(tmp_path / "whole") == digest


def test_a_part_that_is_none_is_a_mistake(run: Run, config: Config, arrived: Path) -> None:
    with pytest.raises(ValueError, match=r"part must lie in \[0, 3\), got 3"):
        part.run(config, clips=arrived, pretrained=run.keywords["pretrained"], part=3, parts=3)


def test_a_damaged_file_is_looked_at_again_and_mended(
    run: Run, config: Config, arrived: Path, shared: Path, decoded: list[str], tmp_path: Path
) -> None:
    run(config, clips=arrived, output=tmp_path / "first")
    kept = sorted(shared.glob("*/*/*"))
    before = [path.read_bytes() for path in kept]
    kept[0].write_bytes(b"")
    kept[1].write_bytes(before[1][: len(before[1]) // 2])
    kept[2].write_bytes(before[2][:100] + bytes([before[2][100] ^ 1]) + before[2][101:])
    decoded.clear()
    run(config, clips=arrived, output=tmp_path / "second")
    assert 3 <= len(decoded) < len(data.Clips(arrived))
    assert [path.read_bytes() for path in kept] == before
    assert artifacts.digest(tmp_path / "second") == artifacts.digest(tmp_path / "first")
