import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import sqrtm

from components.evaluate import ops


@settings(max_examples=20, deadline=None)
@given(st.integers(2, 80), st.integers(1, 70), st.integers(0, 2**31))
def test_a_set_is_at_no_distance_from_itself(samples, width, seed):
    features = np.random.default_rng(seed).normal(size=(samples, width)) * 3
    assert 0 <= ops.frechet_distance(features, features) <= 1e-4


def test_the_distance_is_the_textbooks():
    random = np.random.default_rng(0)
    one, other = random.normal(size=(60, 5)), random.normal(1, 2, size=(40, 5))
    covariances = np.cov(one, rowvar=False), np.cov(other, rowvar=False)
    root = sqrtm(covariances[0] @ covariances[1]).real
    expected = ((one.mean(0) - other.mean(0)) ** 2).sum() + np.trace(covariances[0] + covariances[1] - 2 * root)
    assert ops.frechet_distance(one, other) == pytest.approx(expected)
    assert ops.frechet_distance(other, one) == pytest.approx(expected)


def test_a_shift_costs_its_square():
    features = np.random.default_rng(0).normal(size=(30, 4))
    assert ops.frechet_distance(features, features + 2) == pytest.approx(16)


def test_psnr_counts_where_it_is_told_to():
    true = np.zeros((2, 4, 4, 3), np.uint8)
    made = true.copy()
    made[:, :2] = 255
    assert ops.psnr_db(true, true) == pytest.approx(60)
    assert ops.psnr_db(made, true) == pytest.approx(10 * np.log10(2))
    where = np.zeros((2, 4, 4), bool)
    where[:, 2:] = True
    assert ops.psnr_db(made, true, where) == pytest.approx(60)
    assert ops.psnr_db(made, true, ~where) == pytest.approx(0)


def test_pixels_move_where_they_differ_by_more_than_the_threshold():
    start = np.full((2, 2, 3), 100, np.uint8)
    clip = np.stack([start, start])
    clip[1, 0, 0, 2], clip[1, 1, 1, 0] = 70, 124
    assert ops.moving(clip, start, 24).nonzero() == (np.array([1]), np.array([0]), np.array([0]))


def test_correlation_knows_sign_and_flatness():
    ramp = np.arange(12, dtype=np.uint8).reshape(1, 2, 2, 3)
    assert ops.correlation(ramp, ramp * 2) == pytest.approx(1)
    assert ops.correlation(ramp, 200 - ramp) == pytest.approx(-1)
    assert ops.correlation(ramp, np.full_like(ramp, 7)) == 0


def test_the_interval_holds_the_mean_and_shrinks_with_more_samples():
    values = np.random.default_rng(0).normal(5, 1, size=400)
    low, high = ops.interval(values, 300, 0)
    assert low < values.mean() < high
    assert high - low == pytest.approx(4 / 20, rel=0.25)
    assert ops.interval(values[:1], 10, 0) == (values[0], values[0])
    assert ops.interval(values, 300, 0) == (low, high)


def test_concordance_asks_for_place_and_strength():
    values = np.random.default_rng(0).normal(size=1000)
    values -= values.mean()
    assert ops.concordance(values, values) == pytest.approx(1)
    assert 0.7 < ops.concordance(values / 2, values) < 0.85
    assert ops.concordance(np.zeros(1000), values) == 0
    assert ops.concordance(-values, values) == pytest.approx(-1)
    assert ops.concordance(np.zeros(3), np.zeros(3)) == 1
