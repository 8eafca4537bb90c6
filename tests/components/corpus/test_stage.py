from dataclasses import replace
from pathlib import Path

import pytest

from components.common import artifacts
from components.corpus import data, stage
from components.corpus.config import Config
from components.media import audio, images, video


@pytest.fixture
def folder(config: Config, tmp_path: Path) -> Path:
    stage.run(config, output=tmp_path / "corpus")
    return tmp_path / "corpus"


def test_the_table_lists_every_file_as_it_is(folder: Path, config: Config) -> None:
    sources = data.read(folder / data.TABLE)
    files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.*") if path.parent != folder)
    assert [source.path for source in sources] == files
    assert len(sources) == config.videos + config.images
    for source in sources:
        assert artifacts.hash_file(folder / source.path) == source.sha256
        assert (folder / source.path).stat().st_size == source.size_bytes


def test_files_are_ordinary_media(folder: Path, config: Config) -> None:
    sounds = set()
    for source in data.read(folder / data.TABLE):
        path = folder / source.path
        if path.suffix == ".mp4":
            assert len(list(video.read(path, fps=8))) >= config.formats.clip_frames
            heard = audio.decode(path, sample_rate_hz=8000, duration_s=2.0)
            sounds.add("none" if heard is None else "audible" if abs(heard).max() > 0.05 else "silent")
        else:
            assert images.read(path).shape in ((64, 64, 3), (112, 64, 3))
    assert sounds == {"none", "audible", "silent"}


def test_threads_change_no_byte(folder: Path, config: Config, tmp_path: Path) -> None:
    stage.run(replace(config, threads=2), output=tmp_path / "again")
    assert artifacts.digest(tmp_path / "again") == artifacts.digest(folder)


def test_a_file_that_is_no_table_of_sources_is_told(tmp_path: Path) -> None:
    (tmp_path / "x.parquet").write_text("nothing")
    with pytest.raises(ValueError, match=r"x\.parquet is not a table of sources"):
        data.read(tmp_path / "x.parquet")


def test_a_split_must_be_known() -> None:
    with pytest.raises(ValueError, match="split must be train, heldout or empty, got 'validation'"):
        data.Source("", "a.mp4", 1, "00", split="validation")
