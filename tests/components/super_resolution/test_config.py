from pathlib import Path

import pytest

from components.common import params
from components.super_resolution.config import Config
from flows.graph import profiles

PROFILES = Path(__file__).parents[3] / "profiles"
GRIDS = {"stage1": (5, 56, 32), "stage2": (5, 112, 64)}
POSITIONS = {"stage1": (224, 256, 320), "stage2": (224, 256, 320)}


@pytest.mark.parametrize("stage", sorted(GRIDS))
def test_windows_of_the_paper_tile_its_grids(stage: str):
    section = f"super_resolution.{stage}"
    config: Config = params.build("super_resolution", section, profiles.read("paper_8b", PROFILES))
    config.windows.check(GRIDS[stage])
    sizes = tuple(t * h * w for _, (t, h, w) in config.windows.named())
    assert sizes == POSITIONS[stage]
    assert tuple(size // 4 for size in sizes) == (56, 64, 80)  # of the small windows that they look at
