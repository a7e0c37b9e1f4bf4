"""The quantizers of networks by name, each with one dial.

A setting is the step between levels in units of the root mean square of all nonzero weights of the
network's matrices (one step for the network, as DC-v2 and nncodec have it); where a quantizer has
no such step it is the number of values per tensor, or the price of a bit. Vectors take hardly any
bytes and much harm: they get a fine step of their own, unless the quantizer knows better.
"""

import dataclasses
import functools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pauca.errors import InputError
from pauca.nn.calibration import Calibration, Weights
from pauca.nn.units import Coded

# Of the root mean square of a vector: eight bits or so for each of its values.
VECTOR_STEP = 1 / 64
SCALE_BITS = 7


Run = Callable[[Weights, float, Calibration | None], Mapping[str, Coded]]


@dataclass(frozen=True)
class Quantizer:
    """A quantizer: `run(tensors, setting, calibration)` gives a result for each matrix at least.

    `grid` holds settings from the largest file to the smallest; `whole` ones are integers.
    `others`: values of its second dial that a search tries.
    """

    name: str
    settings: str
    grid: tuple[float, ...]
    run: Run
    whole: bool = False
    others: tuple[float, ...] = ()


STEPS = (0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 1.3, 1.7, 2.2)
CLUSTERS = (64.0, 32.0, 16.0, 12.0, 8.0, 6.0, 4.0)
DC1_LAMBDAS = (0.03, 0.1, 0.3, 1.0, 1.8, 3.0, 5.5, 10.0)
LAMBDAS = (1e-10, 1e-9, 3e-9, 1e-8, 3e-8, 1e-7, 3e-7, 1e-6, 1e-5)


def quantize_all(
    quantizer: Quantizer, tensors: Weights, setting: float, calibration: Calibration | None = None
) -> dict[str, Coded]:
    """Return every float tensor quantized: matrices by `quantizer`, vectors finely or so too.

    Scales, scalars, empty tensors and integers are left out, to be stored as they are.
    """
    floats = {n: t for n, t in tensors.items() if t.dtype.kind == "f" and t.size and t.ndim}
    vectors = {name: t for name, t in floats.items() if t.ndim == 1 and not is_scale(t)}
    found = {
        **_nearest(vectors, {name: VECTOR_STEP * _rms(t) for name, t in vectors.items()}),
        **quantizer.run(floats, setting, calibration),
    }
    return {name: found[name] for name in floats if name in found}  # the order of the file


def is_scale(tensor: NDArray[Any]) -> bool:
    """Return whether a vector holds scales or variances: factors, where relative errors count."""
    return tensor.ndim == 1 and tensor.size > 0 and bool((tensor > 0).all())


def round_scales(tensors: Weights) -> dict[str, NDArray[Any]]:
    """Return the vectors of scales with few bits of mantissa, which lossless coding then uses."""
    from pauca.nn.quantize.nearest import round_mantissas

    return {
        name: round_mantissas(t, SCALE_BITS)
        for name, t in tensors.items()
        if t.dtype.kind == "f" and is_scale(t)
    }


def matrices_of(tensors: Weights) -> dict[str, NDArray[Any]]:
    """Return the tensors of two and more dimensions."""
    return {name: t for name, t in tensors.items() if t.ndim > 1}


def unit_of(matrices: Weights) -> float:
    """Return the root mean square of all nonzero weights, or 1 if there are none."""
    squares = sum(float(np.square(t, dtype=np.float64).sum()) for t in matrices.values())
    count = sum(int(np.count_nonzero(t)) for t in matrices.values())
    return float(np.sqrt(squares / count)) if count and squares else 1.0


def find_quantizer(name: str) -> Quantizer:
    """Return the quantizer of this name: one of `QUANTIZERS`, some with a second dial, NAME@X."""
    base, at, text = name.partition("@")
    if base not in QUANTIZERS or (at and base not in _DIALS):
        known = ", ".join(f"{n}[@NUMBER]" if n in _DIALS else n for n in QUANTIZERS)
        raise InputError(f"no quantizer {name!r}; known: {known}")
    quantizer = QUANTIZERS[base]
    if not at:
        return quantizer
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 <= number < math.inf:
        raise InputError(f"quantizer {name!r}: {text!r} is not a number of 0 or more")
    what, run = _DIALS[base]
    run = functools.partial(run, number)
    return dataclasses.replace(quantizer, name=name, settings=f"{what} {text}", run=run)


def _rms(tensor: NDArray[Any]) -> float:
    return float(np.sqrt(np.square(tensor, dtype=np.float64).mean())) or 1.0


def _nearest(weights: Weights, step: float | Mapping[str, float]) -> Mapping[str, Coded]:
    from pauca.nn.quantize.nearest import NearestOptions, quantize_nearest

    return quantize_nearest(weights, NearestOptions(step))


def _run_nearest(tensors: Weights, setting: float, _: Calibration | None) -> Mapping[str, Coded]:
    matrices = matrices_of(tensors)
    return _nearest(matrices, setting * unit_of(matrices))


def _run_weighted(
    lmbda: float, tensors: Weights, setting: float, calibration: Calibration | None
) -> Mapping[str, Coded]:
    from pauca.nn.quantize.weighted import WeightedOptions, quantize_weighted

    matrices = matrices_of(tensors)
    options = WeightedOptions(setting * unit_of(matrices), lmbda)
    return quantize_weighted(matrices, options, _importance(calibration))


def _run_dc2(
    lmbda: float, tensors: Weights, setting: float, _: Calibration | None
) -> Mapping[str, Coded]:
    return _run_weighted(lmbda, tensors, setting, None)


def _run_dc1(
    fineness: float, tensors: Weights, setting: float, calibration: Calibration | None
) -> Mapping[str, Coded]:
    from pauca.nn.quantize.deepcabac import Dc1Options, quantize_dc1

    deviations = calibration.deviations if calibration else {}
    matrices = matrices_of(tensors)
    if missing := matrices.keys() - deviations.keys():
        raise InputError(f"dc1 needs a --calibration with deviations of {min(missing)!r}")
    return quantize_dc1(matrices, deviations, Dc1Options(fineness, setting))


def _run_kmeans(
    tensors: Weights, setting: float, calibration: Calibration | None
) -> Mapping[str, Coded]:
    from pauca.nn.quantize.kmeans import KMeansOptions, quantize_kmeans

    return quantize_kmeans(
        matrices_of(tensors), KMeansOptions(int(setting)), _importance(calibration)
    )


def _run_lloyd(
    tensors: Weights, setting: float, calibration: Calibration | None
) -> Mapping[str, Coded]:
    from pauca.nn.quantize.kmeans import LloydOptions, quantize_lloyd

    options = LloydOptions(clusters=int(setting))
    return quantize_lloyd(matrices_of(tensors), options, _importance(calibration))


def _run_trellis(
    lmbda: float, tensors: Weights, setting: float, calibration: Calibration | None
) -> Mapping[str, Coded]:
    from pauca.nn.quantize.trellis import TrellisOptions, quantize_trellis

    matrices = matrices_of(tensors)
    options = TrellisOptions(setting * unit_of(matrices), lmbda)
    return quantize_trellis(matrices, options, _importance(calibration))


def _run_second_order(
    tensors: Weights, setting: float, calibration: Calibration | None
) -> Mapping[str, Coded]:
    from pauca.nn.quantize.second_order import SecondOrderOptions, quantize_second_order

    layers = calibration.layers if calibration else {}
    if missing := matrices_of(tensors).keys() - {layer.weight for layer in layers}:
        raise InputError(f"second-order needs a --calibration with the layer of {min(missing)!r}")
    return quantize_second_order(tensors, layers, SecondOrderOptions(setting))


def _importance(calibration: Calibration | None) -> Weights | None:
    return calibration.importance or None if calibration else None


LAMBDA, FINENESS = 0.05, 64.0  # the second dials, where a name does not set them
PRICES = (0.02, 0.05, 0.12)
_DIALS: dict[str, tuple[str, Callable[..., Mapping[str, Coded]]]] = {
    "dc2": ("rate-distortion, all weights alike, lambda", _run_dc2),
    "weighted": ("rate-distortion by importance, lambda", _run_weighted),
    "dc1": ("rate-distortion by deviations, the setting is lambda, fineness", _run_dc1),
    "trellis": ("dependent levels, lambda", _run_trellis),
}


def _dialled(
    name: str, number: float, grid: tuple[float, ...], others: tuple[float, ...]
) -> Quantizer:
    what, run = _DIALS[name]
    settings = f"{what} {number:g}"
    return Quantizer(name, settings, grid, functools.partial(run, number), others=others)


QUANTIZERS = {
    quantizer.name: quantizer
    for quantizer in (
        Quantizer("nearest", "nearest level", STEPS, _run_nearest),
        Quantizer("kmeans", "shared values per tensor", CLUSTERS, _run_kmeans, whole=True),
        Quantizer("lloyd", "weighted Lloyd per tensor", CLUSTERS, _run_lloyd, whole=True),
        _dialled("dc2", LAMBDA, STEPS, PRICES),
        _dialled("weighted", LAMBDA, STEPS, PRICES),
        _dialled("dc1", FINENESS, DC1_LAMBDAS, (FINENESS,)),
        _dialled("trellis", LAMBDA, STEPS, PRICES),
        Quantizer("second-order", "the setting is lambda", LAMBDAS, _run_second_order),
    )
}
