from dataclasses import replace

import pytest

from components.language_model.config import Config


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"tasks": {"text-to-smell": 1.0}}, "no task text-to-smell"),
        ({"tasks": {"text_to_image": 1.0}}, "no video task"),
        ({"tasks": {"text_to_video": 0.0, "text_to_image": 1.0}}, "leave a task out"),
        ({"text_dropout": 1.5}, "mix.text_dropout must be a share"),
    ],
)
def test_a_mix_that_cannot_be_trained_is_refused(config: Config, changes: dict[str, object], words: str):
    with pytest.raises(ValueError, match=words):
        replace(config.mix, **changes)


def test_a_schedule_must_cover_the_run(config: Config):
    with pytest.raises(ValueError, match="schedule_steps must cover"):
        replace(config.optimization, schedule_steps=3)


def test_heads_must_divide_the_width(config: Config):
    with pytest.raises(ValueError, match="multiple of 2 × heads"):
        replace(config.architecture, heads=3)


def test_task_weights_of_a_medium_sum_to_one(config: Config):
    assert sum(config.mix.weights("image").values()) == pytest.approx(1)
    assert sum(config.mix.weights("video").values()) == pytest.approx(1)
