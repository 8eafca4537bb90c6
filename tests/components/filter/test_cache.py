"""What was seen of a shard comes back as it was, for the same formats, networks and code."""

from dataclasses import fields, replace
from pathlib import Path
from typing import get_args, get_type_hints

import numpy as np
import pytest

from components.common import codelock
from components.filter import cache
from components.filter.config import Config
from components.filter.duplicates import FINGERPRINT_BYTES
from components.filter.rules import ClipScores
from components.filter.scoring import Measurement
from tests.components.filter.conftest import Run

SHARD, OTHER = "a" * 64, "b" * 64


def seen(number: int, source: str, *, whole: bool = True) -> Measurement:
    """With every score there is, each of its type, or with none."""
    kinds = {name: get_args(kind)[0] for name, kind in get_type_hints(ClipScores).items()}
    scores = (
        ClipScores(**{field.name: kinds[field.name](number) for field in fields(ClipScores)}) if whole else ClipScores()
    )
    prints = np.random.default_rng(number).integers(0, 256, FINGERPRINT_BYTES, np.uint8)
    return Measurement(source, scores, number / 3 if whole else None, prints)


@pytest.fixture
def kept(run: Run, config: Config, tmp_path: Path) -> cache.MeasurementCache:
    return cache.MeasurementCache(tmp_path, config, run.keywords["pretrained"])


def test_every_score_comes_back_as_it_was_and_so_does_none(kept: cache.MeasurementCache) -> None:
    given = {0: seen(3, "x"), 5: seen(0, "y", whole=False)}
    kept.put(SHARD, given)
    found = kept.get(SHARD)
    assert found.keys() == given.keys()
    for row, one in given.items():
        assert (found[row].source_sha256, found[row].scores, found[row].confidence) == (
            one.source_sha256,
            one.scores,
            one.confidence,
        )
        np.testing.assert_array_equal(found[row].fingerprint, one.fingerprint)
    assert kept.get(OTHER) == {}


def test_what_is_kept_of_a_forgotten_source_goes_with_its_shard(kept: cache.MeasurementCache, tmp_path: Path) -> None:
    kept.put(SHARD, {0: seen(1, "x"), 1: seen(2, "y")})
    kept.put(OTHER, {0: seen(3, "y")})
    cache.forget(tmp_path, "x")
    assert kept.get(SHARD) == {}
    assert kept.get(OTHER).keys() == {0}


def test_formats_and_code_decide_and_limits_and_threads_do_not(
    run: Run, config: Config, kept: cache.MeasurementCache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept.put(SHARD, {0: seen(1, "x")})
    pretrained = run.keywords["pretrained"]
    for same in (replace(config, threads=7), replace(config, visual=replace(config.visual, max_letterbox=0.1))):
        assert cache.MeasurementCache(tmp_path, same, pretrained).get(SHARD)
    other = replace(config, formats=replace(config.formats, fps=10))
    assert not cache.MeasurementCache(tmp_path, other, pretrained).get(SHARD)
    monkeypatch.setattr(codelock, "modules", lambda *_: {"components.filter.measures": "another"})
    assert not cache.MeasurementCache(tmp_path, config, pretrained).get(SHARD)


def test_code_that_looks_decides_and_code_that_compares_clips_does_not() -> None:
    decisive = codelock.modules("filter", "scoring").keys()
    assert {"measures", "models", "duplicates", "captions", "rules"} <= {name.split(".")[-1] for name in decisive}
    assert {"components.media.video", "components.ingest.data"} <= decisive
    compared = ("stage", "clip_measurements", "decisions", "writer", "balance", "ops")
    assert not {f"components.filter.{name}" for name in compared} & decisive
