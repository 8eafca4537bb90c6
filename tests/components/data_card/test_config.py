from dataclasses import replace

import pytest

from components.data_card.config import Config


@pytest.mark.parametrize(
    ("key", "value", "words"), [("kept_shown", 0, "kept_shown must be positive"), ("max_drift", 0.0, "above 0")]
)
def test_nonsense_is_refused_by_name(config: Config, key: str, value: float, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        replace(config, **{key: value})
