"""What is no media is refused by reason before anything is decoded; whole files in a worker: test_worker.py."""

from pathlib import Path

import pytest

from components.ingest import decoding
from components.ingest.config import Config
from components.media.errors import Unreadable
from tests.components.ingest.conftest import film, png, stored


@pytest.mark.parametrize(("content", "reason"), [(b"", "empty_file"), (b"<html>not found</html>", "not_media")])
def test_what_is_no_media_has_its_reason(config: Config, tmp_path: Path, content: bytes, reason: str) -> None:
    source = stored(tmp_path, "a.mp4", content)
    with pytest.raises(Unreadable) as error:
        decoding.rows_of(tmp_path / "a.mp4", source, config)
    assert error.value.reason == reason


def test_a_file_that_changed_since_it_was_added_is_not_decoded(config: Config, tmp_path: Path) -> None:
    source = stored(tmp_path, "a.png", png(1))
    (tmp_path / "a.png").write_bytes(png(2))
    with pytest.raises(Unreadable, match="not the bytes that were added"):
        decoding.rows_of(tmp_path / "a.png", source, config)


def test_a_video_gives_spans_and_one_longer_than_half_a_clip_an_image(config: Config, tmp_path: Path) -> None:
    for frames, expected in ((34, ["video", "video"]), (12, ["image"])):
        source = stored(tmp_path, f"{frames}.mp4", film(frames))
        rows = decoding.rows_of(tmp_path / f"{frames}.mp4", source, config)
        assert [row.clip.kind for row in rows] == expected
