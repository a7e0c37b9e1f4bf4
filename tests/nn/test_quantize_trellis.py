"""Dependent quantization: reconstruction by the rule, a true optimum, a gain over plain levels."""

from itertools import product

import numpy as np
import pytest

from pauca.errors import InputError
from pauca.nn.quantize import trellis
from pauca.nn.quantize.rates import count_rates, entropy_bits
from pauca.nn.quantize.trellis import (
    NEXT,
    QUANTIZER,
    TrellisOptions,
    dependent_multiples,
    quantize_trellis,
)


def walked(levels, states):
    """The reconstruction rule, one level after another."""
    state, out = 0, []
    for k in levels:
        out.append(2 * k - (np.sign(k) if QUANTIZER[states][state] else 0))
        state = NEXT[states][state, k & 1]
    return out, state


@pytest.mark.parametrize("states", [4, 8])
@pytest.mark.parametrize("n", [0, 1, 2, 50, 1000])
def test_multiples_follow_the_state_machine(states, n) -> None:
    levels = np.random.default_rng(n).integers(-4, 5, n)
    assert dependent_multiples(levels, states).tolist() == walked(levels, states)[0]


def test_multiples_of_no_machine_are_the_levels() -> None:
    levels = np.arange(-3, 3).reshape(2, 3)
    assert np.array_equal(dependent_multiples(levels, 0), levels)
    with pytest.raises(InputError):
        dependent_multiples(levels, 5)


@pytest.mark.parametrize("states", [4, 8])
def test_every_state_has_two_ways_in_and_other_subsets_on_its_ways_out(states) -> None:
    assert (np.bincount(NEXT[states].ravel()) == 2).all()
    assert (NEXT[states][:, 0] != NEXT[states][:, 1]).all()


@pytest.mark.parametrize("states", [4, 8])
def test_the_search_finds_the_best_of_all_sequences(states) -> None:
    rng = np.random.default_rng(5)
    scaled, weight = rng.normal(0, 1.2, 6), rng.uniform(0.5, 2, 6)
    rates = count_rates(rng.integers(-3, 4, 200), rng.integers(0, 2, 200))
    found = trellis._viterbi(scaled, weight, 0.3, rates, states)

    def cost(levels):
        state, total = 0, 0.0
        for k, x, w in zip(levels, scaled, weight, strict=True):
            q = QUANTIZER[states][state]
            value = 2 * k - q * np.sign(k)
            total += w * (value - x) ** 2 + 0.3 * rates.of(np.array(k), np.array(q))
            state = NEXT[states][state, k & 1]
        return total

    best = min(cost(levels) for levels in product(range(-2, 3), repeat=6))
    assert cost(found) == pytest.approx(best)


def test_lanes_join_without_a_break(monkeypatch) -> None:
    monkeypatch.setattr(trellis, "_LANE", 16)
    monkeypatch.setattr(trellis, "_GROUP", 3)
    values = np.random.default_rng(6).normal(size=(11, 13)).astype(np.float32)  # 143 levels
    found = quantize_trellis({"a": values}, TrellisOptions(0.5, 0.02, states=8))["a"]
    flat = found.levels.ravel().tolist()
    assert [walked(flat[:n], 8)[1] for n in range(16, 143, 16)] == [0] * 8
    assert np.abs(found.values() - values).max() < 0.6


@pytest.mark.parametrize("states", [4, 8])
def test_dependent_levels_have_less_error_at_equal_bits(states) -> None:
    values = {"a": np.random.default_rng(7).laplace(size=(200, 300))}
    curves = []
    for kind, steps in ((0, (0.8, 1.0, 1.25)), (states, (0.9, 1.1))):
        points = []
        for step in steps:
            cost, found = trellis._search(
                values["a"].ravel(), np.ones(60_000), step, 0.1 * step * step, kind
            )
            error = 10 * np.log10(((found.values() - values["a"].ravel()) ** 2).mean())
            points.append((entropy_bits(found.levels) / 60_000, error))
        curves.append(sorted(points))
    plain, dependent = curves
    for bits, error in dependent:
        at_equal_bits = np.interp(bits, [b for b, _ in plain], [e for _, e in plain])
        assert error < at_equal_bits - 0.25


def test_the_better_kind_is_chosen_for_each_tensor() -> None:
    rng = np.random.default_rng(8)
    one_value = np.where(rng.random((100, 100)) < 0.02, 1.0, 0.0)
    weights = {"dense": rng.normal(size=(100, 100)), "signs": one_value}
    found = quantize_trellis(weights, TrellisOptions(1.0, 0.05))
    assert found["dense"].states in (4, 8)
    assert found["signs"].states == 0  # on the plain grid without error


def test_more_states_than_known_are_refused() -> None:
    with pytest.raises(InputError, match="states"):
        quantize_trellis({}, TrellisOptions(1.0, states=16))


@pytest.mark.parametrize("shape", [(0,), (1,), (3, 1)])
def test_tiny_tensors(shape) -> None:
    values = np.full(shape, 0.7)
    found = quantize_trellis({"a": values}, TrellisOptions(0.1, 0.01))["a"]
    assert found.levels.shape == shape
    assert np.abs(found.values() - values).max(initial=0.0) < 0.11
