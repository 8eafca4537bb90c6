"""Indices come in proportion to their weights."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.common.weighted_sampler import WeightedSampler

weights = st.lists(st.floats(0.01, 100), min_size=2, max_size=40).filter(lambda some: min(some) < max(some))


def drawn(some: list[float], count: int, draws: int) -> np.ndarray:
    """How often each index came."""
    sampler = WeightedSampler(np.array(some))
    found = [sampler.draw(np.random.default_rng(seed), count) for seed in range(draws)]
    return np.bincount(np.concatenate(found), minlength=len(some))


@pytest.mark.parametrize("weight", [1.0, 0.3])
@pytest.mark.parametrize(("count", "once"), [(1, False), (5, False), (5, True), (70, True)])
def test_equal_weights_are_drawn_as_without_weights(weight: float, count: int, once: bool):
    alike, plain = np.random.default_rng(7), np.random.default_rng(7)
    found = WeightedSampler(np.full(50, weight)).draw(alike, count, once=once)
    assert found.tolist() == plain.choice(50, count, replace=not once or count > 50).tolist()
    assert alike.random() == plain.random()  # and no more chance was used


def test_single_draws_of_equal_weights_are_integers():
    alike, plain = np.random.default_rng(7), np.random.default_rng(7)
    sampler = WeightedSampler(np.ones(50))
    assert [int(sampler.draw(alike, 1)[0]) for _ in range(9)] == [int(plain.integers(50)) for _ in range(9)]


@given(weights, st.integers(1, 60), st.integers(0, 1 << 32))
def test_an_index_comes_as_often_as_its_share_within_two(some: list[float], count: int, seed: int):
    found = WeightedSampler(np.array(some)).draw(np.random.default_rng(seed), count)
    expected = count * np.array(some) / sum(some)
    assert len(found) == count
    assert (np.abs(np.bincount(found, minlength=len(some)) - expected) < 2).all()


def test_shares_of_many_draws_are_the_weights_within_binomial_noise():
    some = [4.0, 1.0, 0.25, *[1.0] * 30]
    for count, draws in ((1, 8000), (8, 1000)):
        share = np.array(some) / sum(some)
        noise = np.sqrt(share * (1 - share) / (count * draws))
        assert (np.abs(drawn(some, count, draws) / (count * draws) - share) < 4 * noise).all()


def test_the_same_seed_draws_the_same():
    sampler = WeightedSampler(np.array([1.0, 2.0, 3.0]))
    one, other = (sampler.draw(np.random.default_rng(3), 16) for _ in range(2))
    assert one.tolist() == other.tolist()


def test_no_weights_sum_to_nothing():
    assert WeightedSampler(np.zeros(0)).weight == 0


@given(weights, st.integers(0, 1 << 32))
def test_independent_draws_are_numpys_choice_by_shares(some: list[float], seed: int):
    ours, numpys = np.random.default_rng(seed), np.random.default_rng(seed)
    found = WeightedSampler(np.array(some)).draw_independent(ours, 50)
    assert found.tolist() == numpys.choice(len(some), 50, p=np.array(some) / sum(some)).tolist()
    assert ours.random() == numpys.random()  # both used as many random numbers


def test_independent_draws_come_as_often_as_their_weights():
    found = WeightedSampler(np.array([1.0, 3.0])).draw_independent(np.random.default_rng(0), 40_000)
    assert abs(found.mean() - 0.75) < 0.01
