import dataclasses

import pytest


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"heldout_clips": 1}, "at least 2"),
        ({"bootstrap_draws": 0}, "must be positive"),
        ({"moving_threshold": 255}, r"must be in 0\.\.254"),
    ],
)
def test_nonsense_is_refused(config, changes, words):
    with pytest.raises(ValueError, match=words):
        dataclasses.replace(config, **changes)
