import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from components.common import artifacts, runtime
from components.common.errors import DataError
from components.corpus import data as corpus_data
from components.ingest import data, part, stage, storage
from components.ingest.config import Config
from components.ingest.worker import Worker

from .conftest import Poison, film, moving, png, stored

MIXTURE = {
    "film.mp4": film(20),
    "long.mp4": film(60, seed=1),
    "same film.mp4": film(20),
    "short.mp4": film(5, seed=2),
    "picture.png": png(3),
    "film named as picture.png": film(18, seed=4),
    "page.mp4": b"<html>404</html>",
    "empty.mp4": b"",
    "half.mp4": film(40, seed=5)[:2000],
    "half.png": png(6)[:150],
}


@pytest.fixture(autouse=True)
def own_runtime(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Files of the root `mine` lie in tmp_path; decoded files are remembered from test to test."""
    cache = tmp_path_factory.getbasetemp() / "cache"
    with runtime.use(runtime.Runtime(scratch=tmp_path / "scratch", cache=cache, roots={"mine": tmp_path})):
        yield


def ingest(config: Config, corpus: Path, folder: Path, names: list[str]) -> tuple[artifacts.Summary, Path]:
    rows = [stored(folder, name, MIXTURE[name], caption=f"about {name}") for name in names]
    corpus_data.write(folder / "sources.parquet", rows)
    summary = stage.run(config, corpus=corpus, sources=folder / "sources.parquet", output=folder / "clips")
    return summary, folder / "clips"


def test_every_file_gives_clips_or_stands_in_the_quarantine(config: Config, empty_corpus: Path, tmp_path: Path) -> None:
    summary, folder = ingest(config, empty_corpus, tmp_path, list(MIXTURE))
    refused = {row["path"]: row["reason"] for row in pq.read_table(folder / "quarantine.parquet").to_pylist()}
    assert refused == {
        "mine/same film.mp4": "duplicate",
        "mine/short.mp4": "too_short",
        "mine/page.mp4": "not_media",
        "mine/empty.mp4": "empty_file",
        "mine/half.mp4": "unreadable_container",
        "mine/half.png": "truncated_image",
    }
    assert summary.counts == {"arrived": 10, "kept": 4, "clips": 5}
    assert sum(summary.dropped.values()) == 6


def test_clips_are_what_the_files_show_and_sound(config: Config, empty_corpus: Path, tmp_path: Path) -> None:
    _, folder = ingest(config, empty_corpus, tmp_path, ["film.mp4", "long.mp4", "picture.png"])
    clips = data.Clips(folder)
    by_caption = {(clip.caption, clip.start_s): index for index, clip in enumerate(clips)}
    assert sorted(by_caption) == [
        ("about film.mp4", 0.0),
        ("about long.mp4", 0.0),
        ("about long.mp4", 41 / 8),
        ("about picture.png", 0.0),
    ]
    index = by_caption["about long.mp4", 41 / 8]
    shown = clips.stored(index, 17).astype(int)
    assert np.abs(shown - moving(60, seed=1)[41:58]).mean() < 3
    assert clips[index].audio_state == "audible"
    assert clips[index].end_s == pytest.approx(58 / 8)
    heard = clips.samples(index, 17)
    expected = (0.4 * np.sin(np.arange(60 * 2000) / 9))[::2][41 * 1000 : 58 * 1000]
    assert np.corrcoef(heard[500:-500], expected[500:-500])[0, 1] > 0.95


def test_of_the_same_bytes_the_file_is_taken_of_which_most_is_said(
    config: Config, empty_corpus: Path, tmp_path: Path
) -> None:
    same = [stored(tmp_path, name, MIXTURE["picture.png"]) for name in ("a.png", "b.png", "c.png", "d.png")]
    said = [{}, {"license": "CC0"}, {"caption": "a bar"}, {"caption": "a bar", "license": "CC0"}]
    rows = [replace(source, **words) for source, words in zip(same, said, strict=True)]
    for count in (1, 2, 3, 4):
        corpus_data.write(tmp_path / "sources.parquet", rows[:count])
        stage.run(config, corpus=empty_corpus, sources=tmp_path / "sources.parquet", output=tmp_path / "clips")
        (clip,) = data.Clips(tmp_path / "clips")
        assert {"caption": clip.caption, "license": clip.license} == {"caption": "", "license": "", **said[count - 1]}


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(names=st.lists(st.sampled_from(sorted(MIXTURE)), unique=True))
def test_kept_and_quarantined_is_what_arrived(
    config: Config, empty_corpus: Path, tmp_path: Path, names: list[str]
) -> None:
    summary, folder = ingest(config, empty_corpus, tmp_path, names)
    quarantine = pq.read_table(folder / "quarantine.parquet")
    sources = {clip.source_sha256 for clip in data.Clips(folder)}
    assert summary.counts["arrived"] == len(names)
    assert summary.counts["kept"] == len(sources)
    assert summary.counts["kept"] + quarantine.num_rows == len(names)
    assert sum(summary.dropped.values()) == quarantine.num_rows


def test_threads_and_the_cache_change_no_byte(config: Config, empty_corpus: Path, tmp_path: Path) -> None:
    _, folder = ingest(config, empty_corpus, tmp_path, list(MIXTURE))
    before = artifacts.digest(folder)
    with runtime.use(runtime.Runtime(tmp_path / "s", tmp_path / "new cache", {"mine": tmp_path})):
        ingest(replace(config, threads=2), empty_corpus, tmp_path, list(MIXTURE))
    assert artifacts.digest(folder) == before


@pytest.mark.parametrize("threads", [1, 2])
def test_a_file_that_crashes_its_decoder_harms_no_other(
    config: Config, empty_corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, threads: int
) -> None:
    names = ["film.mp4", "long.mp4", "picture.png", "film named as picture.png"]
    _, folder = ingest(config, empty_corpus, tmp_path, names)
    unharmed = {name: file for name, file in artifacts.read_manifest(folder).files.items() if "clips" in name}
    local_copy = storage.local_copy

    @contextmanager
    def poisoned(source: corpus_data.Source, *where: object) -> Iterator[Path]:
        with local_copy(source, *where) as path:
            yield Poison(path, [signal.SIGSEGV] * 2) if source.path == "short.mp4" else path

    monkeypatch.setattr(storage, "local_copy", poisoned)
    with runtime.use(runtime.Runtime(tmp_path / "s", tmp_path / "new cache", {"mine": tmp_path})):
        names.insert(1, "short.mp4")
        summary, folder = ingest(replace(config, threads=threads), empty_corpus, tmp_path, names)
    files = artifacts.read_manifest(folder).files
    assert {name: file for name, file in files.items() if "clips" in name} == unharmed
    assert summary.dropped == {"crashed_decoder": 1}
    assert summary.counts == {"arrived": 5, "kept": 4, "clips": 5}


def test_parts_that_share_a_cache_leave_nothing_to_decode(
    config: Config, empty_corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, folder = ingest(config, empty_corpus, tmp_path, list(MIXTURE))
    before = artifacts.digest(folder)
    decoded: list[str] = []
    outcome = Worker.outcome

    def counted(worker: Worker, path: Path, source: corpus_data.Source) -> object:
        decoded.append(path.name)
        return outcome(worker, path, source)

    monkeypatch.setattr(Worker, "outcome", counted)
    with runtime.use(runtime.Runtime(tmp_path / "s", tmp_path / "shared cache", {"mine": tmp_path})):
        for number in range(3):
            part.run(config, corpus=empty_corpus, sources=tmp_path / "sources.parquet", part=number, parts=3)
        assert sorted(decoded) == sorted(MIXTURE.keys() - {"same film.mp4"})
        _, folder = ingest(config, empty_corpus, tmp_path, list(MIXTURE))
    assert len(decoded) == len(MIXTURE) - 1
    assert artifacts.digest(folder) == before


def test_a_part_that_is_none_is_a_mistake(config: Config, empty_corpus: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"part must lie in \[0, 3\), got 3"):
        part.run(config, corpus=empty_corpus, sources=tmp_path / "sources.parquet", part=3, parts=3)


def test_new_files_leave_the_other_shards_as_they_are(config: Config, empty_corpus: Path, tmp_path: Path) -> None:
    _, folder = ingest(config, empty_corpus, tmp_path, ["film.mp4"])
    before = artifacts.read_manifest(folder).files
    _, folder = ingest(config, empty_corpus, tmp_path, ["film.mp4", "picture.png"])
    after = artifacts.read_manifest(folder).files
    (shard,) = (name for name in before if name.startswith("clips"))
    assert after[shard] == before[shard]
    assert len(after) == len(before) + 1


def test_too_many_refused_files_stop_the_run_and_leave_nothing(
    config: Config, empty_corpus: Path, tmp_path: Path
) -> None:
    strict = replace(config, max_error_rate=0.2)
    with pytest.raises(DataError, match=r"1 of 3 files were refused.*1 not_media.*page\.mp4"):
        ingest(strict, empty_corpus, tmp_path, ["film.mp4", "picture.png", "page.mp4"])
    assert not (tmp_path / "clips").exists()


def test_a_file_that_changed_or_went_since_it_was_added_is_refused(
    config: Config, empty_corpus: Path, tmp_path: Path
) -> None:
    rows = [stored(tmp_path, name, MIXTURE[name]) for name in ("film.mp4", "picture.png")]
    rows = [replace(row, sha256="0" * 63 + str(number)) for number, row in enumerate(rows)]
    (tmp_path / "picture.png").unlink()
    corpus_data.write(tmp_path / "sources.parquet", rows)
    sources = tmp_path / "sources.parquet"
    summary = stage.run(config, corpus=empty_corpus, sources=sources, output=tmp_path / "clips")
    assert summary.dropped == {"changed_file": 1, "missing_file": 1}


def test_an_unknown_root_is_named(config: Config, empty_corpus: Path, tmp_path: Path) -> None:
    row = replace(stored(tmp_path, "film.mp4", MIXTURE["film.mp4"]), root="holidays")
    corpus_data.write(tmp_path / "sources.parquet", [row])
    with pytest.raises(ValueError, match="no folder is known for the sources of holidays"):
        stage.run(config, corpus=empty_corpus, sources=tmp_path / "sources.parquet", output=tmp_path / "clips")
