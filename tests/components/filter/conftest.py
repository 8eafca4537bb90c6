from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from components.common import artifacts, runtime
from components.common.formats import Formats
from components.filter import data, stage
from components.filter.config import (
    AttributeBalance,
    Balancing,
    CaptionLimits,
    ClassifierRule,
    ClipScoreRule,
    Config,
    VisualLimits,
)
from components.media.arrays import Pixels

Run = partial[artifacts.Summary]


def usual(formats: Formats) -> Config:
    """Rules that clips of shapes pass."""
    return Config(
        formats=formats,
        threads=1,
        min_duration_s=2.0,
        min_side_px=32,
        licenses=(),
        opt_out=(),
        visual=VisualLimits(0.001, 0.003, 2.0, 0.8, 1.0, 0.95, 0.95, 0.4, 1.0),
        caption=CaptionLimits(1, 256, (), 500, ()),
        clip_score=ClipScoreRule("", 0.2),
        aesthetic=ClassifierRule("", (), 0.5),
        unsafe=ClassifierRule("", (), 0.5),
        balance=Balancing(1.0, 4.0, 1, ("a",), AttributeBalance("", (), 0.5, 0.5)),
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


@pytest.fixture
def shared(tmp_path: Path) -> Iterator[Path]:
    """The cache of looks that the runs of a test share."""
    with runtime.use(runtime.Runtime(scratch=tmp_path / "scratch", cache=tmp_path / "cache")):
        yield tmp_path / "cache/filter"


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Ids of the clips that are decoded, as they are."""
    found: list[str] = []
    stored = data.Clips.stored

    def counted(clips: data.Clips, index: int, frames: int) -> Pixels:
        found.append(clips[index].clip_id)
        return stored(clips, index, frames)

    monkeypatch.setattr(data.Clips, "stored", counted)
    return found
