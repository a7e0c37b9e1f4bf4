"""Nearest-neighbour quantization: every weight to the nearest multiple of a step.

Vectors (biases, statistics) span orders of magnitude and are few: they are better served by
`round_mantissas`, which bounds each element's relative error and leaves floats.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pauca.errors import InputError
from pauca.nn.dtypes import dtype_of, from_floats, is_real, to_float32
from pauca.nn.model import Quantized

MIN_BITS, MAX_BITS = 2, 16
MANTISSA = 23  # explicit bits of a float32
SLICE = 1 << 20  # elements that are float64 at once


@dataclass(frozen=True)
class NearestOptions:
    """How the step of a tensor is set: exactly one of these is given.

    `step`: the step itself, for all tensors or by name. `bits`: 2..16, the largest magnitude
    becomes level 2**(bits - 1) - 1. `max_error`: no element moves by more, so the step is twice it.
    """

    step: float | Mapping[str, float] | None = None
    bits: int | None = None
    max_error: float | None = None

    def __post_init__(self) -> None:
        """Raise `InputError` unless exactly one option is given, within its range."""
        if sum(option is not None for option in (self.step, self.bits, self.max_error)) != 1:
            raise InputError("give one of step, bits and max_error")
        if self.bits is not None and not MIN_BITS <= self.bits <= MAX_BITS:
            raise InputError(f"bits must be {MIN_BITS} to {MAX_BITS}")


def quantize_nearest(
    weights: Mapping[str, NDArray[Any]], options: NearestOptions
) -> dict[str, Quantized]:
    """Return every tensor of `weights`, real and of any shape, at its nearest multiples of a step.

    Raises `InputError` on values that are not finite, or a step so small that levels overflow.
    """
    return {name: _nearest(name, array, options) for name, array in weights.items()}


def round_mantissas(array: NDArray[Any], bits: int) -> NDArray[Any]:
    """Return `array` with `bits` (0..23) bits of mantissa kept, rounded to nearest, in its type.

    The relative error is at most 2**-(bits + 1). Lossless coding then pays for these bits alone.
    Values that are not finite, or would not stay so, are kept whole.
    """
    if not 0 <= bits <= MANTISSA:
        raise InputError(f"a mantissa keeps 0 to {MANTISSA} bits")
    values = to_float32(array)
    fraction, exponent = np.frexp(values)  # fraction in [0.5, 1): one bit before the mantissa
    scale = np.float32(2.0 ** (bits + 1))
    with np.errstate(over="ignore", invalid="ignore"):
        rounded = np.ldexp(np.rint(fraction * scale) / scale, exponent)
    kept = np.where(np.isfinite(rounded), rounded, values).astype(np.float32)
    return from_floats(kept, dtype_of(array))


def _nearest(name: str, array: NDArray[Any], options: NearestOptions) -> Quantized:
    if not is_real(array):
        raise InputError(f"{name!r} of {array.dtype} holds no real numbers; it cannot be quantized")
    values = to_float32(array).reshape(-1)
    # NaN wins in both, infinity in one: no array of absolute values is needed.
    largest = max(float(values.max(initial=0.0)), -float(values.min(initial=0.0)))
    if not np.isfinite(largest):
        raise InputError(f"{name!r} holds values that are not finite; it cannot be quantized")
    step = _step(name, largest, options)
    if largest / step >= 2.0**31 - 1:
        raise InputError(f"step {step:g} is too small for {name!r}: levels overflow")
    # In float64: a quotient rounded to float32 first could fall on the wrong side of a half.
    levels = np.empty(values.size, np.int32)
    for at in range(0, values.size, SLICE):
        part = slice(at, at + SLICE)
        levels[part] = np.rint(values[part] / np.float64(step))
    return Quantized(levels.reshape(array.shape), step)


def _step(name: str, largest: float, options: NearestOptions) -> float:
    if options.bits is not None:
        step = largest / (2 ** (options.bits - 1) - 1)
    elif options.max_error is not None:
        step = 2 * options.max_error
    elif isinstance(options.step, Mapping):
        if name not in options.step:
            raise InputError(f"no step is given for {name!r}")
        step = options.step[name]
    else:
        step = options.step or 0.0
    if not largest and options.bits is not None:
        return 1.0  # nothing but zeros: any step serves
    rounded = np.float32(step)  # as streams hold it
    if not (np.isfinite(rounded) and rounded > 0):
        raise InputError(f"step {step} of {name!r} is not a positive float32")
    return float(rounded)
