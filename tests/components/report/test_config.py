"""The page's Config refuses nonsense."""

from dataclasses import replace

import pytest

from components.report.config import Config


def test_base_clips_are_enlarged_by_a_whole_number(config: Config) -> None:
    assert [replace(config, shown_px=px).base_width_px for px in (32, 100, 160)] == [32, 96, 160]


@pytest.mark.parametrize(("key", "value"), [("samples_per_task", 0), ("shown_px", 31)])
def test_a_value_that_cannot_be_shown_is_named(config: Config, key: str, value: int) -> None:
    with pytest.raises(ValueError, match=key):
        replace(config, **{key: value})
