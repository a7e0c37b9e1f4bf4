"""Levels by rate and distortion."""

import numpy as np
import pytest

from pauca.coding.weights import level_bits, rdoq_levels
from pauca.errors import InputError


def test_without_a_price_for_bits_levels_are_the_nearest() -> None:
    weights = np.random.default_rng(5).standard_normal((50, 40)).astype(np.float32)
    expected = np.rint(weights.astype(np.float64) / np.float64(np.float32(0.1)))
    np.testing.assert_array_equal(rdoq_levels(weights, None, 0.1, 0.0), expected)


def test_a_higher_price_buys_fewer_bits_at_a_better_total() -> None:
    weights = np.random.default_rng(6).laplace(size=(200, 150)).astype(np.float32)
    step = 0.5
    plain = rdoq_levels(weights, None, step, 0.0)
    last = level_bits(plain, 150)
    for lmbda in (0.01, 0.03, 0.1):
        levels = rdoq_levels(weights, None, step, lmbda)
        assert np.all(np.abs(levels) <= np.abs(plain))
        bits = level_bits(levels, 150)
        assert bits < last
        errors = [float(((weights - step * k) ** 2).sum()) for k in (levels, plain)]
        assert errors[0] + lmbda * bits < errors[1] + lmbda * level_bits(plain, 150)
        last = bits


def test_importance_protects_weights() -> None:
    rng = np.random.default_rng(7)
    weights = rng.laplace(size=(100, 100)).astype(np.float32)
    importance = np.where(rng.random((100, 100)) < 0.5, 0.0, 1e5).astype(np.float32)
    levels = rdoq_levels(weights, importance, 0.5, 0.1)
    guarded = importance > 0
    np.testing.assert_array_equal(levels[guarded], np.rint(weights / 0.5)[guarded])
    # Where nothing is lost by an error, only the rate decides, and zeros are the cheapest.
    assert np.count_nonzero(levels[~guarded]) < 0.2 * np.count_nonzero(~guarded)


def test_wrong_weights() -> None:
    good = np.ones((3, 4), np.float32)
    for bad in (np.nan, np.inf, 1e30):
        weights = good.copy()
        weights[1, 1] = bad
        with pytest.raises(InputError):
            rdoq_levels(weights, None, 0.1, 0.0)
    for step in (0.0, -1.0, float("nan"), float("inf"), 1e-60):
        with pytest.raises(InputError):
            rdoq_levels(good, None, step, 0.0)
    with pytest.raises(InputError):
        rdoq_levels(good, None, 0.1, -1.0)
    with pytest.raises(InputError):
        rdoq_levels(good, good[:2], 0.1, 0.0)
    with pytest.raises(InputError):
        rdoq_levels(good, -good, 0.1, 0.0)
    assert rdoq_levels(np.zeros((0, 4), np.float32), None, 0.1, 0.0).shape == (0, 4)
