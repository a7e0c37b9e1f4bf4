"""Second-order quantization and the estimators that feed it, on networks trained here."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from nn.trained import convolutional, dense
from torch import nn
from torch.nn import functional

from pauca.errors import InputError
from pauca.nn.moments_torch import moments_of
from pauca.nn.quantize.nearest import NearestOptions, quantize_nearest
from pauca.nn.quantize.rates import contexts_of, count_rates, entropy_bits
from pauca.nn.quantize.second_order import (
    Layer,
    SecondOrderOptions,
    quantize_second_order,
)
from pauca.nn.quantize.solver import Problem, cheap_alone, descend, feed_forward
from pauca.nn.quantize.train import quantize_in_order
from pauca.nn.sensitivity import LayerStatistics
from pauca.nn.train import layer_statistics, layers_in_order, output_worth


def a_problem(lmbda: float, rows: int = 30, columns: int = 70) -> Problem:
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(500, 8)) @ rng.normal(size=(8, columns))  # strongly correlated
    inputs += 0.3 * rng.normal(size=inputs.shape)
    weights = rng.normal(size=(rows, columns))
    worth = rng.uniform(0.5, 2.0, rows)
    return Problem(weights, inputs.T @ inputs / 500, worth, np.full(columns, 0.5), lmbda)


def rates_of(levels):
    return count_rates(levels, contexts_of(levels))


def nearest(problem: Problem):
    return np.rint(problem.weights / problem.steps).astype(np.int64)


def test_feedback_cancels_most_of_the_loss() -> None:
    problem = a_problem(1e-9)
    plain = nearest(problem)
    assert problem.loss(feed_forward(problem, rates_of(plain))) < 0.3 * problem.loss(plain)


def test_without_correlation_feedback_is_nearest() -> None:
    problem = a_problem(1e-12)
    free = Problem(problem.weights, np.eye(70), problem.row_weight, problem.steps, 1e-12)
    assert np.array_equal(feed_forward(free, rates_of(nearest(free))), nearest(free))


def test_the_rate_term_pays() -> None:
    problem = a_problem(0.05)
    blind = feed_forward(a_problem(1e-9), rates_of(nearest(problem)))
    aware = feed_forward(problem, rates_of(blind))
    assert problem.bits(aware) < 0.9 * problem.bits(blind)
    assert problem.cost(aware) < problem.cost(blind)


def pruned_problem(lmbda: float, kept: float = 0.2) -> Problem:
    problem = a_problem(lmbda)
    support = np.random.default_rng(1).random(problem.weights.shape) < kept
    return replace(problem, weights=problem.weights * support, support=support)


def test_whole_support_is_none() -> None:
    problem = a_problem(0.02)
    rates = rates_of(nearest(problem))
    whole = replace(problem, support=np.ones(problem.weights.shape, bool))
    assert np.array_equal(feed_forward(whole, rates), feed_forward(problem, rates))


@pytest.mark.parametrize("kept, alone", [(0.2, True), (0.7, False)])
def test_pruned_weights_stay_at_zero_and_the_others_make_up_for_each_other(
    kept: float, alone: bool
) -> None:
    problem = pruned_problem(0.02, kept)
    assert problem.support is not None and cheap_alone(problem.support) == alone
    plain = nearest(problem)
    found = feed_forward(problem, rates_of(plain))
    swept, changed = descend(problem, found, rates_of(found))
    assert changed
    for levels in (found, swept):
        assert not levels[~problem.support].any()
        assert problem.loss(levels) < 0.5 * problem.loss(plain)
        assert problem.cost(levels) < 0.7 * problem.cost(plain)


def test_descent_never_climbs_and_comes_to_rest() -> None:
    problem = a_problem(0.02)
    levels = feed_forward(problem, rates_of(nearest(problem)))
    rates = rates_of(levels)

    def loss_plus_bits(k):
        return problem.loss(k) + problem.lmbda * rates.of(k, np.zeros_like(k)).sum()

    # Contexts would change with their neighbours; one context makes the sweep's cost exact.
    rates = count_rates(levels)
    flat = type(rates)(np.repeat(rates.bits, 5, axis=0), rates.slope)
    costs = [loss_plus_bits(levels)]
    changed = 1
    for _ in range(30):
        levels, changed = descend(problem, levels, flat)
        costs.append(loss_plus_bits(levels))
        if not changed:
            break
    assert changed == 0
    assert (np.diff(costs) <= 1e-9).all() and costs[-1] < costs[0]


def test_free_columns_cost_no_bits_and_take_the_last_error() -> None:
    problem = a_problem(0.05)
    steps = problem.steps.copy()
    steps[-1] = 1e-3
    last_free = Problem(problem.weights, problem.hessian, problem.row_weight, steps, 0.05, free=1)
    levels = feed_forward(last_free, rates_of(nearest(problem)))
    assert last_free.bits(levels) == pytest.approx(last_free.bits(levels * ([1] * 69 + [0])))
    # At a fine step the last column is at its optimum given all the others.
    gradient = (levels * steps - problem.weights) @ problem.hessian[:, -1]
    assert np.abs(gradient).max() < 1e-3 * problem.hessian[-1, -1]


def test_moments_of_convolutions_match_their_outputs() -> None:
    trained = convolutional()
    x = trained.batches[0][0]
    for name in ("0", "2", "5"):
        layer = trained.module.get_submodule(name)
        moments, cross = moments_of(trained.module, name, [x])
        assert cross is None and moments.dtype == np.float64
        inputs = trained.module[: int(name)](x)
        with torch.no_grad():
            outputs = layer(inputs).double()
        outputs = outputs.transpose(0, 1).reshape(outputs.shape[1], -1)
        weights = layer.weight.detach().double().numpy()
        weights = weights.reshape(len(weights), -1)
        if layer.bias is not None:
            weights = np.hstack([weights, layer.bias.detach().double().numpy()[:, None]])
        rows = len(weights) // len(moments)
        for i, row in enumerate(weights):
            power = row @ moments[i // rows] @ row
            assert power == pytest.approx(float(outputs[i].square().mean()), rel=1e-4), (name, i)


def test_worth_of_outputs_is_the_mean_square_of_gradients() -> None:
    trained = dense()
    (x, _), *_ = trained.batches
    from pauca.nn.train import SensitivityOptions

    worth = output_worth(trained.module, [x], SensitivityOptions(classes=False, seed=3))
    signs = torch.randint(0, 2, (100, 8), generator=torch.Generator().manual_seed(3)) * 2.0 - 1
    last = trained.module[5].weight.detach()
    assert worth["5"] == pytest.approx(np.ones(8))
    # One layer back: through the last matrix and the activation that was open.
    hidden = trained.module[:4](x)
    gradient = (signs @ last) * (hidden > 0)
    assert worth["3"] == pytest.approx(gradient.square().mean(0).double().numpy(), rel=1e-4)


def test_layers_come_in_the_order_they_run() -> None:
    class Backwards(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.second = nn.Linear(3, 2)
            self.first = nn.Linear(4, 3)

        def forward(self, x):
            return self.second(self.first(x))

    assert layers_in_order(Backwards(), [torch.zeros(1, 4)]) == ["first", "second"]


def divergence(trained, weights) -> float:
    before, after = (t.log_softmax(1) for t in (trained.outputs(), trained.outputs(weights)))
    return float(functional.kl_div(after, before, log_target=True, reduction="batchmean"))


def size_of(found) -> float:
    return sum(entropy_bits(tensor.levels) for tensor in found.values())


@pytest.mark.parametrize("network", [dense, convolutional])
def test_in_order_beats_nearest_at_fewer_bits(network) -> None:
    trained = network()
    weights = trained.weights()
    state = {name: p.clone() for name, p in trained.module.state_dict().items()}
    found = quantize_in_order(trained.module, trained.batches, SecondOrderOptions(1e-6))
    assert found.keys() == weights.keys()
    assert all(found[n].levels.shape == w.shape for n, w in weights.items())
    unit = float(np.sqrt(np.mean(np.concatenate([w.ravel() for w in weights.values()]) ** 2)))
    mine = divergence(trained, {name: t.values() for name, t in found.items()})
    for scale in (0.25, 0.35, 0.5, 0.7, 1.0, 1.4):
        plain = quantize_nearest(weights, NearestOptions(step=scale * unit))
        if size_of(plain) < 1.3 * size_of(found):
            break
    assert divergence(trained, {name: t.values() for name, t in plain.items()}) > mine
    # The module itself is as it was.
    assert all(torch.equal(state[n], p) for n, p in trained.module.state_dict().items())


def test_a_higher_price_makes_smaller_and_worse() -> None:
    trained = dense()
    statistics = layer_statistics(trained.module, trained.batches)
    results = []
    for lmbda in (1e-8, 1e-7, 1e-6):
        found = quantize_second_order(trained.weights(), statistics, SecondOrderOptions(lmbda))
        values = {name: tensor.values() for name, tensor in found.items()}
        results.append((size_of(found), divergence(trained, values)))
    assert [size for size, _ in results] == sorted((s for s, _ in results), reverse=True)
    assert [loss for _, loss in results] == sorted(loss for _, loss in results)
    assert results[0][1] < 0.005 < 0.01 < results[-1][1]


def test_statistics_must_fit() -> None:
    weights = {"w": np.ones((4, 3)), "b": np.ones(4)}
    layer = Layer("w", "b")
    options = SecondOrderOptions(1e-3)
    fits = LayerStatistics(np.eye(4)[None], np.ones(4))
    assert quantize_second_order(weights, {layer: fits}, options).keys() == {"w", "b"}
    # A bias may be left alone; statistics without one cannot serve it.
    assert quantize_second_order(weights, {Layer("w"): fits}, options).keys() == {"w"}
    for wrong in (
        LayerStatistics(np.eye(3)[None], np.ones(4), has_bias=False),
        LayerStatistics(np.eye(5)[None], np.ones(4)),
        LayerStatistics(np.eye(4)[None], np.ones(5)),
    ):
        with pytest.raises(InputError):
            quantize_second_order(weights, {layer: wrong}, options)
    with pytest.raises(InputError):
        LayerStatistics(np.full((1, 4, 4), np.nan), np.ones(4))
    with pytest.raises(InputError):
        SecondOrderOptions(0.0)


def test_inputs_never_seen_take_no_bits() -> None:
    rng = np.random.default_rng(1)
    moments = np.diag([1.0, 1.0, 0.0, 0.0, 1.0])[None]
    weights = {"w": rng.normal(size=(50, 4)), "b": rng.normal(size=50)}
    statistics = {Layer("w", "b"): LayerStatistics(moments, np.ones(50))}
    options = SecondOrderOptions(0.01, damping=1e-4)
    levels = quantize_second_order(weights, statistics, options)["w"].levels
    assert not levels[:, 2:].any() and levels[:, :2].any()
