"""Encoded clips have the metadata of what went in."""

import numpy as np
import pytest

from components.common.formats import Formats
from components.ingest import encoding
from components.media import audio, images
from components.media.frames import to_planes
from tests.components.ingest.conftest import moving


def test_an_image_is_a_clip_of_one_frame_without_audio(formats: Formats) -> None:
    pixels_HWC = moving(1)[0]
    row = encoding.encode_image(pixels_HWC, formats=formats, source_sha256="a" * 64, start_s=3.5)
    assert (row.clip.kind, row.clip.frames, row.clip.audio_state, row.audio) == ("image", 1, "none", b"")
    assert (row.clip.start_s, row.clip.end_s, row.clip.motion) == (3.5, 3.5, 0.0)
    assert images.read(row.media).shape == pixels_HWC.shape


@pytest.mark.parametrize("share", [0.5, 1.0, 2.0])
def test_audio_is_padded_or_cut_to_the_length_of_the_frames(formats: Formats, share: float) -> None:
    planes = np.stack([to_planes(frame) for frame in moving(17)])
    length = formats.samples(17)
    samples = np.full(int(share * length), 0.5, np.float32)
    row = encoding.encode_clip(planes, samples, formats=formats, source_sha256="a" * 64)
    decoded = audio.decode_flac(row.audio)
    assert len(decoded) == length
    assert np.allclose(decoded[: len(samples)], 0.5, atol=1e-4)
    assert not decoded[len(samples) :].any()
    assert (row.clip.kind, row.clip.audio_state) == ("video", "audible")
    assert row.clip.end_s == pytest.approx(17 / formats.fps)
    assert 0 < row.clip.motion < 1
