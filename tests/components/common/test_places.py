"""Draws by weight."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.common.places import Places

weights = st.lists(st.floats(0.01, 100), min_size=2, max_size=40).filter(lambda some: min(some) < max(some))


def drawn(some: list[float], count: int, draws: int) -> np.ndarray:
    """How often each place came."""
    places = Places(np.array(some))
    found = [places.draw(np.random.default_rng(seed), count) for seed in range(draws)]
    return np.bincount(np.concatenate(found), minlength=len(some))


@pytest.mark.parametrize("weight", [1.0, 0.3])
@pytest.mark.parametrize(("count", "once"), [(1, False), (5, False), (5, True), (70, True)])
def test_places_that_weigh_the_same_are_drawn_as_without_weights(weight: float, count: int, once: bool):
    alike, plain = np.random.default_rng(7), np.random.default_rng(7)
    found = Places(np.full(50, weight)).draw(alike, count, once=once)
    assert found.tolist() == plain.choice(50, count, replace=not once or count > 50).tolist()
    assert alike.random() == plain.random()  # and no more chance was used


def test_one_place_after_another_is_drawn_as_whole_numbers_are():
    alike, plain = np.random.default_rng(7), np.random.default_rng(7)
    places = Places(np.ones(50))
    assert [int(places.draw(alike, 1)[0]) for _ in range(9)] == [int(plain.integers(50)) for _ in range(9)]


@given(weights, st.integers(1, 60), st.integers(0, 1 << 32))
def test_a_place_comes_as_often_as_its_share_asks_give_or_take_two(some: list[float], count: int, seed: int):
    found = Places(np.array(some)).draw(np.random.default_rng(seed), count)
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
    places = Places(np.array([1.0, 2.0, 3.0]))
    one, other = (places.draw(np.random.default_rng(3), 16) for _ in range(2))
    assert one.tolist() == other.tolist()


def test_no_places_weigh_nothing():
    assert Places(np.zeros(0)).weight == 0
