"""Floats as planes, dense and pruned (spec/weights.md, section 5).

A value is cut into exponent and first mantissa bits, sign and next bits, and whole low bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pauca.coding.weights import decode_levels, encode_levels
from pauca.container.cursor import Cursor, encode_varint
from pauca.errors import EntropyError, FormatError
from pauca.nn.planes import decode_plane, encode_plane, entropy_bits

TOP_BITS = 16  # of a float, in which exponents and first mantissa bits are looked for
Unsigned = NDArray[np.unsignedinteger[Any]]


@dataclass(frozen=True)
class FloatLayout:
    """A float format: bits of its exponent, and mantissa bits within the top 16."""

    exponent: int
    top: int
    low_bytes: int

    @property
    def splits(self) -> range:
        """How many mantissa bits may go with the exponent: at most 12 and 8 bits a plane."""
        return range(max(0, self.top - 7), min(self.top, 12 - self.exponent) + 1)


LAYOUTS = {
    "float32": FloatLayout(8, 7, 2),
    "bfloat16": FloatLayout(8, 7, 0),
    "float16": FloatLayout(5, 10, 0),
    "float64": FloatLayout(11, 4, 6),
}


def encode_float(bits: Unsigned, layout: FloatLayout) -> bytes:
    """Return the planes of the bit patterns (n,) of floats."""
    low = 8 * layout.low_bytes
    top = (bits >> bits.dtype.type(low)).astype(np.uint16)
    split = _best_split(top, layout)
    rest = layout.top - split
    exponent = (top & np.uint16(0x7FFF)) >> np.uint16(rest)
    sign = (top >> np.uint16(15)) << np.uint16(rest) | (top & np.uint16((1 << rest) - 1))
    planes = [encode_plane(exponent, np.uint16), encode_plane(sign.astype(np.uint8), np.uint8)]
    for k in range(layout.low_bytes):
        planes.append(encode_plane(byte_plane(bits, layout.low_bytes - 1 - k), np.uint8))
    return bytes([split]) + join(planes)


def decode_float(
    data: memoryview, layout: FloatLayout, unsigned: np.dtype[Any], count: int
) -> Unsigned:
    """Return the `count` bit patterns; raises `FormatError` and its children."""
    cursor = Cursor(data, "float tensor")
    split = cursor.u8()
    if split not in layout.splits:
        raise FormatError("float tensor: bad split")
    rest = layout.top - split
    exponent = decode_plane(cursor.take(cursor.varint()), count, np.uint16)
    sign = decode_plane(cursor.take(cursor.varint()), count, np.uint8).astype(np.uint16)
    if count and (exponent.max() >= 1 << (layout.exponent + split) or sign.max() >= 2 << rest):
        raise EntropyError("float tensor: a symbol is out of range")
    top = sign >> rest << np.uint16(15) | exponent << np.uint16(rest)
    bits: Unsigned = (top | sign & np.uint16((1 << rest) - 1)).astype(unsigned)
    for _ in range(layout.low_bytes):
        bits <<= unsigned.type(8)
        bits |= decode_plane(cursor.take(cursor.varint()), count, np.uint8)
    cursor.finish()
    return bits


def _best_split(top: NDArray[np.uint16], layout: FloatLayout) -> int:
    """Return how many mantissa bits to code with the exponent, from the histogram of all 16."""
    counts = np.bincount(top, minlength=1 << TOP_BITS).reshape(2, -1)

    def cost(split: int) -> float:
        rest = layout.top - split
        grid = counts.reshape(2, -1, 1 << rest)
        exponent = grid.sum(axis=(0, 2))
        sign = grid.sum(axis=1).reshape(-1)
        histograms = 9.0 * (np.count_nonzero(exponent) + np.count_nonzero(sign))
        return entropy_bits(exponent) + entropy_bits(sign) + histograms

    return min(layout.splits, key=cost)


def byte_plane(bits: Unsigned, number: int) -> NDArray[np.uint8]:
    """Return byte `number`, 0 being the lowest, of every element."""
    return bits.view(np.uint8).reshape(bits.size, -1)[:, number]


def join(parts: list[bytes]) -> bytes:
    """Return the parts one after another, each behind its length."""
    return b"".join(piece for part in parts for piece in (encode_varint(len(part)), part))


# Pruned floats: a mask of what is not zero, by the coder of levels, then the rest as floats.


def encode_sparse(bits: Unsigned, layout: FloatLayout, columns: int) -> bytes:
    """Return mask and planes of the bit patterns (n,) of floats, `columns` of them a row."""
    mask = bits != 0
    return join([encode_levels(mask.astype(np.int32), columns)]) + encode_float(bits[mask], layout)


def decode_sparse(
    data: memoryview,
    layout: FloatLayout,
    unsigned: np.dtype[Any],
    count: int,
    columns: int,
) -> Unsigned:
    """Return the `count` bit patterns; raises `FormatError` and its children."""
    cursor = Cursor(data, "sparse tensor")
    levels = decode_levels(bytes(cursor.take(cursor.varint())), count, columns)
    mask = levels != 0
    inner = cursor.take(cursor.remaining)
    bits = np.zeros(count, unsigned)
    bits[mask] = decode_float(inner, layout, unsigned, int(np.count_nonzero(mask)))
    return bits
