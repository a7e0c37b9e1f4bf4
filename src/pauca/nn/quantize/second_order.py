"""Second-order quantization of whole layers, bias included, under one price for all of them.

Loss of a layer: sum over its outputs i of output_i (w_i - q_i) M (w_i - q_i)' with M the second
moments of its inputs (`LayerStatistics`); cost: that plus lmbda bits. See `solver` for the method.
Because every layer's loss is in the same unit, one lmbda spends bits where they help most.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pauca.coding.weights import level_bits
from pauca.errors import InputError
from pauca.nn.model import Quantized
from pauca.nn.quantize.layout import Weights, as_levels, as_matrix, checked, step_of
from pauca.nn.quantize.rates import RateTable, contexts_of, count_rates
from pauca.nn.quantize.solver import Levels, Problem, descend, feed_forward, inverse_factor
from pauca.nn.sensitivity import LayerStatistics

Floats = NDArray[np.float64]

SPARSE = 0.5  # a layer with at most this share of weights that are not zero is a pruned one


@dataclass(frozen=True)
class SecondOrderOptions:
    """Options of second-order quantization.

    `lmbda`: price of a bit in the unit of the layers' losses, above 0. `step_scale`: steps relative
    to the one that is best at high rates; below 1 leaves more to the rate term. `damping`: share of
    the mean moment added to the diagonal. It stands for inputs that the samples hardly showed and
    for what errors do beyond their layer; 0.03 to 0.1 served best (LeNet-300-100, unseen data).
    `passes`: runs of the error feedback, each under the rates that the last one's levels have.
    `sweeps`: sweeps of coordinate descent afterwards. `steps`: steps of weights, by name, in place
    of the computed ones.
    """

    lmbda: float
    step_scale: float = 1.0
    damping: float = 0.05
    passes: int = 2
    sweeps: int = 2
    steps: Mapping[str, float] | None = None

    def __post_init__(self) -> None:
        """Check the ranges; `InputError` if an option is out of its own."""
        if not (self.lmbda > 0 and np.isfinite(self.lmbda) and self.step_scale > 0):
            raise InputError("lmbda and step_scale must be above 0")
        if not 0 < self.damping <= 1 or self.passes < 1 or self.sweeps < 0:
            raise InputError("damping must be in (0, 1], passes at least 1, sweeps at least 0")


@dataclass(frozen=True)
class Layer:
    """Names of a layer's tensors; `bias` None where it has none or keeps it as it is."""

    weight: str
    bias: str | None = None


def quantize_second_order(
    weights: Weights,
    layers: Mapping[Layer, LayerStatistics],
    options: SecondOrderOptions,
) -> dict[str, Quantized]:
    """Return the tensors of all `layers` quantized; a bias is quantized with its weights.

    weights: (outputs, inputs) or (outputs, inputs / groups, kernel...); bias (outputs,).
    Raises `InputError` where statistics do not fit their tensors.
    """
    out: dict[str, Quantized] = {}
    for layer, statistics in layers.items():
        out.update(quantize_layer(weights, layer, statistics, options))
    return out


def quantize_layer(
    weights: Weights, layer: Layer, statistics: LayerStatistics, options: SecondOrderOptions
) -> dict[str, Quantized]:
    """Return one layer's tensors quantized."""
    array = weights[layer.weight]
    matrix = as_matrix(checked(array, layer.weight))
    bias = None if layer.bias is None else checked(weights[layer.bias], layer.bias)
    _check(matrix, bias, statistics, layer)
    full = matrix if bias is None else np.hstack([matrix, bias.reshape(-1, 1)])
    moments, cross = _fitting(statistics, bias is not None)
    damped = moments + options.damping * _mean_diagonal(moments) * np.eye(moments.shape[1])
    output = np.maximum(statistics.output, 1e-3 * statistics.output.mean() + 1e-30)
    steps = _steps(damped, output, layer, options)
    free = 0 if bias is None else 1
    kept = _support(full, free)
    problems = []
    for group, target in enumerate(np.split(full, len(moments))):
        if cross is not None:
            target = _retarget(target, cross[group], moments[group], damped[group])
        worth = np.split(output, len(moments))[group]
        support = None if kept is None else np.split(kept, len(moments))[group]
        problems.append(Problem(target, damped[group], worth, steps, options.lmbda, free, support))
    levels = _solve(problems, options)
    if kept is not None:  # the cheaper of the two ways
        free_problems = [p.freed() for p in problems]
        levels = min(levels, _solve(free_problems, options), key=lambda k: _cost(free_problems, k))
    inputs = matrix.shape[1]
    found = as_levels(levels[:, :inputs], layer.weight).reshape(array.shape)
    out = {layer.weight: Quantized(found, float(steps[0]))}
    if layer.bias is not None:
        out[layer.bias] = Quantized(as_levels(levels[:, -1], layer.bias), float(steps[-1]))
    return out


def _solve(problems: list[Problem], options: SecondOrderOptions) -> Levels:
    # One problem for each group of a convolution; all share the rates.
    levels = [np.rint(p.weights / p.steps).astype(np.int64) for p in problems]
    rates = _rates(levels, problems[0].priced)
    for _ in range(options.passes):
        levels = [feed_forward(p, rates) for p in problems]
        rates = _rates(levels, problems[0].priced)
    for _ in range(options.sweeps):
        swept = [descend(p, k, rates) for p, k in zip(problems, levels, strict=True)]
        levels = [k for k, _ in swept]
        if not any(changed for _, changed in swept):
            break
        rates = _rates(levels, problems[0].priced)
    return np.vstack(levels)


def _cost(problems: list[Problem], levels: Levels) -> float:
    # Bits as a coder counts them, which knows columns as well as neighbours.
    parts = np.split(levels, len(problems))
    loss = sum(p.loss(k) for p, k in zip(problems, parts, strict=True))
    priced = np.ascontiguousarray(levels[:, : problems[0].priced], np.int32)
    return loss + problems[0].lmbda * level_bits(priced, priced.shape[1])


def _rates(levels: list[Levels], priced: int) -> RateTable:
    whole = np.vstack(levels)[:, :priced]
    return count_rates(whole, contexts_of(whole))


def _steps(
    damped: Floats, output: Floats, layer: Layer, options: SecondOrderOptions
) -> NDArray[np.float64]:
    # At high rates a step s costs h s^2 / 12 for a weight of curvature h, and halving it a bit:
    # d/ds (h s^2 / 12 - lmbda log2 s) = 0 at s^2 = 6 lmbda / (h ln 2). The curvature of a weight
    # under error feedback is that left when the later columns follow it, 1 / U_jj^2 in the solver.
    worth = float(np.exp(np.log(output).mean()))
    pivots = [np.diag(inverse_factor(m)) for m in damped]
    curvature = worth * float(np.exp(-2.0 * np.log(np.stack(pivots)).mean()))
    base = options.step_scale * np.sqrt(6.0 * options.lmbda / np.log(2.0))
    step = base / np.sqrt(curvature)
    if options.steps is not None and layer.weight in options.steps:
        step = step_of(options.steps, layer.weight)
    steps = np.full(damped.shape[1], step)
    if layer.bias is not None:  # its input is 1, and nothing follows it
        steps[-1] = base / np.sqrt(worth)
    return steps.astype(np.float32).astype(np.float64)


def _retarget(target: Floats, cross: Floats, moments: Floats, damped: Floats) -> Floats:
    # argmin over V of E |W x - V y|^2, damped towards W: what the layer should be, given that its
    # inputs are no longer x but y, those of the network quantized up to here.
    wanted = np.linalg.solve(damped, (cross + damped - moments).T @ target.T).T
    return np.asarray(wanted, np.float64)


def _support(full: Floats, free: int) -> NDArray[np.bool_] | None:
    # A pruned layer's zeros may stay: a level where there was none costs the most bits.
    kept: NDArray[np.bool_] = full != 0
    if kept[:, : full.shape[1] - free].mean() > SPARSE:
        return None
    kept[:, full.shape[1] - free :] = True
    return kept


def _fitting(statistics: LayerStatistics, with_bias: bool) -> tuple[Floats, Floats | None]:
    if statistics.has_bias == with_bias:
        return statistics.moments, statistics.cross
    cross = statistics.cross
    return statistics.moments[:, :-1, :-1], None if cross is None else cross[:, :-1, :-1]


def _mean_diagonal(moments: Floats) -> float:
    return float(np.diagonal(moments, axis1=1, axis2=2).mean()) + 1e-30


def _check(matrix: Floats, bias: Floats | None, statistics: LayerStatistics, layer: Layer) -> None:
    if bias is not None and not statistics.has_bias:
        raise InputError(f"statistics of {layer.weight!r} know no bias")
    inputs = statistics.moments.shape[1] - int(statistics.has_bias)
    if matrix.shape != (len(statistics.output), inputs):
        raise InputError(f"statistics do not fit {layer.weight!r} of shape {matrix.shape}")
    if bias is not None and bias.shape != (len(matrix),):
        raise InputError(f"{layer.bias!r} must hold one value per output")
