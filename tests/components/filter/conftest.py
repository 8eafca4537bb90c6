from collections.abc import Callable
from functools import partial

import pytest

from components.common import artifacts
from components.common.formats import Formats
from components.filter import stage
from components.filter.config import Attribute, Balance, Caption, Classifier, Config, Match, Picture

Run = Callable[..., artifacts.Summary]


def usual(formats: Formats) -> Config:
    """Rules that clips of shapes pass."""
    return Config(
        formats=formats,
        threads=1,
        min_duration_s=2.0,
        min_side_px=32,
        licences=(),
        opt_out=(),
        picture=Picture(0.001, 0.003, 2.0, 0.8, 1.0, 0.95, 0.95, 0.4, 1.0),
        caption=Caption(1, 256, (), 500, ()),
        match=Match("", 0.2),
        aesthetic=Classifier("", (), 0.5),
        unsafe=Classifier("", (), 0.5),
        balance=Balance(1.0, 4.0, 1, ("a",), Attribute("", (), 0.5, 0.5)),
        duplicate_distance=0.02,
        heldout_share=0.3,
        shard_digits=1,
    )


@pytest.fixture
def config(formats: Formats) -> Config:
    return usual(formats)


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The stage beside a folder of public weights that holds none."""
    pretrained = tmp_path_factory.mktemp("models") / "pretrained"
    with artifacts.fresh(pretrained) as folder:
        artifacts.describe(folder, "pretrained", inputs={}, counts={})
    return partial(stage.run, pretrained=pretrained)
