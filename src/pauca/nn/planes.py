"""Planes of small unsigned symbols <-> bytes, each by the coder that is smallest (spec/weights.md).

A plane holds one part of every value: the exponents, or one byte of the mantissas. What is noise is
stored; what is skewed is coded by rANS under its own histogram; what repeats by deflate or LZMA.
"""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pauca.coding.cabac import Binarization, Kind, decode_values, encode_values
from pauca.coding.latents import LatentDecoder, encode_latents
from pauca.coding.tables import TOTAL, Tables
from pauca.coding.weights import decode_levels, encode_levels
from pauca.container.cursor import Cursor, encode_varint
from pauca.errors import EntropyError, FormatError
from pauca.nn.squeeze import squeeze, unsqueeze

Plane = NDArray[Any]  # of uint8 or uint16
PlaneType = type[np.uint8] | type[np.uint16]

RAW, CONSTANT, RANS, SQUEEZED, ADAPTIVE = range(5)
MAX_SYMBOLS = 1 << 12  # of a histogram
HISTOGRAM = Binarization(Kind.EXP_GOLOMB, order=0)
HISTOGRAM_CONTEXTS = 24
SMALL = 1 << 12  # elements up to which every coder is tried
PROBE = 1 << 15  # bytes of the samples that show whether a plane repeats


def encode_plane(symbols: Plane, dtype: PlaneType) -> bytes:
    """Return the smallest form of `symbols` (n,), 0..4095 where they are uint16.

    `dtype` is the type that the decoder will be asked for: uint8 or uint16.
    """
    plane = np.ascontiguousarray(symbols, dtype)
    if plane.size and (plane == plane[0]).all():
        return bytes([CONSTANT]) + int(plane[0]).to_bytes(2, "little")
    raw = bytes([RAW]) + plane.astype(plane.dtype.newbyteorder("<"), copy=False).tobytes()
    forms = [raw]
    counts = np.bincount(plane, minlength=1)
    if 8 * len(raw) - entropy_bits(counts) > 64:
        forms.append(bytes([RANS]) + _encode_rans(plane, counts))
    if plane.size <= SMALL:
        centre = int(np.argmax(counts))
        levels = encode_levels(plane.astype(np.int32) - centre, plane.size)
        forms.append(bytes([ADAPTIVE]) + centre.to_bytes(2, "little") + levels)
    best = min(forms, key=len)
    if _repeats(raw, len(best) / len(raw)):
        squeezed = bytes([SQUEEZED]) + squeeze(memoryview(raw)[1:])
        best = min(best, squeezed, key=len)
    return best


def decode_plane(data: bytes | memoryview, count: int, dtype: PlaneType) -> Plane:
    """Return the `count` symbols of a plane; raises `FormatError` and its children."""
    cursor = Cursor(data, "plane")
    form = cursor.u8()
    size = np.dtype(dtype).itemsize
    little = np.dtype(dtype).newbyteorder("<")
    if form == CONSTANT:
        value = cursor.u16()
        cursor.finish()
        return np.full(count, _fitting(value, dtype), dtype)
    if form == RAW:
        raw = cursor.take(count * size)
        cursor.finish()
        return np.frombuffer(raw, little).astype(dtype, copy=False)
    if form == SQUEEZED:
        return np.frombuffer(unsqueeze(cursor.take(cursor.remaining), count * size), little).astype(
            dtype, copy=False
        )
    if form == RANS:
        return _decode_rans(cursor, count, dtype)
    if form == ADAPTIVE:
        centre = cursor.u16()
        levels = decode_levels(bytes(cursor.take(cursor.remaining)), count, count)
        values = levels.astype(np.int64) + centre
        if count and (values.min() < 0 or values.max() > np.iinfo(dtype).max):
            raise EntropyError("plane: a symbol is out of range")
        plane: Plane = values.astype(dtype)
        return plane
    raise FormatError(f"plane: unknown form {form}")


def entropy_bits(counts: NDArray[np.int64]) -> float:
    """Return the first-order entropy in bits of a message with this histogram."""
    used = counts[counts > 0].astype(np.float64)
    return float((used * np.log2(used.sum() / used)).sum())


def _fitting(value: int, dtype: PlaneType) -> int:
    if value > np.iinfo(dtype).max:
        raise FormatError("plane: a symbol is out of range")
    return value


def _repeats(raw: bytes, best: float) -> bool:
    """Whether deflate or LZMA is likely to beat `best`, a share of the raw size.

    LZMA is slow, so deflate decides, and on large planes three samples of them.
    """
    if len(raw) <= PROBE:
        return len(zlib.compress(raw, 6)) < best * len(raw)
    starts = (0, len(raw) // 2, len(raw) - PROBE)
    return any(len(zlib.compress(raw[k : k + PROBE], 6)) < 0.99 * best * PROBE for k in starts)


def _encode_rans(plane: Plane, counts: NDArray[np.int64]) -> bytes:
    used = np.flatnonzero(counts)
    bits = min(16, max(8, int(plane.size).bit_length(), int(used.size).bit_length() + 2))
    frequencies = _scaled(counts[used], 1 << bits)
    column = np.zeros(int(used[-1]) - int(used[0]) + 1, np.int32)
    column[used - used[0]] = frequencies
    histogram = encode_values(column, HISTOGRAM, HISTOGRAM_CONTEXTS)
    ranks = np.zeros(int(used[-1]) + 1, np.int16)
    ranks[used] = np.arange(used.size)
    indexes = np.zeros(plane.size, np.uint8)
    stream = encode_latents(ranks[plane], indexes, _tables(frequencies, bits))
    head = [bits, int(used[0]), column.size, len(histogram)]
    return b"".join([*(encode_varint(number) for number in head), histogram, stream])


def _decode_rans(cursor: Cursor, count: int, dtype: PlaneType) -> Plane:
    bits, first, span, size = (cursor.varint() for _ in range(4))
    if not 8 <= bits <= 16 or not 0 < span <= MAX_SYMBOLS or first > MAX_SYMBOLS:
        raise FormatError("plane: bad histogram")
    _fitting(first + span - 1, dtype)
    column = decode_values(bytes(cursor.take(size)), span, HISTOGRAM, HISTOGRAM_CONTEXTS)
    used = np.flatnonzero(column)
    if column.min() < 0 or column.sum(dtype=np.int64) != 1 << bits or used.size < 2:
        raise EntropyError("plane: bad histogram")
    decoder = LatentDecoder(bytes(cursor.take(cursor.remaining)), _tables(column[used], bits))
    ranks = decoder.decode(np.zeros(count, np.uint8))
    decoder.finish()
    if count and (ranks.min() < 0 or ranks.max() >= used.size):
        raise EntropyError("plane: a symbol is out of range")
    values: Plane = (used + first).astype(dtype)
    return values[ranks]


def _scaled(counts: NDArray[np.int64], total: int) -> NDArray[np.int32]:
    """Return frequencies of at least 1 in proportion to `counts`, summing to `total`."""
    exact = counts * (total / counts.sum())
    frequencies = np.maximum(1, np.floor(exact)).astype(np.int64)
    gap = total - int(frequencies.sum())
    if gap > 0:
        order = np.argsort(frequencies - exact, kind="stable")
        frequencies[order[: gap % counts.size]] += 1
        frequencies += gap // counts.size
    for _ in range(-gap):  # at most one for each symbol that was raised to 1
        frequencies[np.argmax(frequencies)] -= 1
    narrow: NDArray[np.int32] = frequencies.astype(np.int32)
    return narrow


def _tables(frequencies: NDArray[np.int32], bits: int) -> Tables:
    """Return the table of the ranks of the used symbols, with the escape it must have."""
    wide = frequencies.astype(np.int64) << (16 - bits)
    wide[np.argmax(wide)] -= 1  # the escape, never used here, takes one part in 65536
    cdf = np.full((1, wide.size + 2), TOTAL, np.uint32)
    cdf[0, 0] = 0
    cdf[0, 1:-1] = np.cumsum(wide)
    size, offset = np.array([wide.size], np.int32), np.zeros(1, np.int32)
    return Tables(cdf, size, offset)
