import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from components.generate import data
from components.media import images, video

SAMPLE = data.Sample(
    sample_id="text_to_video-clip-0000",
    task="text_to_video",
    format="clip",
    prompt="a réd circle",
    clip_id="ab",
    seed=2**62,
    stage="base",
    unseen=True,
    attributes={"color": "red"},
    given_frames=0,
    region="",
    path="media/text_to_video-clip-0000.mp4",
)


def test_the_table_is_read_as_it_was_written(tmp_path: Path):
    data.write_table(tmp_path, [SAMPLE])
    assert data.read_table(tmp_path) == [SAMPLE]


def test_a_table_of_nothing_is_a_table(tmp_path: Path):
    data.write_table(tmp_path, [])
    assert data.read_table(tmp_path) == []


def test_a_sample_says_beside_its_file_what_it_is(tmp_path: Path):
    data.write(tmp_path, SAMPLE, b"bytes")
    assert (tmp_path / SAMPLE.path).read_bytes() == b"bytes"
    assert json.loads((tmp_path / "media/text_to_video-clip-0000.json").read_text())["prompt"] == "a réd circle"


def test_a_clip_becomes_a_video_with_sound_and_a_frame_a_picture(tmp_path: Path):
    frames = np.full((17, 32, 32, 3), 90, np.uint8)
    wave = np.zeros(17000, np.float32)
    settings = {"fps": 8, "sample_rate_hz": 8000, "crf": 18}
    suffix, media = data.encode(frames, wave, **settings)
    assert suffix == ".mp4"
    assert video.probe(media).sound
    assert not video.probe(data.encode(frames, None, **settings)[1]).sound
    suffix, media = data.encode(frames[:1], None, **settings)
    assert suffix == ".png"
    np.testing.assert_array_equal(images.read(media), frames[0])


@pytest.mark.parametrize("path", ["../x.mp4", "/etc/passwd", "media/../../x.mp4", "..", "media/x/../../../y.png"])
def test_a_sample_whose_file_would_lie_outside_of_the_folder_is_refused(tmp_path: Path, path: str):
    data.write_table(tmp_path, [SAMPLE, replace(SAMPLE, path=path)])
    with pytest.raises(ValueError, match="is refused: it names the path"):
        data.read_table(tmp_path)
