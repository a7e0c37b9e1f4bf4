"""Units: the payloads that hold tensors, one large tensor each or many small ones alike.

A tensor of ten biases cannot pay for a coder of its own, so vectors of one kind share one. Every
`encode_...` has its `decode_...` below it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from pauca.coding.weights import decode_levels, encode_levels
from pauca.container.cursor import Cursor, encode_varint
from pauca.errors import EntropyError, FormatError, InputError
from pauca.nn.dtypes import BY_NAME, Array, DType, from_floats, is_real, to_float32
from pauca.nn.lossless import decode_lossless, encode_lossless
from pauca.nn.model import Quantized
from pauca.nn.quantize.trellis import Dependent, dependent_multiples
from pauca.nn.table import Entry, Method

MAX_VECTOR = 1 << 13  # elements up to which a vector joins others
MAX_TINY = 1 << 6  # elements up to which any tensor does
MAX_GROUP = 1 << 16  # elements of a group: what reading one of its tensors may cost
MIN_GROUP = 1 << 8  # elements below which a group joins the others of its type
MAX_CODEBOOK = 1 << 16
SLICE = 1 << 20  # elements that are turned into floats at once

Group = tuple[Method, list[str]]
Coded = Quantized | Dependent  # what quantizers give
ALONE = frozenset({Method.CODEBOOK, Method.DEPENDENT})  # methods of one tensor a unit


def plan_units(tensors: Mapping[str, Array], methods: Mapping[str, Method]) -> list[Group]:
    """Return the units of a stream: their method and tensors, in order of their first tensor."""
    kinds: dict[tuple[Method, str, str], list[str]] = {}
    groups: list[Group] = []
    for name, array in tensors.items():
        method = methods[name]
        if method in ALONE or not _is_small(array):
            groups.append((method, [name]))
        else:
            kinds.setdefault((method, str(array.dtype), _role(name)), []).append(name)
    merged: dict[tuple[Method, str, str], list[str]] = {}
    for (method, dtype, role), names in kinds.items():
        few = sum(tensors[name].size for name in names) < MIN_GROUP
        merged.setdefault((method, dtype, "" if few else role), []).extend(names)
    for (method, _, _), names in merged.items():
        groups += [(method, part) for part in _cut(names, tensors)]
    position = {name: k for k, name in enumerate(tensors)}
    for _, names in groups:
        names.sort(key=position.__getitem__)
    return sorted(groups, key=lambda group: position[group[1][0]])


def _is_small(array: Array) -> bool:
    return array.size <= MAX_TINY or (array.ndim <= 1 and array.size <= MAX_VECTOR)


def _role(name: str) -> str:
    """Return the last word of a name: "bias", "running_var"; numbers say nothing."""
    words = re.findall(r"[A-Za-z_]+", name)
    return words[-1].strip("_").lower() if words else ""


def _cut(names: list[str], tensors: Mapping[str, Array]) -> list[list[str]]:
    parts: list[list[str]] = [[]]
    total = 0
    for name in names:
        total += tensors[name].size
        if total > MAX_GROUP and parts[-1]:
            parts.append([])
            total = tensors[name].size
        parts[-1].append(name)
    return parts


def columns_of(shapes: Sequence[tuple[int, ...]]) -> int:
    """Return the row length under which a unit's elements are coded: all in one for vectors."""
    if len(shapes) == 1 and len(shapes[0]) >= 2:
        return max(1, math.prod(shapes[0][1:]))
    return max(1, sum(math.prod(shape) for shape in shapes))


# Lossless units: the elements of all tensors in one row. In updates: differences of bit patterns.


def encode_plain(arrays: Sequence[Array], dtype: DType) -> bytes:
    """Return a unit of method LOSSLESS."""
    columns = columns_of([array.shape for array in arrays])
    return encode_lossless(_row(arrays), dtype, columns)


def decode_plain(data: memoryview, entries: Sequence[Entry]) -> list[Array]:
    """Return the tensors of a unit of method LOSSLESS."""
    dtype = _common_dtype(entries)
    count = sum(entry.size for entry in entries)
    columns = columns_of([entry.shape for entry in entries])
    return _split(decode_lossless(data, dtype, count, columns), entries)


def encode_bits(arrays: Sequence[Array], bases: Sequence[Array], dtype: DType) -> bytes:
    """Return a unit of method BITS: near values have near bit patterns."""
    unsigned = _pattern(dtype)
    difference = _row(arrays).view(unsigned.numpy) - _row(bases).view(unsigned.numpy)
    # Zigzag, so that small differences of either sign have high bytes of zero.
    top = difference >> unsigned.numpy.type(8 * unsigned.size - 1)
    mixed = difference << unsigned.numpy.type(1) ^ (unsigned.numpy.type(0) - top)
    return encode_lossless(mixed, unsigned, columns_of([array.shape for array in arrays]))


def decode_bits(data: memoryview, entries: Sequence[Entry], bases: Sequence[Array]) -> list[Array]:
    """Return the tensors of a unit of method BITS."""
    dtype = _common_dtype(entries)
    unsigned = _pattern(dtype)
    base = _row(bases).view(unsigned.numpy)
    columns = columns_of([entry.shape for entry in entries])
    mixed = decode_lossless(data, unsigned, base.size, columns)
    sign = unsigned.numpy.type(0) - (mixed & unsigned.numpy.type(1))
    difference = mixed >> unsigned.numpy.type(1) ^ sign
    return _split((base + difference).view(dtype.numpy), entries)


def _pattern(dtype: DType) -> DType:
    return BY_NAME[f"uint{8 * min(8, dtype.size)}"]


def _row(arrays: Sequence[Array]) -> Array:
    if len(arrays) == 1:
        return arrays[0].reshape(-1)
    return np.concatenate([array.reshape(-1) for array in arrays])


def _common_dtype(entries: Sequence[Entry]) -> DType:
    if any(entry.dtype is not entries[0].dtype for entry in entries):
        raise FormatError("a unit mixes element types")
    return entries[0].dtype


def _split(row: Array, entries: Sequence[Entry]) -> list[Array]:
    arrays, at = [], 0
    for entry in entries:
        arrays.append(row[at : at + entry.size].reshape(entry.shape))
        at += entry.size
    return arrays


# Units of levels: a step for each tensor, then the levels of all in one row.


def encode_steps(tensors: Sequence[Quantized]) -> bytes:
    """Return a unit of method LEVELS or DIFFERENCE."""
    steps = np.array([tensor.step for tensor in tensors], "<f4")
    if not (np.isfinite(steps) & (steps > 0)).all():
        raise InputError("steps must be positive float32 numbers")
    levels = np.concatenate([tensor.levels.reshape(-1) for tensor in tensors])
    columns = columns_of([tensor.levels.shape for tensor in tensors])
    return steps.tobytes() + encode_levels(levels.astype(np.int32, copy=False), columns)


def decode_steps(data: memoryview, entries: Sequence[Entry]) -> list[Quantized]:
    """Return the tensors of a unit of method LEVELS or DIFFERENCE as levels."""
    cursor = Cursor(data, "levels")
    steps = np.frombuffer(cursor.take(4 * len(entries)), "<f4")
    if not (np.isfinite(steps) & (steps > 0)).all():
        raise FormatError("levels: a step is not a positive number")
    count = sum(entry.size for entry in entries)
    columns = columns_of([entry.shape for entry in entries])
    levels = decode_levels(bytes(cursor.take(cursor.remaining)), count, columns)
    parts = _split(levels, entries)
    return [Quantized(part, float(step)) for part, step in zip(parts, steps, strict=True)]


def encode_codebook(tensor: Quantized) -> bytes:
    """Return a unit of method CODEBOOK: values in rising order, levels around the commonest."""
    assert tensor.codebook is not None  # as the plan says
    book = np.asarray(tensor.codebook, "<f4").reshape(-1)
    levels = tensor.levels.reshape(-1)
    if not 0 < book.size <= MAX_CODEBOOK or not np.isfinite(book).all():
        raise InputError(f"a codebook holds 1 to {MAX_CODEBOOK} finite numbers")
    if levels.size and not (0 <= levels.min() and levels.max() < book.size):
        raise InputError("a level is outside its codebook")
    order = np.argsort(book, kind="stable")
    ranks = np.empty(book.size, np.int32)
    ranks[order] = np.arange(book.size, dtype=np.int32)
    levels = ranks[levels]
    centre = int(np.argmax(np.bincount(levels, minlength=1)))
    head = encode_varint(book.size) + encode_varint(centre) + book[order].tobytes()
    return head + encode_levels(levels - np.int32(centre), columns_of([tensor.levels.shape]))


def decode_codebook(data: memoryview, entry: Entry) -> Quantized:
    """Return the tensor of a unit of method CODEBOOK as levels into its codebook."""
    cursor = Cursor(data, "codebook")
    size, centre = cursor.varint(), cursor.varint()
    if not 0 < size <= MAX_CODEBOOK or centre >= size:
        raise FormatError("codebook: bad size")
    book = np.frombuffer(cursor.take(4 * size), "<f4")
    if not np.isfinite(book).all():
        raise FormatError("codebook: a value is not finite")
    columns = columns_of([entry.shape])
    levels = decode_levels(bytes(cursor.take(cursor.remaining)), entry.size, columns)
    wide = levels.astype(np.int64) + centre
    if entry.size and (wide.min() < 0 or wide.max() >= size):
        raise EntropyError("codebook: a level is out of range")
    return Quantized(wide.astype(np.int32).reshape(entry.shape), 1.0, book)


def encode_dependent(tensor: Dependent) -> bytes:
    """Return a unit of method DEPENDENT: states of the trellis, then as LEVELS."""
    plain = Quantized(tensor.levels, tensor.step)
    return bytes([tensor.states]) + encode_steps([plain])


def decode_dependent(data: memoryview, entry: Entry) -> Quantized:
    """Return the tensor of a unit of method DEPENDENT as plain levels: multiples of its step."""
    states = Cursor(data, "levels").u8()
    if states not in (4, 8):
        raise FormatError("levels: a trellis has 4 or 8 states")
    tensor = decode_steps(data[1:], [entry])[0]
    multiples = dependent_multiples(tensor.levels, states)
    if entry.size and int(np.abs(multiples).max()) >= 1 << 31:
        raise EntropyError("levels: a level is out of range")
    return Quantized(multiples.astype(np.int32), tensor.step)


def check_quantized(name: str, array: Array, tensor: Coded) -> None:
    """Raise `InputError` unless `tensor` can stand for `array`."""
    if not is_real(array):
        raise InputError(f"{name!r} of {array.dtype} holds no real numbers; it cannot be quantized")
    if tensor.levels.shape != array.shape or tensor.levels.dtype != np.int32:
        raise InputError(f"levels of {name!r} must be int32 {array.shape}")
    if array.size and int(tensor.levels.min()) == -(1 << 31):
        raise InputError(f"a level of {name!r} is out of range")


def dequantize(tensor: Quantized, dtype: DType, base: Array | None = None) -> Array:
    """Return the values of `tensor`, added to `base` if there is one, rounded once to `dtype`."""
    levels = tensor.levels.reshape(-1)
    old = None if base is None else base.reshape(-1)
    out = np.empty(levels.size, dtype.numpy)
    for at in range(0, levels.size, SLICE):
        part = slice(at, at + SLICE)
        values = Quantized(levels[part], tensor.step, tensor.codebook).values()
        if old is not None:
            values = values + _wide(old[part])
        out[part] = from_floats(values, dtype)
    return out.reshape(tensor.levels.shape)


def _wide(array: Array) -> NDArray[np.float64]:
    wide: NDArray[np.float64] = (
        array.astype(np.float64) if array.dtype == np.float64 else to_float32(array).astype(float)
    )
    return wide
