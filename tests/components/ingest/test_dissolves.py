"""Mixtures of two frames are found, and nothing else is taken for one."""

import numpy as np
import pytest
from numpy.typing import NDArray

from components.ingest import dissolves

RNG = np.random.default_rng(0)
FIRST, LAST = (RNG.uniform(0, 255, 600).astype(np.float32) for _ in range(2))


def mixtures(alphas: NDArray[np.floating]) -> list[NDArray[np.float32]]:
    return [((1 - alpha) * FIRST + alpha * LAST).astype(np.float32) for alpha in alphas]


@pytest.mark.parametrize("frames", [6, 12, 30])
def test_a_dissolve_is_found_from_its_first_to_its_last_mixture(frames: int) -> None:
    ramp = np.linspace(0, 1, frames + 2)
    assert dissolves.mixed(mixtures(np.concatenate([np.zeros(4), ramp, np.ones(4)]))) == (5, 5 + frames)


def test_a_cut_is_no_dissolve() -> None:
    assert dissolves.mixed(mixtures(np.repeat([0.0, 1.0], 8))) is None


def test_a_change_of_light_is_no_dissolve() -> None:
    assert dissolves.mixed([(FIRST * light).astype(np.float32) for light in np.linspace(1, 0.6, 12)]) is None


def test_other_frames_between_two_shots_are_no_dissolve() -> None:
    between = [RNG.uniform(0, 255, 600).astype(np.float32) for _ in range(8)]
    assert dissolves.mixed([FIRST, *between, LAST]) is None


def test_frames_are_alike_in_another_light_and_when_both_are_blank() -> None:
    assert dissolves.alike(FIRST, FIRST * np.float32(0.5) + 20)
    assert dissolves.alike(np.full(600, 3, np.float32), np.full(600, 200, np.float32))
    assert not dissolves.alike(FIRST, LAST)
