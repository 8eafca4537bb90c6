from pathlib import Path

import pytest

from components.common import errors
from flows.runs.registry import Registry


@pytest.fixture
def registry(empty_registry: str) -> Registry:
    return Registry(empty_registry)


def names(registry: Registry) -> dict[str, str]:
    return {alias: found.run for found in registry.all() for alias in found.aliases}


def test_an_empty_registry_has_no_champion(registry: Registry):
    assert registry.at("champion") is None
    assert registry.all() == []
    assert registry.roll_back() is None


def test_a_run_is_registered_once_as_the_candidate(registry: Registry):
    first = registry.register("aaaa", "refused")
    again = registry.register("aaaa", "promoted")
    assert (first.version, first.aliases) == (again.version, again.aliases)
    assert again.decision == "promoted"
    assert names(registry) == {"candidate": "aaaa"}


def test_the_champion_before_stays_at_hand(registry: Registry):
    for run in ("aaaa", "bbbb"):
        registry.promote(registry.register(run, ""))
    assert names(registry) == {"champion": "bbbb", "previous": "aaaa"}


def test_rolling_back_twice_changes_nothing(registry: Registry):
    for run in ("aaaa", "bbbb"):
        registry.promote(registry.register(run, ""))
    rolled = registry.roll_back()
    assert rolled is not None
    assert rolled.run == "aaaa"
    assert names(registry) == {"champion": "aaaa", "previous": "bbbb"}
    registry.roll_back()
    assert names(registry) == {"champion": "bbbb", "previous": "aaaa"}


def test_a_champion_promoted_again_is_not_its_own_predecessor(registry: Registry):
    registry.promote(registry.register("aaaa", ""))
    registry.promote(registry.register("aaaa", ""))
    assert names(registry) == {"champion": "aaaa"}


def test_a_store_that_fails_is_an_error(registry: Registry, empty_registry: str):
    Path(empty_registry.removeprefix("sqlite:///")).write_bytes(b"not a database" * 1000)
    with pytest.raises(errors.Retryable, match="registry failed"):
        registry.all()
