from dataclasses import replace

import pytest

from components.pretokenize.config import Config


def test_a_stage_doubles_what_the_one_before_makes(config: Config):
    first, second = config.hr_format("stage1"), config.hr_format("stage2")
    assert (first.height_px, first.width_px) == (64, 64)
    assert (second.height_px, second.width_px) == (128, 128)
    assert first.frames == second.frames == 17


def test_upright_pairs_are_of_upright_clips(config: Config):
    upright = replace(config, pairs=replace(config.pairs, orientation="portrait"))
    assert (upright.hr_format("stage2").height_px, upright.hr_format("stage2").width_px) == (224, 128)


def test_nonsense_is_refused(config: Config):
    with pytest.raises(ValueError, match="batch_tokens must be positive"):
        replace(config, batch_tokens=0)
    with pytest.raises(ValueError, match="names a region twice"):
        replace(config, regions=("inpaint_center", "inpaint_center"))
    with pytest.raises(ValueError, match="must be positive"):
        replace(config, pairs=replace(config.pairs, heldout_clips=0))
