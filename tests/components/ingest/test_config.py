from dataclasses import replace
from typing import Any

import pytest

from components.ingest.config import Config


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"shard_digits": 0}, r"ingest\.shard_digits must be 1, 2 or 3"),
        ({"shot_change": 0.0}, r"ingest\.shot_change must lie in \(0, 255\]"),
        ({"shot_ratio": 0.9}, r"ingest\.shot_ratio must be at least 1"),
        ({"max_error_rate": 1.5}, r"ingest\.max_error_rate must lie in \[0, 1\]"),
        ({"spans_per_source": 0}, "spans_per_source, min_side_px and time_limit_s must be positive"),
        ({"memory_limit_mib": 10}, r"ingest\.memory_limit_mib must be at least 256"),
    ],
)
def test_nonsense_is_refused_with_what_to_change(config: Config, change: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        replace(config, **change)
