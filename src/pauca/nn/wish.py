"""A network as small as a wish allows: the dial of a named quantizer, turned by `search`.

The wish is an accuracy that must hold, a size that must not be passed, or bits per weight. What
the quantizer may know of the network (importances, layer statistics) comes as a calibration.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pauca.errors import InputError
from pauca.nn.calibration import Calibration, Weights
from pauca.nn.codec import encode_network
from pauca.nn.dtypes import dtype_of, from_floats, is_real, to_float32
from pauca.nn.model import Network
from pauca.nn.quantizers import Quantizer, find_quantizer, quantize_all, round_scales
from pauca.nn.search import (
    Evaluate,
    Experiment,
    Found,
    Levels,
    SearchOptions,
    Trial,
    search_bits,
    search_max_drop,
    search_target_size,
)

MARGIN = 4.0  # how far beyond the ends of a quantizer's grid a search looks


@dataclass(frozen=True)
class Wish:
    """One of: `max_drop` in the evaluation's unit, `target_size` in bytes, `bits` per weight.

    `evaluate` is needed by `max_drop` and makes the others choose by accuracy. `rounds` of
    bisection for each value of the quantizer's second dial.
    """

    max_drop: float | None = None
    target_size: int | None = None
    bits: float | None = None
    evaluate: Evaluate | None = None
    rounds: int = 8

    def __post_init__(self) -> None:
        """Raise `InputError` unless there is one wish, with what it needs."""
        wishes = (self.max_drop, self.target_size, self.bits)
        if sum(wish is not None for wish in wishes) != 1:
            raise InputError("a search needs one wish: an accuracy, a size or bits per weight")
        if any(wish is not None and not 0 <= wish < np.inf for wish in wishes):
            raise InputError("what a search is to reach must be finite and not negative")
        if self.max_drop is not None and self.evaluate is None:
            raise InputError("a search by accuracy needs an evaluation")


@dataclass(frozen=True)
class Answer:
    """The chosen stream, its trial, and all trials in the order they were made.

    In trials of quantizers that share values (kmeans, lloyd), `step` is 1 / values.
    """

    stream: bytes
    best: Trial
    trials: tuple[Trial, ...]


def default_quantizer(calibration: Calibration | None) -> str:
    """Return the name of the strongest quantizer that a calibration allows."""
    if calibration is not None and calibration.layers:
        return "second-order"
    return "weighted"


def compress_at(
    network: Network, name: str, calibration: Calibration | None = None, threads: int = 1
) -> bytes:
    """Return the stream at one setting; `name` is QUANTIZER=SETTING. Raises `InputError`."""
    base, _, text = name.partition("=")
    quantizer = find_quantizer(base)
    try:
        setting = float(text)
    except ValueError as error:
        raise InputError(f"{name!r} does not end in =NUMBER") from error
    if not 0 < setting < np.inf:
        raise InputError(f"the setting of {base!r} must be above 0")
    floats = floats_of(network)
    levels = quantize_all(quantizer, floats, setting, calibration)
    return encode_network(prepared(network, floats), levels, threads)


def compress_to(
    network: Network,
    wish: Wish,
    name: str | None = None,
    calibration: Calibration | None = None,
    threads: int = 1,
    report: Callable[[Trial], None] | None = None,
) -> Answer:
    """Return the best stream that meets the wish; `report` hears of every trial as it is made.

    `name`: a quantizer, by default the strongest one. Raises `InputError` if no trial meets it.
    """
    name = name or default_quantizer(calibration)
    quantizer = find_quantizer(name)
    searched = () if "@" in name else quantizer.others  # values of the second dial, if it is free
    floats = floats_of(network)

    def quantize(dial: float, other: float) -> Levels:
        chosen = find_quantizer(f"{name}@{other:g}") if searched else quantizer
        return quantize_all(chosen, floats, _setting(quantizer, dial), calibration)

    def size(levels: Levels) -> int:
        return len(encode_network(ready, levels, threads))

    ready = prepared(network, floats)
    experiment = Experiment(ready, quantize, wish.evaluate, size, report)
    grid = sorted(1 / s if quantizer.whole else s for s in quantizer.grid)
    options = SearchOptions(
        grid[0] / MARGIN, grid[-1] * MARGIN, "step", searched or (0.0,), wish.rounds
    )
    found = _search(experiment, network, wish, options)
    return Answer(encode_network(ready, found.quantized, threads), found.best, found.trials)


def _search(experiment: Experiment, network: Network, wish: Wish, options: SearchOptions) -> Found:
    if wish.max_drop is not None and wish.evaluate is not None:
        reference = float(wish.evaluate(network))
        return search_max_drop(experiment, wish.max_drop, options, reference)
    if wish.target_size is not None:
        return search_target_size(experiment, wish.target_size, options)
    return search_bits(experiment, wish.bits or 0.0, options)


def floats_of(network: Network) -> dict[str, NDArray[Any]]:
    """Return the tensors that a quantizer may see, as float32: real and finite ones."""
    found = {name: to_float32(a) for name, a in network.tensors.items() if is_real(a)}
    return {name: array for name, array in found.items() if np.isfinite(array).all()}


def prepared(network: Network, floats: Weights) -> Network:
    """Return the network with its scales and variances rounded to few bits, as `quantize_all`
    leaves them to be.
    """
    rounded = round_scales(floats)
    cast = {n: from_floats(a, dtype_of(network.tensors[n])) for n, a in rounded.items()}
    return network.with_tensors(cast)


def _setting(quantizer: Quantizer, dial: float) -> float:
    return float(max(2, round(1 / dial))) if quantizer.whole else dial
