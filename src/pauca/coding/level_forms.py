"""The forms of a level stream (spec/levels.md): constant, packed bits, or coded bands."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from pauca import _core
from pauca._core import LevelCoder
from pauca.errors import EntropyError, TruncatedError

BAND = 1 << 20  # levels that a band holds at least, where there is more than one
MAX_BANDS = 256
CONSTANT, RAW, CABAC, MIX, RANS = range(5)

_NATIVE = {CABAC: LevelCoder.CABAC, MIX: LevelCoder.MIX, RANS: LevelCoder.RANS}
_CHUNK = 1 << 16  # levels packed at a time; a multiple of 8, so that chunks end on bytes

S = TypeVar("S")
T = TypeVar("T")


@dataclass(frozen=True)
class Shape:
    """Parameters of the adaptive coders, in the core's order."""

    greater: int  # 0 ... 15
    order: int  # 0 ... 15
    prior: int  # 0 ... 7
    scale: int  # 0 ... 111
    pace: int  # 0 ... 3

    def native(self) -> tuple[int, int, int, int, int]:
        """Return the parameters as the core takes them."""
        return (self.greater, self.order, self.prior, self.scale, self.pace)

    def is_default(self) -> bool:
        """Tell whether scale and prior say it all."""
        default = Shape(*_core.levels_defaults(self.scale))
        return replace(self, prior=default.prior) == default


# Coded: form, prior and two flags; scale; parameters; sizes of all bands but the last; bands.


def encode_coded(
    form: int, flat: NDArray[np.int32], columns: int, shape: Shape, threads: int
) -> bytes:
    """Return `flat` (rows * columns,) as a stream of CABAC, MIX or RANS."""
    spans = _bands(flat.size, columns, _band_count(flat.size, columns))
    bodies = _map(partial(_encode_band, flat, columns, _NATIVE[form], shape), spans, threads)
    head = bytearray([form | shape.prior << 3 if form != RANS else form])
    if form != RANS:
        head.append(shape.scale)
        if not shape.is_default():
            head[0] |= 0x40
            head += bytes([shape.greater | shape.order << 4, shape.pace])
    if len(bodies) > 1:
        head[0] |= 0x80
        head += encode_varint(len(bodies))
        for body in bodies[:-1]:
            head += encode_varint(len(body))
    return bytes(head) + b"".join(bodies)


def decode_coded(data: bytes, count: int, columns: int, threads: int) -> NDArray[np.int32]:
    """Return the levels (count,) of a stream of `encode_coded`."""
    if data[0] & 7 not in _NATIVE:
        raise EntropyError(f"level stream of unknown form {data[0] & 7}")
    shape, at = _read_shape(data)
    sizes, at = _read_sizes(data, at, _max_bands(count, columns))
    levels = np.zeros(count, np.int32)
    spans = _bands(count, columns, len(sizes))
    parts = []
    for size, span in zip(sizes, spans, strict=True):
        parts.append((data[at : at + size], levels[span]))
        at += size
    _map(partial(_decode_band, columns, _NATIVE[data[0] & 7], shape), parts, threads)
    return levels


def _encode_band(
    flat: NDArray[np.int32], columns: int, coder: LevelCoder, shape: Shape, span: slice
) -> bytes:
    levels = flat[span]
    return _core.levels_encode(levels, min(columns, levels.size), coder, shape.native())


def _decode_band(
    columns: int, coder: LevelCoder, shape: Shape, part: tuple[bytes, NDArray[np.int32]]
) -> None:
    data, levels = part
    _core.levels_decode(data, levels, min(columns, levels.size), coder, shape.native())


def _read_shape(data: bytes) -> tuple[Shape, int]:
    at, scale = 1, 0
    if data[0] & 7 != RANS:
        if len(data) < 2:
            raise TruncatedError("level stream ends in its head")
        at, scale = 2, data[1]
        if scale >= 112:
            raise EntropyError("level stream has an impossible scale")
    elif data[0] & 0x78:
        raise EntropyError("level stream has parameters that its form does not use")
    shape = replace(Shape(*_core.levels_defaults(scale)), prior=data[0] >> 3 & 7)
    if data[0] & 0x40:
        if len(data) < at + 2:
            raise TruncatedError("level stream ends in its head")
        shape = replace(shape, greater=data[at] & 15, order=data[at] >> 4, pace=data[at + 1])
        at += 2
        if shape.pace > 3 or shape.is_default():
            raise EntropyError("level stream has impossible parameters")
    return shape, at


def _read_sizes(data: bytes, at: int, most: int) -> tuple[list[int], int]:
    if not data[0] & 0x80:
        return [len(data) - at], at
    bands, at = read_varint(data, at)
    if not 2 <= bands <= most:
        raise EntropyError("level stream has an impossible number of bands")
    sizes = []
    for _ in range(bands - 1):
        size, at = read_varint(data, at)
        sizes.append(size)
    rest = len(data) - at - sum(sizes)
    if rest < 0:
        raise TruncatedError("level stream ends within its bands")
    return [*sizes, rest], at


# A row wider than a band is cut like a column of single levels: a coder's memory grows with the
# width, and a flat tensor has no rows to keep whole.


def _band_count(count: int, columns: int) -> int:
    return max(1, min(count // BAND, _max_bands(count, columns)))


def _max_bands(count: int, columns: int) -> int:
    return min(MAX_BANDS, count if columns > BAND else count // columns)


def _bands(count: int, columns: int, bands: int) -> list[slice]:
    unit = 1 if columns > BAND else columns
    edges = [count // unit * i // bands * unit for i in range(bands + 1)]
    return [slice(a, b) for a, b in zip(edges[:-1], edges[1:], strict=True)]


def _map(run: Callable[[S], T], parts: Sequence[S], threads: int) -> list[T]:
    """Apply `run` to every part, on threads where there are several of both."""
    if threads < 2 or len(parts) < 2:
        return [run(part) for part in parts]
    with ThreadPoolExecutor(min(threads, len(parts))) as pool:
        return list(pool.map(run, parts))


# Packed: bits of a level, the smallest level, then level - smallest, low bits first.


def encode_raw(flat: NDArray[np.int32], low: int, high: int) -> bytes:
    """Return levels (n,) within [low, high] in as many bits as their range needs."""
    bits = (high - low).bit_length()
    parts = [bytes([RAW, bits]), encode_varint(fold(low))]
    for start in range(0, flat.size, _CHUNK):
        excess = (flat[start : start + _CHUNK].astype(np.int64) - low).astype("<u4")
        planes = np.unpackbits(excess.view(np.uint8).reshape(-1, 4), axis=1, bitorder="little")
        parts.append(np.packbits(planes[:, :bits], bitorder="little").tobytes())
    return b"".join(parts)


def decode_raw(data: bytes, count: int) -> NDArray[np.int32]:
    """Return the levels (count,) of a stream of `encode_raw`."""
    if len(data) < 2:
        raise TruncatedError("packed levels end in their head")
    bits = data[1]
    if data[0] != RAW or not 1 <= bits <= 32:
        raise EntropyError("packed levels have an impossible head")
    folded, at = read_varint(data, 2)
    low, size = unfold(folded), (count * bits + 7) // 8
    if len(data) - at < size:
        raise TruncatedError("packed levels end too early")
    if len(data) - at > size or data[-1] >> ((count * bits - 1) % 8 + 1):
        raise EntropyError("bits remain after the last level")
    levels = np.empty(count, np.int32)
    for start in range(0, count, _CHUNK):
        n = min(_CHUNK, count - start)
        packed = np.frombuffer(data, np.uint8, (n * bits + 7) // 8, at + start * bits // 8)
        planes = np.zeros((n, 32), np.uint8)
        unpacked = np.unpackbits(packed, count=n * bits, bitorder="little")
        planes[:, :bits] = unpacked.reshape(n, bits)
        excess = np.packbits(planes, axis=1, bitorder="little").view("<u4").reshape(-1)
        # Below 2^32 + 2^32, so nothing wraps before it is checked.
        values = excess.astype(np.int64) + low
        if values.max() >= 1 << 31 or values.min() < -(1 << 31):
            raise EntropyError("a packed level is out of range")
        levels[start : start + n] = values
    return levels


def encode_constant(value: int) -> bytes:
    """Return the stream of any number of equal levels."""
    return bytes([CONSTANT]) + encode_varint(fold(value))


def decode_constant(data: bytes, count: int) -> NDArray[np.int32]:
    """Return the levels (count,) of a stream of `encode_constant`."""
    folded, at = read_varint(data, 1)
    if data[0] != CONSTANT or at != len(data):
        raise EntropyError("constant levels have an impossible head or bytes left over")
    return np.full(count, unfold(folded), np.int32)


def fold(value: int) -> int:
    """Map 0, -1, 1, -2, ... to 0, 1, 2, 3, ..."""
    return -2 * value - 1 if value < 0 else 2 * value


def unfold(folded: int) -> int:
    """Undo `fold`; `EntropyError` unless the value fits int32."""
    if folded >= 1 << 32:
        raise EntropyError("a level is out of range")
    return -(folded // 2) - 1 if folded % 2 else folded // 2


def encode_varint(value: int) -> bytes:
    """Return `value` >= 0 in base 128, low group first, shortest form."""
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    """Return a value below 2^63 in shortest form and the place after it."""
    value = 0
    for group in range(9):
        if at + group >= len(data):
            raise TruncatedError("level stream ends in its head")
        byte = data[at + group]
        value |= (byte & 0x7F) << 7 * group
        if byte < 0x80:
            if byte == 0 and group > 0:
                raise EntropyError("level stream has a number not in shortest form")
            return value, at + group + 1
    raise EntropyError("level stream has a number longer than 9 bytes")
