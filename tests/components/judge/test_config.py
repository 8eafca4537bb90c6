import dataclasses

import pytest

from components.judge.config import Architecture


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"image_share": 1.0}, "clips must be seen"),
        ({"global_batch_clips": 1}, "at least 2"),
        ({"temperature": 0.0}, "must be positive"),
        ({"checkpoint_every_steps": 0}, "at least 1"),
    ],
)
def test_nonsense_is_refused(config, changes, words):
    with pytest.raises(ValueError, match=words):
        dataclasses.replace(config, **changes)


def test_a_stream_of_one_layer_is_refused():
    with pytest.raises(ValueError, match="two layers"):
        Architecture((8,), (8, 8), 4, 8, 8)
