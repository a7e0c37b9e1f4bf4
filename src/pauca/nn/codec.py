"""Networks <-> streams of kind weights, and updates -> networks (spec/weights.md)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from pauca.errors import FormatError, InputError
from pauca.limits import Limits
from pauca.nn import units
from pauca.nn.dtypes import Array, dtype_of
from pauca.nn.model import Network, Quantized
from pauca.nn.quantize.trellis import Dependent
from pauca.nn.stream import network_id, open_stream, read_units, write_stream
from pauca.nn.table import Entry, Method, Unit
from pauca.nn.units import Coded

__all__ = [
    "Coded",
    "Quantized",
    "decode_levels_network",
    "decode_network",
    "decode_quantized",
    "encode_network",
    "network_id",
]


def encode_network(
    network: Network, quantized: Mapping[str, Coded] | None = None, threads: int = 1
) -> bytes:
    """Return the stream of `network`: tensors in `quantized` by their levels, others losslessly.

    The bytes do not depend on `threads`. Raises `InputError` on levels that do not fit a tensor.
    """
    quantized = quantized or {}
    check_levels(network, quantized)
    methods = {
        name: _method(quantized.get(name)) if array.size else Method.LOSSLESS
        for name, array in network.tensors.items()
    }

    def encode(method: Method, names: Sequence[str]) -> bytes:
        if method is Method.LOSSLESS:
            arrays = [network.tensors[name] for name in names]
            return units.encode_plain(arrays, dtype_of(arrays[0]))
        return encode_levels_unit([quantized[name] for name in names])

    return write_stream(network, methods, encode, threads)


def decode_network(
    data: bytes | memoryview,
    limits: Limits | None = None,
    names: Collection[str] | None = None,
    threads: int = 1,
    base: Network | None = None,
) -> Network:
    """Return the network in a stream; `names` picks tensors, and only their chunks are read.

    With `names` the result has no rest (no ONNX graph). `base` is needed by updates alone. Raises
    `FormatError` and its children, `UnsupportedError`, `LimitError`, and `InputError` where a name
    is unknown or the base is missing or another.
    """
    stream = open_stream(data, limits or Limits(), base)
    arrays: dict[str, Array] = {}

    def decode(unit: Unit, entries: Sequence[Entry], payload: memoryview) -> None:
        found = _decode_unit(unit.method, entries, payload, base)
        arrays.update(zip((entry.name for entry in entries), found, strict=True))

    read_units(stream, names, threads, decode)
    wanted = [e.name for e in stream.table.entries if names is None or e.name in names]
    tensors = {name: arrays[name] for name in wanted}
    if names is not None:
        return Network(tensors)
    return Network(tensors, stream.header.source, stream.table.rest)


def decode_quantized(
    data: bytes | memoryview,
    limits: Limits | None = None,
    names: Collection[str] | None = None,
    threads: int = 1,
) -> dict[str, Quantized]:
    """Return the quantized tensors of a weights stream as levels, without turning them to floats.

    Tensors that are stored losslessly are left out. Raises what `decode_network` raises.
    """
    stream = open_stream(data, limits or Limits(), None)
    found: dict[str, Quantized] = {}

    def decode(unit: Unit, entries: Sequence[Entry], payload: memoryview) -> None:
        if unit.method is not Method.LOSSLESS:
            parts = _decode_levels(unit.method, entries, payload)
            found.update(zip((entry.name for entry in entries), parts, strict=True))

    read_units(stream, names, threads, decode)
    order = [e.name for e in stream.table.entries if names is None or e.name in names]
    return {name: found[name] for name in order if name in found}


def decode_levels_network(
    data: bytes | memoryview,
    limits: Limits | None = None,
    names: Collection[str] | None = None,
    threads: int = 1,
) -> Network:
    """Return the network with integers for quantized tensors, for runtimes that compute on them.

    Tensor NAME holds the levels in the smallest of int8, int16, int32, and NAME.step its step as a
    float32 scalar, or NAME.codebook its values. Others are as in `decode_network`.
    """
    quantized = decode_quantized(data, limits, names, threads)
    found = open_stream(data, limits or Limits(), None).table.entries
    order = [entry.name for entry in found if names is None or entry.name in names]
    plain = decode_network(data, limits, [n for n in order if n not in quantized], threads)
    tensors: dict[str, Array] = {}
    for name in order:
        if name not in quantized:
            tensors[name] = plain.tensors[name]
            continue
        tensor = quantized[name]
        tensors[name] = _narrowed(tensor.levels)
        if tensor.codebook is None:
            tensors[f"{name}.step"] = np.array(tensor.step, np.float32)
        else:
            tensors[f"{name}.codebook"] = tensor.codebook
    return Network(tensors)


def _narrowed(levels: NDArray[np.int32]) -> Array:
    for dtype in (np.int8, np.int16):
        limit = np.iinfo(dtype)
        if levels.min(initial=0) >= limit.min and levels.max(initial=0) <= limit.max:
            return levels.astype(dtype)
    return levels


def check_levels(network: Network, quantized: Mapping[str, Coded]) -> None:
    """Raise `InputError` unless every member of `quantized` fits a tensor of `network`."""
    for name, tensor in quantized.items():
        if name not in network.tensors:
            raise InputError(f"the network has no tensor {name!r}")
        units.check_quantized(name, network.tensors[name], tensor)


def _method(tensor: Coded | None) -> Method:
    if tensor is None:
        return Method.LOSSLESS
    if isinstance(tensor, Dependent):
        return Method.DEPENDENT if tensor.states else Method.LEVELS
    return Method.LEVELS if tensor.codebook is None else Method.CODEBOOK


def encode_levels_unit(tensors: Sequence[Coded]) -> bytes:
    """Return the unit of tensors that share a method of levels."""
    plain: list[Quantized] = []
    for tensor in tensors:
        if isinstance(tensor, Dependent):
            if tensor.states:
                return units.encode_dependent(tensor)
            plain.append(Quantized(tensor.levels, tensor.step))
        elif tensor.codebook is not None:
            return units.encode_codebook(tensor)
        else:
            plain.append(tensor)
    return units.encode_steps(plain)


def _decode_levels(
    method: Method, entries: Sequence[Entry], payload: memoryview
) -> list[Quantized]:
    if method not in units.ALONE:
        return units.decode_steps(payload, entries)
    if len(entries) != 1:
        raise FormatError("a unit of this method holds one tensor")
    if method is Method.CODEBOOK:
        return [units.decode_codebook(payload, entries[0])]
    return [units.decode_dependent(payload, entries[0])]


def _decode_unit(
    method: Method, entries: Sequence[Entry], payload: memoryview, base: Network | None
) -> list[Array]:
    if method is Method.LOSSLESS:
        return units.decode_plain(payload, entries)
    if method in (Method.LEVELS, Method.CODEBOOK, Method.DEPENDENT):
        parts = _decode_levels(method, entries, payload)
        return [units.dequantize(p, e.dtype) for p, e in zip(parts, entries, strict=True)]
    bases = [_base_of(entry, base) for entry in entries]
    if method is Method.SAME:
        if len(payload):
            raise FormatError("an unchanged tensor takes no bytes")
        return bases
    if method is Method.BITS:
        return units.decode_bits(payload, entries, bases)
    parts = units.decode_steps(payload, entries)
    return [
        units.dequantize(part, entry.dtype, old)
        for part, entry, old in zip(parts, entries, bases, strict=True)
    ]


def _base_of(entry: Entry, base: Network | None) -> Array:
    old = None if base is None else base.tensors.get(entry.name)
    if old is None or (old.shape, old.dtype) != (entry.shape, entry.dtype.numpy):
        raise FormatError(f"the base has no tensor like {entry.name!r}")
    return old
