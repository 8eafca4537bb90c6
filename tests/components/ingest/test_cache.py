"""Outcomes come back as they were, unless they depend on the machine."""

from dataclasses import replace
from pathlib import Path

import pytest

from components.corpus.data import Source
from components.ingest.cache import OutcomeCache
from components.ingest.config import Config
from components.ingest.records import EncodedClip
from components.ingest.worker import Rejected
from tests.components.ingest.test_records import CLIP

SOURCE = Source("mine", "a.mp4", 1, "0" * 64)


@pytest.mark.parametrize("outcome", [[EncodedClip(CLIP, b"media", b"audio")], [], Rejected("too_short", "5 of 17")])
def test_an_outcome_comes_back_as_it_was(config: Config, tmp_path: Path, outcome: list[EncodedClip] | Rejected) -> None:
    cache = OutcomeCache(tmp_path, config)
    assert cache.get(SOURCE) is None
    cache.put(SOURCE, outcome)
    assert cache.get(SOURCE) == outcome


def test_a_rejection_that_depends_on_the_machine_is_not_cached(config: Config, tmp_path: Path) -> None:
    cache = OutcomeCache(tmp_path, config)
    cache.put(SOURCE, Rejected("too_slow", "no answer", repeatable=False))
    assert cache.get(SOURCE) is None


def test_parameters_that_change_outcomes_are_in_the_key_and_others_are_not(config: Config, tmp_path: Path) -> None:
    OutcomeCache(tmp_path, config).put(SOURCE, [])
    for same in ({"threads": 7}, {"max_error_rate": 0.1}, {"shard_digits": 2}):
        assert OutcomeCache(tmp_path, replace(config, **same)).get(SOURCE) == []
    for other in ({"crf": 30}, {"spans_per_source": 1}):
        assert OutcomeCache(tmp_path, replace(config, **other)).get(SOURCE) is None
