import pytest

from components.common.formats import Formats
from components.corpus.config import Config


@pytest.fixture
def config(formats: Formats) -> Config:
    return Config(
        formats=formats,
        threads=1,
        seed=1,
        videos=20,
        images=6,
        heldout_videos=8,
        heldout_images=2,
        scale=2,
        fps=16,
        sample_rate_hz=16000,
        seconds=2.25,
        long_seconds=5.25,
        long_share=0.1,
        portrait_share=0.2,
        silent_share=0.1,
        without_audio_share=0.1,
        uncaptioned_share=0.25,
        crf=18,
    )
