"""A tensor as the matrix that coders scan; options that hold for all tensors or for one each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pauca.errors import InputError
from pauca.nn.dtypes import is_real, to_float32

Weights = Mapping[str, NDArray[Any]]
PerTensor = float | Mapping[str, float]

MAX_LEVEL = (1 << 31) - 1  # streams hold |level| < 2**31


def as_matrix(array: NDArray[Any]) -> NDArray[Any]:
    """Return the tensor as (rows, columns): the first axis, and all others; a vector is one row."""
    if array.ndim < 2:
        return array.reshape(1, -1)
    return array.reshape(array.shape[0], -1)


def of_tensor(value: PerTensor, name: str) -> float:
    """Return the value for one tensor; `InputError` if it is missing, negative or not finite."""
    if isinstance(value, Mapping):
        if name not in value:
            raise InputError(f"no option given for tensor {name!r}")
        value = value[name]
    if not (np.isfinite(value) and value >= 0):
        raise InputError(f"option of tensor {name!r} must be finite and not negative, is {value}")
    return float(value)


def step_of(value: PerTensor, name: str) -> float:
    """Return the step for one tensor, as float32 holds it; `InputError` unless it is above 0."""
    step = float(np.float32(of_tensor(value, name)))
    if not (step > 0 and np.isfinite(step)):
        raise InputError(f"step of tensor {name!r} must be a float32 above 0")
    return step


def checked(array: NDArray[Any], name: str) -> NDArray[np.float64]:
    """Return a tensor's values as float64; `InputError` unless all are finite real numbers."""
    if not is_real(array):
        raise InputError(f"tensor {name!r} of {array.dtype} holds no real numbers")
    wide = (array if array.dtype == np.float64 else to_float32(array)).astype(np.float64)
    if not np.isfinite(wide).all():
        raise InputError(f"tensor {name!r} holds values that are not finite")
    return wide


def checked_importance(
    importance: Weights | None, name: str, shape: tuple[int, ...]
) -> NDArray[np.float64] | None:
    """Return the importance of one tensor, None for all equal; `InputError` if it does not fit."""
    if importance is None or name not in importance:
        return None
    array = checked(np.asarray(importance[name], np.float64), f"importance of {name}")
    if array.shape != shape:
        raise InputError(f"importance of {name!r} has shape {array.shape}, not {shape}")
    if (array < 0).any():
        raise InputError(f"importance of {name!r} is negative somewhere")
    return array


def as_levels(levels: NDArray[Any], name: str) -> NDArray[np.int32]:
    """Return levels as int32; `InputError` if one is out of the range that streams hold."""
    if levels.size and float(np.abs(levels).max()) > MAX_LEVEL:
        raise InputError(f"tensor {name!r}: levels beyond 2**31; the step is too small")
    return levels.astype(np.int32)


def range_steps(weights: Weights, bits: float) -> dict[str, float]:
    """Return for each tensor the step at which its largest value takes level 2**(bits - 1) - 1."""
    if not 1 < bits <= 31:
        raise InputError("bits must be above 1 and at most 31")
    top = 2.0 ** (bits - 1) - 1
    steps = {}
    for name, array in weights.items():
        largest = float(np.abs(checked(array, name)).max(initial=0.0))
        steps[name] = largest / top if largest > 0 else 1.0
    return steps


def deviation_steps(weights: Weights, ratio: float) -> dict[str, float]:
    """Return for each tensor `ratio` times the root mean square of its values as step."""
    steps = {}
    for name, array in weights.items():
        size = float(np.sqrt(np.mean(checked(array, name) ** 2))) if array.size else 0.0
        steps[name] = ratio * size if size > 0 else 1.0
    return steps
