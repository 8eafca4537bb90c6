"""The settings of an optimizer refuse nonsense, and the learning rate follows its schedule."""

import math
from dataclasses import replace
from typing import Any

import pytest

from components.common.optimization import Optimization

GOOD = Optimization(
    steps=100,
    learning_rate=1.0,
    final_learning_rate=0.1,
    warmup_steps=10,
    betas=(0.9, 0.99),
    weight_decay=0.1,
    clip_norm=1.0,
)


def test_the_rate_rises_linearly_and_falls_by_a_half_cosine() -> None:
    assert [GOOD.rate(step) for step in (0, 4, 9)] == pytest.approx([0.1, 0.5, 1.0])
    assert GOOD.rate(10) == 1.0
    assert GOOD.rate(55) == pytest.approx(0.55)
    assert GOOD.rate(100) == GOOD.rate(1000) == pytest.approx(0.1)
    rates = [GOOD.rate(step) for step in range(10, 101)]
    assert rates == sorted(rates, reverse=True)


def test_without_a_warmup_the_first_step_has_the_peak() -> None:
    assert replace(GOOD, warmup_steps=0).rate(0) == 1.0
    assert math.isclose(replace(GOOD, final_learning_rate=0.0).rate(100), 0.0)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"steps": 0}, r"optimization\.steps"),
        ({"warmup_steps": 100}, r"warmup_steps \(100\) must be below steps \(100\)"),
        ({"final_learning_rate": 2.0}, "between 0 and learning_rate"),
        ({"betas": (0.9, 1.0)}, "betas"),
        ({"clip_norm": 0.0}, "clip_norm"),
        ({"weight_decay": -0.1}, "weight_decay"),
    ],
)
def test_nonsense_is_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        replace(GOOD, **changes)
