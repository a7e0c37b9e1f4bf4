"""The step `code`: weights to levels, as finely as its setting says, and the stream of a state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pauca.errors import InputError
from pauca.nn.codec import encode_network
from pauca.nn.dtypes import dtype_of, from_floats
from pauca.nn.model import Network, Quantized
from pauca.nn.passes.coded import codebooks_of
from pauca.nn.quantize.nearest import NearestOptions, quantize_nearest
from pauca.nn.quantize.second_order import Layer, SecondOrderOptions, quantize_layer
from pauca.nn.quantizers import find_quantizer, matrices_of, quantize_all
from pauca.nn.sensitivity import LayerStatistics
from pauca.nn.units import Coded
from pauca.nn.wish import MARGIN, floats_of, prepared

Floats = Mapping[str, NDArray[Any]]
REST_BITS = 8  # of matrices that second order knows nothing of


@dataclass(frozen=True)
class Known:
    """What is known of a layer; `turned`: its tensor is (inputs, outputs)."""

    layer: Layer
    statistics: LayerStatistics
    turned: bool = False


@dataclass(frozen=True)
class CodeOptions:
    """Options of a step `code`: a quantizer of `pauca encode` and its setting."""

    quantizer: str
    setting: float

    def __post_init__(self) -> None:
        """Raise `InputError` on an unknown quantizer or a setting out of range."""
        find_quantizer(self.quantizer)
        if not 0 < self.setting < float("inf"):
            raise InputError("code: setting must be above 0")


def default_quantizer(known: Sequence[Known]) -> str:
    """Return the strongest quantizer that what is known allows."""
    return "second-order" if known else "weighted"


def range_of(quantizer: str) -> tuple[float, float]:
    """Return the settings between which to search, from the finest to the coarsest."""
    grid = find_quantizer(quantizer).grid
    if find_quantizer(quantizer).whole:
        return max(grid), min(grid)
    return min(grid) / MARGIN, max(grid) * MARGIN


def code_network(
    network: Network, known: Sequence[Known], allowed: set[str] | None, options: CodeOptions
) -> tuple[Network, dict[str, Coded]]:
    """Return the network as it will be decoded and the levels of its quantized tensors.

    `allowed`: the tensors that may be quantized, None for all.
    """
    floats = {n: a for n, a in floats_of(network).items() if allowed is None or n in allowed}
    ready = prepared(network, floats)
    if options.quantizer.partition("@")[0] == "second-order":
        levels = _second_order(floats, known, options.setting)
    else:
        setting = options.setting
        if find_quantizer(options.quantizer).whole:
            setting = float(max(2, round(setting)))
        levels = quantize_all(find_quantizer(options.quantizer), floats, setting)
    values = {n: from_floats(q.values(), dtype_of(ready.tensors[n])) for n, q in levels.items()}
    return ready.with_tensors(values), levels


def _second_order(floats: Floats, known: Sequence[Known], setting: float) -> dict[str, Coded]:
    layers = [k for k in known if k.layer.weight in floats]
    if not layers:
        raise InputError("second-order needs data to run the network on")
    found: dict[str, Coded] = {}
    options = SecondOrderOptions(setting)
    for k in layers:
        name = k.layer.weight
        matrix = _turned(floats[name], k.turned)
        # Outputs by inputs: recurrent layers have their directions in front.
        weights = {**floats, name: matrix.reshape(len(k.statistics.output), -1)}
        for key, q in quantize_layer(weights, k.layer, k.statistics, options).items():
            shaped = q.levels.reshape(matrix.shape) if key == name else q.levels
            found[key] = Quantized(_turned(shaped, k.turned and key == name), q.step)
    rest = {n: a for n, a in matrices_of(floats).items() if n not in found}
    found |= quantize_nearest(rest, NearestOptions(bits=REST_BITS))
    vectors = {n: a for n, a in floats.items() if a.ndim == 1 and n not in found}
    fine = quantize_all(find_quantizer("nearest"), vectors, 1.0)
    return {n: (found | fine)[n] for n in floats if n in found or n in fine}


def _turned(array: NDArray[Any], turned: bool) -> NDArray[Any]:
    return np.ascontiguousarray(array.T) if turned else array


def stream_of(network: Network, levels: Mapping[str, Coded], threads: int = 1) -> bytes:
    """Return the stream that gives back every bit of `network`; `levels` say how it was made.

    A level that a later step made untrue is not used; tensors of few values get a codebook.
    """
    true = {
        name: q
        for name, q in levels.items()
        if name in network.tensors and _same(network.tensors[name], q)
    }
    rest = {name: a for name, a in network.tensors.items() if name not in true}
    return encode_network(network, {**codebooks_of(rest), **true}, threads)


def _same(array: NDArray[Any], coded: Coded) -> bool:
    if array.shape != coded.levels.shape:
        return False
    return bool(np.array_equal(from_floats(coded.values(), dtype_of(array)), array))
