from dataclasses import replace
from typing import Any

import pytest

from components.corpus.config import Config


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"heldout_videos": 21}, "heldout_videos and heldout_images are parts"),
        ({"long_share": 1.1}, r"corpus\.long_share must lie between 0 and 1"),
        ({"silent_share": 0.6, "without_audio_share": 0.6}, "must not exceed 1"),
        ({"seconds": 2.0}, r"corpus\.seconds must be at least 2\.125 for 17 frames"),
        ({"long_seconds": 5.0}, r"corpus\.long_seconds must be at least 5\.125"),
    ],
)
def test_nonsense_is_refused_with_what_to_change(config: Config, change: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        replace(config, **change)
