import dataclasses

import pytest

from components.common.formats import Formats
from components.estimate_structure.config import Config

FORMATS = Formats(8, 17, 41, 32, 32, 56, 32, 8000, 16)
GOOD = Config(FORMATS, 1, "farneback", "", 0.05, "border_contrast", "")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"flow": "perceiver"}, "name its weights"),
        ({"depth_model": "midas"}, "leave it empty"),
        ({"flow_limit": 0.0}, "must be positive"),
    ],
)
def test_nonsense_is_refused(changes, words):
    with pytest.raises(ValueError, match=words):
        dataclasses.replace(GOOD, **changes)
