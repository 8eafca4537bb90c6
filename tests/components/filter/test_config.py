from dataclasses import replace
from typing import Any

import pytest

from components.filter.config import Config


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"min_motion": -0.1}, r"filter\.min_motion must lie in \[0, 1\)"),
        ({"heldout_share": 1.0}, r"filter\.heldout_share must lie in \[0, 1\)"),
        ({"min_duration_s": 6.0}, r"would drop every clip: choose at most 2\.125"),
        ({"shard_digits": 4}, "shard_digits 1, 2 or 3"),
    ],
)
def test_nonsense_is_refused_with_what_to_change(config: Config, change: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        replace(config, **change)
