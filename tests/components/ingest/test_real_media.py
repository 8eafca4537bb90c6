"""Real files, good and bad, end as expected.csv says; skipped where they do not lie beside the checkout."""

import csv
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from components.common import runtime
from components.corpus import data as corpus_data
from components.ingest import data, sources, stage
from components.ingest.config import Config
from components.ingest.storage import LocalStorage

MEDIA = Path(__file__).parents[4] / "shared" / "media"
pytestmark = [pytest.mark.media, pytest.mark.skipif(not MEDIA.is_dir(), reason="the real media are not here")]


@pytest.fixture(scope="module")
def broken(config: Config, empty_corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Clips of the folder of broken files."""
    folder = tmp_path_factory.mktemp("broken")
    sources.write(folder / "sources.parquet", sources.Scan(LocalStorage(MEDIA / "broken"), "broken").sources)
    roots = {"broken": MEDIA / "broken"}
    with runtime.use(runtime.Runtime(folder / "scratch", folder / "cache", roots)):
        stage.run(config, corpus=empty_corpus, sources=folder / "sources.parquet", output=folder / "clips")
    return folder / "clips"


def test_every_broken_file_ends_as_expected(broken: Path) -> None:
    rows = pq.read_table(broken / "quarantine.parquet").to_pylist()
    reasons = {row["path"].removeprefix("broken/"): row["reason"] for row in rows}
    with (MEDIA / "broken" / "expected.csv").open() as file:
        expected = list(csv.DictReader(file))
    assert len(expected) > 40
    for row in expected:
        match row["expect"]:
            case "reject":
                assert reasons.get(row["file"]) == row["reason"], row["file"]
            case "accept":
                assert row["file"] not in reasons
            case _:
                assert row["expect"] == "either"


def test_what_is_kept_is_upright_and_as_long_as_it_decodes(broken: Path) -> None:
    known = sources.Scan(LocalStorage(MEDIA / "broken"), "broken").sources
    clips: dict[str, list[data.Clip]] = {source.path: [] for source in known}
    path_of = {source.sha256: source.path for source in known}
    for clip in data.Clips(broken):
        clips[path_of[clip.source_sha256]].append(clip)
    assert {clip.orientation for clip in clips["rotated_display_matrix.mp4"]} == {"portrait"}
    assert {clip.orientation for clip in clips["rotated_and_mirrored.mp4"]} == {"portrait"}
    (wide,) = clips["non_square_pixels.mp4"]
    assert wide.width_px / wide.height_px == pytest.approx(16 / 9, rel=0.03)
    assert max(clip.end_s for clip in clips["truncated_midstream.mp4"]) < 3.8
    assert {clip.audio_state for clip in clips["audio_dropout.mp4"]} == {"audible", "silent"}
    assert {clip.kind for clip in clips["jpeg_named_mp4.mp4"]} == {"image"}


def test_nothing_in_the_folder_tells_where_the_files_lay(broken: Path) -> None:
    for path in broken.iterdir():
        assert str(MEDIA).encode() not in path.read_bytes()


def test_a_limit_on_pixels_is_kept_before_decoding(config: Config, empty_corpus: Path, tmp_path: Path) -> None:
    manifest = tmp_path / "sources.parquet"
    chosen = [row for row in sources.Scan(LocalStorage(MEDIA / "broken"), "broken").sources if "8k" in row.path]
    corpus_data.write(manifest, chosen)
    with runtime.use(runtime.Runtime(tmp_path / "s", tmp_path / "c", {"broken": MEDIA / "broken"})):
        small = replace(config, max_pixels=1_000_000)
        summary = stage.run(small, corpus=empty_corpus, sources=manifest, output=tmp_path / "clips")
    assert summary.dropped == {"resolution_too_large": 1}
