"""Sources that come, go, are refused and are forgotten, from one ingest to the next."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from components.common import artifacts, runtime
from components.common.artifacts import hash_file
from components.corpus import data as corpus_data
from components.corpus.data import Source
from components.ingest import data, stage
from components.ingest.config import Config
from components.ingest.sources import Scan
from components.ingest.storage import LocalStorage

from .conftest import film, png, stored

ROOT = Path(__file__).parents[3]
MEDIA = {f"{seed}.png": png(seed) for seed in range(8)} | {"film.mp4": film(60), "page.png": b"<html>"}


@pytest.fixture(autouse=True)
def own_runtime(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    cache = tmp_path_factory.getbasetemp() / "cache"
    with runtime.use(runtime.Runtime(scratch=tmp_path / "scratch", cache=cache, roots={"mine": tmp_path})):
        yield


@pytest.fixture
def media(tmp_path: Path) -> dict[str, Source]:
    return {name: stored(tmp_path, name, content, caption=f"about {name}") for name, content in MEDIA.items()}


def ingest(config: Config, corpus: Path, folder: Path, rows: list[Source]) -> artifacts.Summary:
    corpus_data.write(folder / "sources.parquet", rows)
    return stage.run(config, corpus=corpus, sources=folder / "sources.parquet", output=folder / "clips")


def shards(folder: Path) -> dict[str, str]:
    return {path.name: hash_file(path) for path in (folder / "clips").glob("clips-*.parquet")}


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    first=st.sets(st.sampled_from(sorted(MEDIA)), min_size=1),
    second=st.sets(st.sampled_from(sorted(MEDIA))),
    copies=st.sets(st.sampled_from(sorted(MEDIA))),
)
def test_what_is_added_later_leaves_every_earlier_shard_as_it_is(
    config: Config, empty_corpus: Path, tmp_path: Path, media: dict[str, Source], first, second, copies
) -> None:
    old = [replace(media[name], batch=1) for name in first]
    new = [replace(media[name], batch=2) for name in second - first]
    for name in copies:
        shutil.copy(tmp_path / name, tmp_path / f"a copy of {name}")
    again = [replace(media[name], path=f"a copy of {name}", batch=2) for name in copies]
    ingest(config, empty_corpus, tmp_path, old)
    before = shards(tmp_path)
    ingest(config, empty_corpus, tmp_path, [*new, *again, *old])
    after = shards(tmp_path)
    assert before.items() <= after.items()
    assert all(name.startswith("clips-0002-") for name in after.keys() - before.keys())


def test_clips_of_what_is_gone_leave_and_the_other_batch_stays(
    config: Config, empty_corpus: Path, tmp_path: Path, media: dict[str, Source]
) -> None:
    one, two = replace(media["1.png"], batch=1), replace(media["film.mp4"], batch=2)
    ingest(config, empty_corpus, tmp_path, [one, two])
    before = shards(tmp_path)
    summary = ingest(config, empty_corpus, tmp_path, [replace(one, state="gone"), two])
    assert summary.counts == {"arrived": 1, "kept": 1, "clips": 2}
    assert shards(tmp_path) == {name: digest for name, digest in before.items() if name.startswith("clips-0002")}


def test_what_is_forgotten_gives_no_clips_under_any_name_and_does_not_count_as_an_error(
    config: Config, empty_corpus: Path, tmp_path: Path, media: dict[str, Source]
) -> None:
    shutil.copy(tmp_path / "1.png", tmp_path / "other name.png")
    rows = [
        replace(media["1.png"], state="forgotten", batch=1),
        replace(media["1.png"], path="other name.png", batch=2),
        replace(media["2.png"], batch=2),
    ]
    strict = replace(config, max_error_rate=0.0)
    summary = ingest(strict, empty_corpus, tmp_path, rows)
    assert summary.counts == {"arrived": 2, "kept": 1, "clips": 1}
    assert summary.dropped == {"forgotten": 1}
    assert {clip.source_sha256 for clip in data.Clips(tmp_path / "clips")} == {media["2.png"].sha256}


def test_what_was_refused_when_it_was_added_stands_in_the_quarantine(
    config: Config, empty_corpus: Path, tmp_path: Path, media: dict[str, Source]
) -> None:
    refused = Source("mine", "../out.png", 0, "", state="refused", reason="leaves_root")
    summary = ingest(config, empty_corpus, tmp_path, [refused, media["1.png"]])
    (row,) = pq.read_table(tmp_path / "clips/quarantine.parquet").to_pylist()
    assert (row["path"], row["reason"], row["stage"]) == ("mine/../out.png", "leaves_root", "ingest")
    assert summary.counts == {"arrived": 2, "kept": 1, "clips": 1}
    assert summary.dropped == {"leaves_root": 1}
    assert row["detail"] == "it was named, but is not taken"


def test_the_quarantine_says_of_a_row_what_was_wrong_with_it(config: Config, empty_corpus: Path, tmp_path: Path, media):
    (tmp_path / "list.csv").write_text("path,detail\n1.png,a free column\n1.png,again\n2.png,of what is forgotten\n")
    found = Scan(LocalStorage(tmp_path), "mine", only="list.csv").sources
    forgotten = replace(media["2.png"], path="former name.png", state="forgotten")
    ingest(replace(config, max_error_rate=1.0), empty_corpus, tmp_path, [*found, forgotten])
    rows = pq.read_table(tmp_path / "clips/quarantine.parquet").to_pylist()
    assert {row["reason"]: row["detail"] for row in rows} == {
        "repeated_path": "`1.png` stands in row 1 already",
        "forgotten": "it was named, but is not taken",
    }


def test_the_language_is_known_of_a_clip(config: Config, empty_corpus: Path, tmp_path: Path, media) -> None:
    ingest(config, empty_corpus, tmp_path, [replace(media["1.png"], language="de", attributes={"camera": "Leica"})])
    assert [dict(clip.attributes) for clip in data.Clips(tmp_path / "clips")] == [{"camera": "Leica", "language": "de"}]


def test_rows_come_in_the_order_of_their_batches(tmp_path: Path, config: Config, empty_corpus: Path, media) -> None:
    ingest(config, empty_corpus, tmp_path, [replace(media["1.png"], batch=3), replace(media["2.png"], batch=12)])
    clips = data.Clips(tmp_path / "clips")
    rows = [clips.row(index) for index in range(len(clips))]
    assert [row.batch for row in rows] == [3, 12]
    (tmp_path / "copy").mkdir()
    with pytest.raises(AssertionError, match="batch 3 come after"):
        data.write(tmp_path / "copy", [rows[0], rows[1], rows[0]])


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")
def test_a_full_disk_may_be_tried_again_and_what_was_written_before_is_whole(
    empty_corpus: Path, tmp_path: Path, media: dict[str, Source]
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", disk], check=False).returncode:
        pytest.skip("this root may not mount")
    try:
        for name in ("params.yaml", "codelock"):
            (tmp_path / name).symlink_to(ROOT / name)
        (tmp_path / ".videopoet").mkdir()
        (tmp_path / ".videopoet/roots.json").write_text(f'{{"mine": "{tmp_path}"}}')
        corpus_data.write(tmp_path / "few.parquet", [media["1.png"]])
        big = [stored(tmp_path, f"film {seed}.mp4", film(60, seed)) for seed in range(20)]
        corpus_data.write(tmp_path / "many.parquet", [media["1.png"], *big])
        first, second = (run_stage(tmp_path, empty_corpus, name) for name in ("few.parquet", "many.parquet"))
        assert first.returncode == 0, first.stderr
        assert second.returncode == 75, second.stderr
        assert "the disk is full" in second.stderr
        assert [path.name for path in disk.iterdir()] == ["clips"]
        seen = shutil.copytree(disk / "clips", tmp_path / "seen")  # Arrow's threads may hold a file that they have read
    finally:
        subprocess.run(["umount", disk], check=True)
    assert {clip.source_sha256 for clip in data.Clips(seen)} == {media["1.png"].sha256}
    written = artifacts.read_manifest(seen).files
    assert {name: hash_file(seen / name) for name in written} == written


def run_stage(workspace: Path, corpus: Path, sources: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "components", "ingest", "--params", "ingest", "--corpus", str(corpus)]
    command += ["--sources", sources, "--output", "disk/clips"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(command, cwd=workspace, env=environment, capture_output=True, text=True, check=False)
