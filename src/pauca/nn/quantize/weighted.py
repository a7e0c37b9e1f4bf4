"""Weighted rate-distortion quantization on equidistant points (DeepCABAC, arXiv:1907.11900, IV).

Each weight takes the level k that minimizes F (w - step k)^2 + lmbda R(k), where R is what the
coder will spend on k in its contexts at that place, and F says how much the network minds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pauca.coding.weights import rdoq_levels
from pauca.nn.model import Quantized
from pauca.nn.quantize.layout import (
    PerTensor,
    Weights,
    as_levels,
    as_matrix,
    checked,
    checked_importance,
    of_tensor,
    step_of,
)


@dataclass(frozen=True)
class WeightedOptions:
    """Step of each tensor or of all, and the price of a bit.

    `lmbda` is in squared weights times importance; with `relative` it is in squared steps times
    the tensor's mean importance, so that one number suits every tensor and every step.
    """

    step: PerTensor
    lmbda: PerTensor = 0.05
    relative: bool = True


def quantize_weighted(
    weights: Weights, options: WeightedOptions, importance: Weights | None = None
) -> dict[str, Quantized]:
    """Return every tensor quantized; `importance` (same shapes, not negative) defaults to 1."""
    return {
        name: quantize_tensor(name, array, options, importance) for name, array in weights.items()
    }


def quantize_tensor(
    name: str, array: NDArray[Any], options: WeightedOptions, importance: Weights | None = None
) -> Quantized:
    """Return one tensor of any shape quantized, with the importance found under its name."""
    values = as_matrix(checked(array, name))
    step = step_of(options.step, name)
    lmbda = of_tensor(options.lmbda, name)
    as_levels(values / step, name)  # refuses, by name, what the kernel would refuse without
    factor = checked_importance(importance, name, array.shape)
    if options.relative:
        lmbda *= step * step * (1.0 if factor is None else float(factor.mean()))
    flat = None if factor is None else as_matrix(factor).astype(np.float32)
    levels = rdoq_levels(values.astype(np.float32), flat, step, lmbda)
    return Quantized(as_levels(levels, name).reshape(array.shape), step)
