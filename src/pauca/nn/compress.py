"""A network to a stream in one call: which tensors are quantized, and how finely.

Matrices and filters hold nearly all weights and bear coarse steps. Vectors (biases, statistics of
normalisation) are few, and some span orders of magnitude: they keep a bounded relative error.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pauca.nn.codec import encode_network
from pauca.nn.dtypes import Array, is_real, to_float32
from pauca.nn.model import Network
from pauca.nn.quantize.nearest import NearestOptions, quantize_nearest, round_mantissas
from pauca.nn.update import differences_of, encode_update


@dataclass(frozen=True)
class CompressOptions:
    """`quantizer`: the steps of matrices and filters, None to keep every bit of every tensor.

    `vector_bits`: bits of mantissa that vectors keep, 0..23; 23 keeps them all.
    """

    quantizer: NearestOptions | None = NearestOptions(bits=8)
    vector_bits: int = 10


def options_of(
    bits: int | None = None,
    step: float | None = None,
    max_error: float | None = None,
    lossless: bool = False,
    vector_bits: int | None = None,
) -> CompressOptions:
    """Return the options that a user means who gave some of these: at most one of the first four.

    Raises `InputError` on several or on values out of range.
    """
    vectors = CompressOptions.vector_bits if vector_bits is None else vector_bits
    if lossless:
        return CompressOptions(None)
    if step is bits is max_error is None:
        return CompressOptions(vector_bits=vectors)
    return CompressOptions(NearestOptions(step, bits, max_error), vectors)


def compress_network(
    network: Network, options: CompressOptions = CompressOptions(), threads: int = 1
) -> bytes:
    """Return the stream of `network` under `options`; raises `InputError` on steps too small."""
    if options.quantizer is None:
        return encode_network(network, threads=threads)
    weights = {name: array for name, array in network.tensors.items() if is_matrix(array)}
    vectors = {
        name: round_mantissas(array, options.vector_bits)
        for name, array in network.tensors.items()
        if name not in weights and _is_vector(array)
    }
    quantized = quantize_nearest(weights, options.quantizer)
    return encode_network(network.with_tensors(vectors), quantized, threads)


def compress_update(
    network: Network,
    base: Network,
    options: CompressOptions = CompressOptions(),
    threads: int = 1,
) -> bytes:
    """Return the stream that leads from `base` to `network`: all real differences are quantized.

    A difference is small, and so is the error of its step: vectors need no care of their own.
    """
    if options.quantizer is None:
        return encode_update(network, base, threads=threads)
    found = differences_of(network, base)
    finite = {name: array for name, array in found.items() if np.isfinite(array).all()}
    return encode_update(network, base, quantize_nearest(finite, options.quantizer), threads)


def is_matrix(array: Array) -> bool:
    """Return whether `array` is one to quantize: real and finite, of two dimensions or more."""
    if array.ndim < 2 or not is_real(array):
        return False
    values = to_float32(array)
    return bool(np.isfinite(values.max(initial=0)) and np.isfinite(values.min(initial=0)))


def _is_vector(array: Array) -> bool:
    # float64 would first have to fit float32; where it is used, it is wanted.
    return array.ndim < 2 and is_real(array) and array.dtype != np.float64
