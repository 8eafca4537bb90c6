"""A task is given the parts of a clip that it names, and no others."""

from dataclasses import replace

import pytest

from components.generate.conditioning import given_frames, region_of
from components.generate.config import Config
from components.language_model.tasks import TASKS


@pytest.mark.parametrize(
    ("task", "region", "frames"),
    [
        ("text_to_video", "", 0),
        ("image_to_video", "", 1),
        ("frame_prediction", "", 5),
        ("inpainting", "inpaint_top", 0),
        ("outpainting", "outpaint_center", 0),
    ],
)
def test_a_task_is_given_its_region_and_its_frames(config: Config, task: str, region: str, frames: int) -> None:
    chosen = replace(config, inpainted="inpaint_top", outpainted="outpaint_center", given_frames=5)
    assert region_of(TASKS[task], chosen) == region
    assert given_frames(TASKS[task], chosen) == frames


def test_upsampling_a_real_clip_has_neither(config: Config) -> None:
    assert (region_of(None, config), given_frames(None, config)) == ("", 0)
