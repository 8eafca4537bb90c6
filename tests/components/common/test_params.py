"""A parameter file is read strictly, and its faults are named by full path."""

from dataclasses import dataclass
from typing import Any, Literal

import pytest

from components.common import params


@dataclass(frozen=True)
class Optimizer:
    learning_rate: float


@dataclass(frozen=True)
class Config:
    steps: int
    kind: Literal["big", "small"]
    optimizer: Optimizer

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise ValueError("steps must be at least 1")


GOOD: dict[str, Any] = {"steps": 3, "kind": "big", "optimizer": {"learning_rate": 0.1}}


def test_a_section_becomes_its_config() -> None:
    assert params.typed(Config, GOOD, "judge") == Config(3, "big", Optimizer(0.1))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"stepz": 1}, "`judge`: unknown key `stepz`: remove it"),
        ({"steps": "many"}, r"`judge.steps` must be int, found"),
        ({"steps": True}, r"`judge.steps` must be int, found True"),
        ({"kind": "huge"}, r"`judge.kind` must be one of \['big', 'small'\]"),
        ({"optimizer": {}}, "missing: judge.optimizer.learning_rate"),
        ({"optimizer": {"learning_rate": 0.1, "warmup": 1}}, "unknown key `optimizer.warmup`"),
        ({"steps": 0}, "steps must be at least 1"),
    ],
)
def test_a_fault_is_named_by_its_key(change: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        params.typed(Config, GOOD | change, "judge")


def test_a_missing_section_is_named() -> None:
    with pytest.raises(ValueError, match=r"no section `adapt\.v2a`"):
        params.section_of({"adapt": {}}, "adapt.v2a")


def test_a_section_that_no_stage_reads_is_a_fault() -> None:
    with pytest.raises(ValueError, match="no stage reads section `filtre`"):
        params.check({"filtre": {}}, {})
