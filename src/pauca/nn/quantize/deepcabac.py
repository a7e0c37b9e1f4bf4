"""The two quantizers of the DeepCABAC paper (Wiedemann et al., arXiv:1907.11900, IV).

DC-v1 knows how far each weight may move, from a posterior's deviations, and sets step and
importance from them. DC-v2 knows nothing: it tries a grid of steps with nearest rounding, and on
those that keep the accuracy a grid of prices of a bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pauca.errors import InputError
from pauca.nn.model import Quantized
from pauca.nn.quantize.layout import Weights, checked
from pauca.nn.quantize.nearest import NearestOptions, quantize_nearest
from pauca.nn.quantize.weighted import WeightedOptions, quantize_weighted
from pauca.nn.search import Experiment, Found, Levels, Trial
from pauca.nn.sensitivity import importance_from_deviations


@dataclass(frozen=True)
class Dc1Options:
    """`fineness`: the S of the paper, 0 to 256 there; more means finer steps. `lmbda`: the price of
    a bit where an error of one posterior deviation costs 1.
    """

    fineness: float = 64.0
    lmbda: float = 0.05

    def __post_init__(self) -> None:
        """Check the ranges; `InputError` if an option is out of its own."""
        if not (self.fineness >= 0 and self.lmbda >= 0):
            raise InputError("fineness and lmbda must not be negative")


def dc1_step(largest: float, deviation: float, fineness: float) -> float:
    """Return 2 w_max / (2 w_max / sigma_min + S): below the least deviation of a posterior.

    `largest`: w_max, the largest magnitude of the tensor's weights; `deviation`: sigma_min.
    """
    if largest <= 0:
        return deviation
    return 2.0 * largest / (2.0 * largest / deviation + fineness)


def quantize_dc1(
    weights: Weights, deviations: Weights, options: Dc1Options | None = None
) -> dict[str, Quantized]:
    """Return every tensor quantized by DC-v1; `deviations` in the weights' shapes, above 0."""
    options = options or Dc1Options()
    if missing := weights.keys() - deviations.keys():
        raise InputError(f"no deviations given for tensor {min(missing)!r}")
    steps = {}
    for name, array in weights.items():
        largest = float(np.abs(checked(array, name)).max(initial=0.0))
        least = float(np.min(deviations[name])) if array.size else 1.0
        if not least > 0:
            raise InputError(f"deviations of {name!r} must be above 0")
        steps[name] = dc1_step(largest, least, options.fineness)
    importance = importance_from_deviations({name: deviations[name] for name in weights})
    return quantize_weighted(weights, WeightedOptions(steps, options.lmbda, False), importance)


@dataclass(frozen=True)
class Dc2Options:
    """`steps` to try, the same for all tensors; `lmbdas` in squared steps, tried on the `keep`
    coarsest steps that nearest rounding survives; `max_drop` in the evaluation's unit.
    """

    steps: tuple[float, ...]
    lmbdas: tuple[float, ...] = (0.02, 0.05, 0.1, 0.2)
    max_drop: float = 0.5
    keep: int = 3


def search_dc2(
    experiment: Experiment, weights: Weights, options: Dc2Options, importance: Weights | None = None
) -> Found:
    """Return the smallest file that DC-v2 finds within the allowed drop of accuracy.

    `experiment` must evaluate; its own quantizer is replaced. Raises `InputError` if no step is
    fine enough.
    """
    if experiment.evaluate is None:
        raise InputError("DC-v2 needs an evaluation")
    if not options.steps or options.keep < 1:
        raise InputError("DC-v2 needs a step, and to keep one at least")
    floor = float(experiment.evaluate(experiment.network)) - options.max_drop

    def quantize(step: float, lmbda: float) -> dict[str, Quantized]:
        if lmbda == 0:
            return quantize_nearest(weights, NearestOptions(step=step))
        return quantize_weighted(weights, WeightedOptions(step, lmbda), importance)

    experiment.quantize = quantize
    pairs = [(step, 0.0) for step in sorted(options.steps, reverse=True)]
    first = len(experiment.trials)
    best = _best(experiment, pairs, floor)
    tried = experiment.trials[first:]
    survivors = [t.step for t in tried if t.accuracy is not None and t.accuracy >= floor]
    pairs = [(s, lmbda) for s in survivors[: options.keep] for lmbda in options.lmbdas]
    best = _best(experiment, pairs, floor, best)
    if best is None:
        raise InputError(f"no step down to {min(options.steps):g} keeps an accuracy of {floor:g}")
    return Found(best[0], best[1], tuple(experiment.trials))


Candidate = tuple[Trial, Levels]


def _best(
    experiment: Experiment,
    pairs: Sequence[tuple[float, float]],
    floor: float,
    best: Candidate | None = None,
) -> Candidate | None:
    for step, lmbda in pairs:
        trial, levels = experiment.run(step, lmbda)
        good = trial.accuracy is not None and trial.accuracy >= floor
        if good and (best is None or trial.size < best[0].size):
            best = trial, levels
    return best
