"""Quantizers on equidistant points and on codebooks: what each promises about its output."""

import numpy as np
import pytest
from nn.static_rdoq import static_levels
from nn.trained import dense

from pauca.coding.weights import level_bits
from pauca.errors import InputError
from pauca.nn.quantize.kmeans import (
    KMeansOptions,
    LloydOptions,
    quantize_kmeans,
    quantize_lloyd,
)
from pauca.nn.quantize.layout import deviation_steps, range_steps
from pauca.nn.quantize.rates import contexts_of, count_rates, entropy_bits
from pauca.nn.quantize.weighted import WeightedOptions, quantize_weighted

WEIGHTS = {
    "a": np.random.default_rng(0).laplace(size=(40, 30)).astype(np.float32),
    "b": np.random.default_rng(1).normal(size=(6, 5, 3, 3)).astype(np.float32),
    "c": np.random.default_rng(2).normal(size=17).astype(np.float32),
}


def bits_of(levels):
    return entropy_bits(levels) / levels.size


def test_without_a_price_weighted_is_nearest() -> None:
    for name, tensor in quantize_weighted(WEIGHTS, WeightedOptions(0.3, 0.0)).items():
        step = np.float64(np.float32(0.3))
        assert np.array_equal(tensor.levels, np.rint(WEIGHTS[name] / step).astype(np.int32))
        assert tensor.step == step
        assert tensor.levels.shape == WEIGHTS[name].shape


def test_a_price_buys_fewer_bits_for_more_error() -> None:
    free, paid = (quantize_weighted(WEIGHTS, WeightedOptions(1.4, p)) for p in (0.0, 0.2))
    for name in ("a", "b"):
        assert bits_of(paid[name].levels) < 0.9 * bits_of(free[name].levels)
        error = [((q[name].values() - WEIGHTS[name]) ** 2).mean() for q in (free, paid)]
        assert error[0] < error[1] < 2.5 * error[0]


@pytest.mark.parametrize("weighed", [False, True])
def test_the_coders_own_rates_are_no_worse_than_static_ones(weighed) -> None:
    step, lmbda = 1.4, 0.2 * 1.4**2
    values = WEIGHTS["a"].astype(np.float64) * np.linspace(0.2, 3, 30)  # columns of unlike scale
    factor = np.linspace(0.5, 1.5, 1200).reshape(40, 30) if weighed else np.ones((40, 30))
    options = WeightedOptions(step, lmbda, relative=False)
    own = quantize_weighted({"a": values}, options, {"a": factor} if weighed else None)["a"].levels
    static = static_levels(values / step, factor * step**2, lmbda).astype(np.int32)

    def cost(levels):
        return (factor * (levels * step - values) ** 2).sum() + lmbda * level_bits(levels, 30)

    assert cost(own) < 1.01 * cost(static)
    assert cost(own) < 0.98 * cost(np.rint(values / step).astype(np.int32))


def test_weighted_pays_less_than_nearest_in_its_own_currency() -> None:
    def cost(levels):
        contexts = contexts_of(levels)
        bits = count_rates(levels, contexts).of(levels, contexts).sum()
        return ((levels * 1.4 - WEIGHTS["a"]) ** 2).sum() + 0.2 * 1.4**2 * bits

    chosen = quantize_weighted({"a": WEIGHTS["a"]}, WeightedOptions(1.4, 0.2))["a"].levels
    nearest = np.rint(WEIGHTS["a"] / 1.4).astype(np.int64)
    assert cost(chosen.astype(np.int64)) < 0.97 * cost(nearest)


def test_important_weights_move_less() -> None:
    importance = np.ones((40, 30))
    importance[:, :15] = 100.0
    options = WeightedOptions(0.7, 0.2)
    found = quantize_weighted({"a": WEIGHTS["a"]}, options, {"a": importance})["a"]
    error = (found.values() - WEIGHTS["a"]) ** 2
    assert error[:, :15].mean() < 0.6 * error[:, 15:].mean()


@pytest.mark.parametrize(
    ("weights", "options", "importance", "words"),
    [
        ({"a": np.array([1, 2])}, WeightedOptions(0.1), None, "no real numbers"),
        ({"a": np.array([1.0, np.nan])}, WeightedOptions(0.1), None, "not finite"),
        ({"a": np.ones(2)}, WeightedOptions(0.0), None, "above 0"),
        ({"a": np.ones(2)}, WeightedOptions({"b": 0.1}), None, "no option"),
        ({"a": np.ones(2)}, WeightedOptions(1e-12), None, "too small"),
        ({"a": np.ones(2)}, WeightedOptions(0.1, -1.0), None, "negative"),
        ({"a": np.ones(2)}, WeightedOptions(0.1), {"a": np.ones(3)}, "shape"),
        ({"a": np.ones(2)}, WeightedOptions(0.1), {"a": -np.ones(2)}, "negative"),
    ],
)
def test_bad_input_is_named(weights, options, importance, words) -> None:
    with pytest.raises(InputError, match=words):
        quantize_weighted(weights, options, importance)


def test_kmeans_shares_values_and_keeps_zeros() -> None:
    pruned = WEIGHTS["a"] * (np.abs(WEIGHTS["a"]) > 0.8)
    found = quantize_kmeans({"a": pruned}, KMeansOptions(clusters=9))["a"]
    assert found.codebook is not None and len(found.codebook) <= 9
    assert not found.values()[pruned == 0].any()
    counts = np.bincount(found.levels.ravel())
    assert (np.diff(counts) <= 0).all()  # the most used first
    # Each weight has the nearest of the values.
    nearest = np.abs(pruned[..., None] - found.codebook).min(-1)
    assert np.allclose(np.abs(found.values() - pruned), nearest, atol=1e-6)


def test_kmeans_beats_equal_steps_of_as_many_values() -> None:
    values = WEIGHTS["a"]
    found = quantize_kmeans({"a": values}, KMeansOptions(16))["a"]
    step = (values.max() - values.min()) / 15
    grid = np.rint((values - values.min()) / step) * step + values.min()
    assert ((found.values() - values) ** 2).mean() < 0.7 * ((grid - values) ** 2).mean()


def test_lloyd_trades_error_for_entropy_and_drops_values() -> None:
    plain = quantize_lloyd(WEIGHTS, LloydOptions(0.0, clusters=32))
    thrifty = quantize_lloyd(WEIGHTS, LloydOptions(0.1, clusters=32))
    for name in ("a", "b"):
        assert bits_of(thrifty[name].levels) < 0.8 * bits_of(plain[name].levels)
        assert len(thrifty[name].codebook) < len(plain[name].codebook)


def test_lloyd_weighs_errors() -> None:
    importance = np.ones((40, 30))
    importance[WEIGHTS["a"] > 0] = 50.0
    found = quantize_lloyd({"a": WEIGHTS["a"]}, LloydOptions(0.02), {"a": importance})["a"]
    error = (found.values() - WEIGHTS["a"]) ** 2
    assert error[WEIGHTS["a"] > 0].mean() < 0.3 * error[WEIGHTS["a"] < 0].mean()


@pytest.mark.parametrize("shape", [(0,), (3, 0), ()])
def test_tensors_without_much_in_them(shape) -> None:
    tensor = {"t": np.zeros(shape, np.float32)}
    for found in (
        quantize_weighted(tensor, WeightedOptions(0.1)),
        quantize_kmeans(tensor),
        quantize_lloyd(tensor),
    ):
        assert found["t"].levels.shape == shape
        assert not found["t"].values().any()


def test_entropy_is_that_of_the_histogram() -> None:
    assert entropy_bits(np.array([0, 0, 1, 2])) == pytest.approx(6.0)
    assert entropy_bits(np.zeros(9, np.int32)) == 0.0


def test_rate_tables_are_near_entropy_and_finite_beyond_what_was_seen() -> None:
    levels = np.random.default_rng(3).geometric(0.4, (100, 100)) - 1
    rates = count_rates(levels)
    spent = rates.of(levels, np.zeros_like(levels)).sum()
    assert spent == pytest.approx(entropy_bits(levels), rel=0.01)
    far = rates.of(np.array([50, 500, 50_000]), np.zeros(3, np.int64))
    assert np.isfinite(far).all() and (np.diff(far) > 0).all()


def test_steps_by_range_and_by_deviation() -> None:
    weights = {"a": np.array([-2.0, 1.0]), "z": np.zeros(3)}
    assert range_steps(weights, 8) == {"a": pytest.approx(2 / 127), "z": 1.0}
    assert deviation_steps(weights, 0.5)["a"] == pytest.approx(0.5 * np.sqrt(2.5))


def test_a_trained_network_survives_half_a_deviation_of_step() -> None:
    trained = dense()
    weights = trained.weights()
    found = quantize_weighted(weights, WeightedOptions(deviation_steps(weights, 0.5), 0.05))
    values = {name: tensor.values() for name, tensor in found.items()}
    assert trained.accuracy(values) > trained.accuracy() - 3.0
