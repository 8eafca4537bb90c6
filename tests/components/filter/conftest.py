import pytest

from components.common.formats import Formats
from components.filter.config import Config


@pytest.fixture
def config(formats: Formats) -> Config:
    return Config(
        formats=formats,
        threads=1,
        min_duration_s=2.0,
        min_side_px=32,
        min_motion=0.001,
        duplicate_distance=0.006,
        heldout_share=0.3,
        shard_digits=1,
    )
