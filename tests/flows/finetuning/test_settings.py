from pathlib import Path

import pytest

from flows.finetuning import settings
from flows.graph import profiles

SECTIONS = profiles.read("test", Path(__file__).parents[3] / "profiles")


def test_the_settings_say_when_there_is_enough_and_how_it_is_learned():
    found = settings.of(SECTIONS)
    assert (found.min_new_sources, found.min_new_clips, found.base) == (1, 4, "")
    assert found.training.optimization.steps == 2
    assert found.reads_captions  # text-to-image and text-to-video: both do


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"min_new_clips": 0}, "must be positive"),
        ({"min_clips": 1}, "unknown key `finetune.min_clips`|min_clips"),
        ({"training": {}}, "training"),
    ],
)
def test_nonsense_is_refused_by_name(change, words):
    with pytest.raises(ValueError, match=words):
        settings.of({"finetune": SECTIONS["finetune"] | change})
