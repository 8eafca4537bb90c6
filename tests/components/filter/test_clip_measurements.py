"""What was seen of clips is kept between runs: nothing is looked at twice, and no byte depends on it."""

from dataclasses import dataclass, replace
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


@dataclass(frozen=True)
class Case:
    """The made-up clips, of two batches, and runs of the stage that share a cache."""

    stage: Run
    config: Config
    rows: list[data.EncodedClip]
    arrived: Path
    cache: Path
    decoded: list[str]  # ids of the clips that were decoded since it was cleared
    folder: Path

    def run(self, name: str, clips: Path | None = None, **changes: object) -> artifacts.Summary:
        """Filter `clips`, or all, into a folder of that name."""
        config = replace(self.config, **changes)
        return self.stage(config, clips=clips or self.arrived, output=self.folder / name)

    def digest(self, name: str) -> str:
        return artifacts.digest(self.folder / name)

    def alone(self, clips: Path | None = None) -> str:
        """The digest of what a run without a past gives."""
        with runtime.use(runtime.Runtime(scratch=self.folder / "scratch", cache=self.folder / "no cache")):
            self.run("alone", clips)
        self.decoded.clear()
        return self.digest("alone")

    def part(self, number: int, parts: int, known: Path | None = None) -> None:
        pretrained = self.stage.keywords["pretrained"]
        part.run(self.config, clips=self.arrived, pretrained=pretrained, known=known, part=number, parts=parts)

    def written(self, name: str, rows: list[data.EncodedClip]) -> Path:
        return written(self.folder / name, rows)


def written(folder: Path, rows: list[data.EncodedClip]) -> Path:
    """A folder of clips."""
    with artifacts.fresh(folder) as fresh:
        count = data.write(fresh, rows)
        artifacts.describe(fresh, "clips", inputs={}, counts={"clips": count}, facts=data.facts(FORMATS))
    return folder


@pytest.fixture(scope="module")
def rows(kept_clips: Path) -> list[data.EncodedClip]:
    clips = data.Clips(kept_clips)
    return [replace(clips.row(place), batch=int(place >= FIRST)) for place in range(len(clips))]


@pytest.fixture(scope="module")
def arrived(rows: list[data.EncodedClip], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("arrived") / "clips", rows)


@pytest.fixture
def case(
    run: Run,
    config: Config,
    rows: list[data.EncodedClip],
    arrived: Path,
    shared: Path,
    decoded: list[str],
    tmp_path: Path,
) -> Case:
    return Case(run, config, rows, arrived, shared, decoded, tmp_path)


def ids(rows: list[data.EncodedClip]) -> list[str]:
    return sorted(row.clip.clip_id for row in rows)


def shard_of(row: data.EncodedClip) -> tuple[int, str]:
    return row.batch, row.clip.clip_id[0]


@pytest.mark.parametrize("threads", [1, 3])
def test_a_second_run_looks_at_nothing_and_gives_the_bytes_of_a_run_without_a_cache(case: Case, threads: int) -> None:
    digest = case.alone()
    for name in ("first", "second"):
        case.run(name, threads=threads)
        assert case.digest(name) == digest
    assert sorted(case.decoded) == ids(case.rows)


def test_changed_limits_decide_anew_and_look_at_nothing(case: Case) -> None:
    case.run("first")
    case.decoded.clear()
    unwanted = next(row.clip for row in case.rows if row.clip.split == "train" and row.clip.kind == "video")
    summary = case.run(
        "second",
        caption=replace(case.config.caption, min_words=4),  # pictures are said in three
        opt_out=(unwanted.source_sha256,),
        licenses=("", unwanted.license),
        min_duration_s=1.0,
        heldout_share=0.1,
        duplicate_distance=0.01,
        balance=replace(case.config.balance, max_share=0.2),
    )
    assert summary.dropped == {"few_words": 4, "opted_out": 1}
    assert not case.decoded


def test_of_an_append_only_what_is_new_is_looked_at(case: Case) -> None:
    digest = case.alone()
    case.run("first", case.written("few", case.rows[:FIRST]))
    case.decoded.clear()
    case.run("second")
    assert sorted(case.decoded) == ids(case.rows[FIRST:])
    assert case.digest("second") == digest


def test_a_changed_caption_is_a_reason_to_look_at_its_shard_again(case: Case) -> None:
    said = replace(case.rows[0], clip=replace(case.rows[0].clip, caption="ein rotes Quadrat bewegt sich nach links"))
    changed = case.written("changed", [said, *case.rows[1:]])
    digest = case.alone(changed)
    case.run("first")
    case.decoded.clear()
    case.run("second", changed)
    assert sorted(case.decoded) == ids([row for row in case.rows if shard_of(row) == shard_of(said)])
    assert case.digest("second") == digest
    book = {row["clip_id"]: row for row in pq.read_table(case.folder / "second" / data.SCORES).to_pylist()}
    assert (book[said.clip.clip_id]["language"], book[said.clip.clip_id]["words"]) == ("de", 7)


def test_a_run_that_was_stopped_goes_on_at_the_shard_to_the_same_bytes(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = case.alone()
    measured, measure = list[int](), scoring.measure

    def until_stopped(
        config: Config, clips: data.Clips, place: int, classify: scoring.ContentClassifiers
    ) -> scoring.Measurement:
        measured.append(place)
        if len(measured) == 8:
            raise Stopped("stopped")
        return measure(config, clips, place, classify)

    monkeypatch.setattr(scoring, "measure", until_stopped)
    with pytest.raises(Stopped):
        case.run("stopped")
    assert not (case.folder / "stopped").exists()
    monkeypatch.setattr(scoring, "measure", measure)
    done = len(list(case.cache.glob("*/*/*")))
    case.decoded.clear()
    case.run("stopped")
    clips = data.Clips(case.arrived)
    names = [clips.shard(place)[0] for place in range(len(clips))]
    finished = sorted(set(names))[:done]
    assert 0 < done < len(set(names))
    assert case.decoded == [clip.clip_id for clip, name in zip(clips, names, strict=True) if name not in finished]
    assert case.digest("stopped") == digest


def test_parts_that_share_a_cache_leave_nothing_to_look_at(case: Case) -> None:
    digest = case.alone()
    shares = []
    for number in range(3):
        case.part(number, 3)
        shares.append(len(case.decoded))
    assert 0 < shares[0] < shares[1] < shares[2]
    case.run("whole")
    assert sorted(case.decoded) == ids(case.rows)
    assert case.digest("whole") == digest


def test_a_part_leaves_what_is_known_alone_and_a_shard_that_was_seen_in_part_is_completed(case: Case) -> None:
    digest = case.alone()
    case.part(0, 1, known=case.written("past", case.rows[::2]))
    assert sorted(case.decoded) == ids(case.rows[1::2])
    case.run("whole")
    assert sorted(case.decoded) == ids(case.rows)
    assert case.digest("whole") == digest


def test_a_part_that_is_none_is_a_mistake(case: Case) -> None:
    with pytest.raises(ValueError, match=r"part must lie in \[0, 3\), got 3"):
        case.part(3, 3)


def test_a_damaged_file_is_looked_at_again_and_mended(case: Case) -> None:
    case.run("first")
    kept = sorted(case.cache.glob("*/*/*"))
    before = [path.read_bytes() for path in kept]
    kept[0].write_bytes(b"")
    kept[1].write_bytes(before[1][: len(before[1]) // 2])
    kept[2].write_bytes(before[2][:100] + bytes([before[2][100] ^ 1]) + before[2][101:])
    case.decoded.clear()
    case.run("second")
    assert 3 <= len(case.decoded) < len(case.rows)
    assert [path.read_bytes() for path in kept] == before
    assert case.digest("second") == case.digest("first")
