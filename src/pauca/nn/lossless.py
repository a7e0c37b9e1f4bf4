"""Tensors <-> bytes without loss (spec/weights.md, section 5).

Trained floats have noise for a mantissa and a skewed exponent (ZipNN, arXiv:2411.05239), so a value
is cut into planes: exponent and the first bits of the mantissa, which still depend on each other;
sign and the next bits; then whole bytes. Zeros of pruned tensors, few distinct values and integers
have forms of their own. The smallest form is signalled.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pauca.coding.weights import decode_levels, encode_levels
from pauca.container.cursor import Cursor, encode_varint
from pauca.errors import EntropyError, FormatError
from pauca.nn.dtypes import Array, DType
from pauca.nn.floats import (
    LAYOUTS,
    Unsigned,
    byte_plane,
    decode_float,
    decode_sparse,
    encode_float,
    encode_sparse,
    join,
)
from pauca.nn.planes import decode_plane, encode_plane
from pauca.nn.squeeze import squeeze, unsqueeze

RAW, CONSTANT, SQUEEZED, FLOAT, SPARSE, PALETTE, INTEGER, BYTES = range(8)
BLOCK = 1 << 22  # elements coded at once: bounds working memory, and is the unit of threads
MAX_PALETTE = 1 << 12
SMALL_BYTES = 1 << 12  # up to which a tensor is also tried as plain bytes


def encode_lossless(array: Array, dtype: DType, columns: int) -> bytes:
    """Return the bytes of `array`, of any shape; `columns` elements are a row of it."""
    bits = _unsigned(array, dtype)
    if array.size <= BLOCK:
        return _encode_block(bits, dtype, columns)
    block, columns = _block(columns)
    words = bits.size // array.size  # of one element: two for 128-bit types
    parts = []
    for at in range(0, array.size, block):
        size = min(block, array.size - at)
        part = bits[at * words : (at + size) * words]
        parts.append(_encode_block(part, dtype, columns or size))
    return b"".join(piece for part in parts for piece in (encode_varint(len(part)), part))


def decode_lossless(data: bytes | memoryview, dtype: DType, count: int, columns: int) -> Array:
    """Return the `count` elements (count,) of a tensor; the caller has checked `count`.

    Raises `FormatError` and its children on damaged data.
    """
    if count <= BLOCK:
        return _decode_block(data, dtype, count, columns).view(dtype.numpy)
    cursor = Cursor(data, "tensor")
    block, columns = _block(columns)
    out = np.empty(count, dtype.numpy)
    for at in range(0, count, block):
        size = min(block, count - at)
        part = cursor.take(cursor.varint())
        out[at : at + size] = _decode_block(part, dtype, size, columns or size).view(dtype.numpy)
    cursor.finish()
    return out


def _block(columns: int) -> tuple[int, int]:
    """Return the elements of a block and of its rows: whole rows, or parts of one that is long."""
    rows = BLOCK // columns
    return (rows * columns, columns) if rows else (BLOCK, 0)


def _unsigned_type(dtype: DType) -> str:
    return f"<u{dtype.size}" if dtype.size <= 8 else "<u8"


def _unsigned(array: Array, dtype: DType) -> Unsigned:
    """Return the bit patterns (n,), 128-bit types as two halves."""
    flat: Unsigned = np.ascontiguousarray(array).reshape(-1).view(_unsigned_type(dtype))
    return flat


def _encode_block(bits: Unsigned, dtype: DType, columns: int) -> bytes:
    if not bits.size:
        return bytes([RAW])
    if (bits == bits[0]).all():
        return bytes([CONSTANT]) + bits[:1].tobytes()
    makers: list[tuple[int, Callable[[], bytes]]] = []
    if dtype.name in LAYOUTS:
        makers.append((FLOAT, lambda: encode_float(bits, LAYOUTS[dtype.name])))
        if np.count_nonzero(bits) < 0.97 * bits.size:
            makers.append((SPARSE, lambda: encode_sparse(bits, LAYOUTS[dtype.name], columns)))
        palette = _palette(bits)
        if palette is not None:
            makers.append((PALETTE, lambda: _encode_palette(bits, palette, columns)))
    elif _fits_levels(bits, dtype):
        makers.append((INTEGER, lambda: _encode_integer(bits, dtype, columns)))
    if len(makers) == 0 or bits.nbytes <= SMALL_BYTES:
        makers.append((BYTES, lambda: _encode_bytes(bits)))
        makers.append((SQUEEZED, lambda: squeeze(bits.tobytes())))
    best = bytes([RAW]) + bits.tobytes()
    for form, make in makers:
        best = min(best, bytes([form]) + make(), key=len)
    return best


def _decode_block(data: bytes | memoryview, dtype: DType, count: int, columns: int) -> Unsigned:
    cursor = Cursor(data, "tensor")
    form = cursor.u8()
    unsigned = np.dtype(_unsigned_type(dtype))
    count = count * dtype.size // unsigned.itemsize
    if form == CONSTANT:
        value = np.frombuffer(cursor.take(unsigned.itemsize), unsigned)
        cursor.finish()
        return np.full(count, value[0], unsigned)
    body = cursor.take(cursor.remaining)
    if form == RAW:
        if len(body) != count * unsigned.itemsize:
            raise FormatError("tensor: stored bytes do not fit its shape")
        return np.frombuffer(body, unsigned)
    if form == SQUEEZED:
        return np.frombuffer(unsqueeze(body, count * unsigned.itemsize), unsigned)
    if form == BYTES:
        return _decode_bytes(body, unsigned, count)
    if form == INTEGER and dtype.name not in LAYOUTS:
        return _decode_integer(body, dtype, count, columns)
    if dtype.name not in LAYOUTS:
        raise FormatError(f"tensor: unknown form {form}")
    if form == FLOAT:
        return decode_float(body, LAYOUTS[dtype.name], unsigned, count)
    if form == SPARSE:
        return decode_sparse(body, LAYOUTS[dtype.name], unsigned, count, columns)
    if form == PALETTE:
        return _decode_palette(body, unsigned, count, columns)
    raise FormatError(f"tensor: unknown form {form}")


# Few distinct values, as of quantized or shared weights: their list, and levels into it.


def _palette(bits: Unsigned) -> Unsigned | None:
    """Return the distinct values in order of size, or None where there are too many to pay."""
    limit = min(MAX_PALETTE, bits.size // 4)
    sample = bits[:: max(1, bits.size // (1 << 14))]
    if np.unique(sample).size > limit:
        return None
    values = np.unique(bits)
    if values.size > limit:
        return None
    top = values.dtype.type(1 << (8 * values.itemsize - 1))
    # Floats sort as integers once negative ones are reversed: neighbours in value get near levels.
    order = np.where(values & top, ~values, values | top)
    return values[np.argsort(order)]


def _encode_palette(bits: Unsigned, palette: Unsigned, columns: int) -> bytes:
    order = np.argsort(palette)
    index = order[np.searchsorted(palette, bits, sorter=order)].astype(np.int32)
    centre = int(np.argmax(np.bincount(index)))
    head = [encode_varint(palette.size), encode_varint(centre), join([squeeze(palette.tobytes())])]
    return b"".join([*head, encode_levels(index - np.int32(centre), columns)])


def _decode_palette(
    data: memoryview, unsigned: np.dtype[Any], count: int, columns: int
) -> Unsigned:
    cursor = Cursor(data, "palette")
    size, centre = cursor.varint(), cursor.varint()
    if not 0 < size <= MAX_PALETTE or centre >= size:
        raise FormatError("palette: bad size")
    raw = unsqueeze(cursor.take(cursor.varint()), size * unsigned.itemsize)
    levels = decode_levels(bytes(cursor.take(cursor.remaining)), count, columns)
    index = levels.astype(np.int64) + centre
    if count and (index.min() < 0 or index.max() >= size):
        raise EntropyError("palette: an index is out of range")
    palette: Unsigned = np.frombuffer(raw, unsigned)
    return palette[index]


# Integers: levels around the most frequent one of the middle.


def _fits_levels(bits: Unsigned, dtype: DType) -> bool:
    if dtype.numpy.kind not in "iub" or not bits.size:
        return False
    values = bits.view(dtype.numpy)
    return int(values.min()) > -(1 << 30) and int(values.max()) < 1 << 30


def _encode_integer(bits: Unsigned, dtype: DType, columns: int) -> bytes:
    values = bits.view(dtype.numpy).astype(np.int32)
    centre = int(np.median(values))
    head = encode_varint(abs(centre) << 1 | (centre < 0))
    return head + encode_levels(values - np.int32(centre), columns)


def _decode_integer(data: memoryview, dtype: DType, count: int, columns: int) -> Unsigned:
    cursor = Cursor(data, "integer tensor")
    head = cursor.varint()
    if head >> 1 >= 1 << 30:
        raise FormatError("integer tensor: bad centre")
    centre = -(head >> 1) if head & 1 else head >> 1
    levels = decode_levels(bytes(cursor.take(cursor.remaining)), count, columns)
    values = levels.astype(np.int64) + centre
    low, high = (0, 1) if dtype.name == "bool" else _bounds(dtype)
    if count and (values.min() < low or values.max() > high):
        raise EntropyError("integer tensor: a value is out of range")
    return _unsigned(values.astype(dtype.numpy), dtype)


def _bounds(dtype: DType) -> tuple[int, int]:
    limits = np.iinfo(dtype.numpy)
    return int(limits.min), int(limits.max)


# Anything else: one plane for each byte of an element.


def _encode_bytes(bits: Unsigned) -> bytes:
    return join([encode_plane(byte_plane(bits, k), np.uint8) for k in range(bits.itemsize)])


def _decode_bytes(data: memoryview, unsigned: np.dtype[Any], count: int) -> Unsigned:
    cursor = Cursor(data, "tensor")
    planes = np.empty((count, unsigned.itemsize), np.uint8)
    for k in range(unsigned.itemsize):
        planes[:, k] = decode_plane(cursor.take(cursor.varint()), count, np.uint8)
    cursor.finish()
    return planes.view(unsigned).reshape(-1)
