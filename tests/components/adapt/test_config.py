from dataclasses import replace

import pytest

from components.adapt.config import Config


def test_keeping_no_clips_is_refused(config: Config):
    with pytest.raises(ValueError, match="share above 0"):
        replace(config, quality_share=0.0)


def test_an_adaptation_is_one_run(config: Config):
    with pytest.raises(ValueError, match="one run"):
        replace(config, optimization=replace(config.optimization, schedule_steps=9))
