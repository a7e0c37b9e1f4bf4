"""Which weights stay: masks by magnitude over arrays whose last axis runs along the inputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pauca.nn.passes.options import PruneOptions

Floats = NDArray[np.floating[Any]]
Mask = NDArray[np.bool_]


def masks_of(weights: Mapping[str, Floats], options: PruneOptions) -> dict[str, Mask]:
    """Return what stays of every array, in its shape.

    The share of zeros over all arrays (or in each) is `sparsity` to the nearest element; equal
    magnitudes are cut in the order of the arrays.
    """
    pattern = options.n_of_m()
    if pattern is not None:
        return {name: pattern_mask(array, *pattern) for name, array in weights.items()}
    if options.scope == "layer":
        return {name: _smallest(np.abs(a), options.sparsity) for name, a in weights.items()}
    # Layers differ in scale by their fan-in alone; without it, wide layers would be cut whole.
    ranks = [np.abs(array).reshape(-1) / _rms(array) for array in weights.values()]
    keep = _smallest(np.concatenate(ranks) if ranks else np.zeros(0), options.sparsity)
    out, start = {}, 0
    for name, array in weights.items():
        out[name] = keep[start : start + array.size].reshape(array.shape)
        start += array.size
    return out


def pattern_mask(array: Floats, n: int, m: int) -> Mask:
    """Return the mask that keeps the `n` largest of every `m` neighbours along the last axis.

    A shorter rest at the end of a row keeps its `n` largest too.
    """
    inputs = array.shape[-1]
    padded = -(-inputs // m) * m
    rows = np.full((array.size // max(inputs, 1), padded), -1.0)
    rows[:, :inputs] = np.abs(array).reshape(-1, inputs)
    order = np.argsort(-rows.reshape(-1, m), axis=1, kind="stable")
    keep = np.zeros(order.shape, bool)
    np.put_along_axis(keep, order[:, :n], True, 1)
    return keep.reshape(rows.shape)[:, :inputs].reshape(array.shape)


def _smallest(magnitudes: Floats, sparsity: float) -> Mask:
    flat = magnitudes.reshape(-1)
    keep = np.ones(flat.size, bool)
    keep[np.argsort(flat, kind="stable")[: round(sparsity * flat.size)]] = False
    return keep.reshape(magnitudes.shape)


def _rms(array: Floats) -> float:
    return float(np.sqrt(np.square(array, dtype=np.float64).mean())) or 1.0 if array.size else 1.0
