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


@dataclass(frozen=True)
class Either:
    size: int | Literal["auto"]
    inner: Optimizer | None


@dataclass(frozen=True)
class Lists:
    sizes: tuple[int, ...]
    rates: dict[str, float]


GOOD: dict[str, Any] = {"steps": 3, "kind": "big", "optimizer": {"learning_rate": 0.1}}


def test_a_section_becomes_its_config() -> None:
    assert params.typed(Config, GOOD, "judge") == Config(3, "big", Optimizer(0.1))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"stepz": 1}, "`judge`: unknown key `stepz`: remove it"),
        ({"steps": "many"}, r"`judge.steps` must be int, found"),
        ({"steps": True}, r"`judge.steps` must be int, found True"),
        ({"steps": 1.5}, r"`judge.steps` must be int, found 1.5"),
        ({"steps": "3"}, r"`judge.steps` must be int, found '3'"),
        ({"kind": "huge"}, "`judge.kind` must be 'big' or 'small', found 'huge'"),
        ({"optimizer": 3}, "`judge.optimizer` must be an object, found 3"),
        ({"optimizer": {"learning_rate": "fast"}}, "`judge.optimizer.learning_rate` must be float, found 'fast'"),
        ({"optimizer": {}}, "missing: judge.optimizer.learning_rate"),
        ({"optimizer": {"learning_rate": 0.1, "warmup": 1}}, "unknown key `optimizer.warmup`"),
        ({"steps": 0}, "steps must be at least 1"),
    ],
)
def test_a_fault_is_named_by_its_key(change: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        params.typed(Config, GOOD | change, "judge")


def test_all_faults_are_told_at_once() -> None:
    with pytest.raises(ValueError, match=r"(?s)`judge.steps` must be int.*unknown key `stepz`"):
        params.typed(Config, GOOD | {"steps": "many", "stepz": 1}, "judge")


def test_alternatives_of_one_value_are_one_fault() -> None:
    with pytest.raises(ValueError, match=r"^\S+ section `x`: `x.size` must be int or 'auto', found 1.5$"):
        params.typed(Either, {"size": 1.5, "inner": None}, "x")
    with pytest.raises(ValueError, match=r"`x.inner.learning_rate` must be float, found 'y'$"):
        params.typed(Either, {"size": "auto", "inner": {"learning_rate": "y"}}, "x")


def test_a_list_becomes_a_tuple_and_an_int_a_float() -> None:
    found = params.typed(Lists, {"sizes": [1, 2], "rates": {"a": 1}}, "x")
    assert repr(found) == "Lists(sizes=(1, 2), rates={'a': 1.0})"


@pytest.mark.parametrize(("text", "value"), [("1e-4", 1e-4), ("2e-05", 2e-5), ("1E3", 1e3), ("0.1", 0.1), ("7", 7)])
def test_a_number_is_one_to_every_reader(text: str, value: float) -> None:
    found = params.parse(f"a: {text}\nb: '{text}'\n")
    assert (found["a"], type(found["a"])) == (value, type(value))
    assert found["b"] == text


def test_what_only_begins_like_a_number_is_text() -> None:
    assert params.parse("a: 1e-4x\nb: 12e\nc: off\n") == {"a": "1e-4x", "b": "12e", "c": False}


def test_a_missing_section_is_named() -> None:
    with pytest.raises(ValueError, match=r"no section `adapt\.v2a`"):
        params.section_of({"adapt": {}}, "adapt.v2a")


def test_a_section_that_no_stage_reads_is_a_fault() -> None:
    with pytest.raises(ValueError, match="no stage reads section `filtre`"):
        params.check({"filtre": {}}, {})
