"""The table of a weights stream: which tensors there are, and which unit of data holds each.

Columns, not rows: like stands by like, which deflate and LZMA reward (spec/weights.md, section 3).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum

from pauca.container.cursor import Cursor, encode_varint
from pauca.container.headers import WeightsHeader
from pauca.errors import FormatError, LimitError
from pauca.nn.dtypes import DTYPES, DType

MAX_DIMS = 32
BASE_LAYOUT, BASE_REST = 1, 2  # flags: tensors, rest are those of the base


class Method(IntEnum):
    """How a unit holds its tensors."""

    LOSSLESS = 0
    LEVELS = 1  # value = step * level
    CODEBOOK = 2  # value = codebook[level]
    DEPENDENT = 3  # value = step * multiple, which a trellis gives for the levels
    SAME = 4  # update: as in the base
    DIFFERENCE = 5  # update: value = base + step * level
    BITS = 6  # update: lossless, bit pattern = base's + difference


UPDATE_METHODS = frozenset({Method.SAME, Method.DIFFERENCE, Method.BITS})


@dataclass(frozen=True)
class Entry:
    """One tensor: `unit` is the index of the unit that holds it."""

    name: str
    dtype: DType
    shape: tuple[int, ...]
    unit: int

    @property
    def size(self) -> int:
        """Elements."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes of the decoded tensor."""
        return self.size * self.dtype.size


@dataclass(frozen=True)
class Unit:
    """One payload: `size` bytes that hold the tensors of all entries that name it, in order."""

    method: Method
    size: int


@dataclass(frozen=True)
class Table:
    """Tensors in the order of their file, units in the order of the data, rest of the file."""

    entries: tuple[Entry, ...]
    units: tuple[Unit, ...]
    rest: bytes


def encode_table(table: Table, base: Table | None = None) -> bytes:
    """Return the table's bytes; what an update shares with `base` is left out."""
    flags = 0
    if base is not None:
        flags |= BASE_LAYOUT * (_layout(table.entries) == _layout(base.entries))
        flags |= BASE_REST * (table.rest == base.rest)
    parts = [bytes([flags])]
    if not flags & BASE_LAYOUT:
        parts += [entry.name.encode() + b"\0" for entry in table.entries]
        parts.append(bytes(entry.dtype.code for entry in table.entries))
        parts.append(bytes(len(entry.shape) for entry in table.entries))
        parts += [encode_varint(side) for entry in table.entries for side in entry.shape]
    parts.append(_encode_units([entry.unit for entry in table.entries]))
    parts.append(encode_varint(len(table.units)))
    parts.append(bytes(unit.method for unit in table.units))
    parts += [encode_varint(unit.size) for unit in table.units]
    if not flags & BASE_REST:
        parts.append(table.rest)
    return b"".join(parts)


def decode_table(data: bytes, header: WeightsHeader, base: Table | None = None) -> Table:
    """Return the table in `data`, held against what the header has declared.

    Raises `FormatError` and its children, `LimitError`.
    """
    cursor = Cursor(data, "weights table")
    flags = cursor.u8()
    if flags & ~(BASE_LAYOUT | BASE_REST) or (flags and base is None):
        raise FormatError("weights table: bad flags")
    if flags & BASE_LAYOUT and base is not None:
        layout = _layout(base.entries)
        if len(layout) != header.tensors:
            raise FormatError("weights table: the base has another number of tensors")
    else:
        layout = _decode_layout(cursor, header.tensors)
    numbers = list(_decode_units(cursor, len(layout)))
    units = _decode_methods(cursor, base is not None)
    if set(numbers) != set(range(len(units))):
        raise FormatError("weights table: units and tensors do not match")
    entries = tuple(
        Entry(name, dtype, shape, unit)
        for (name, dtype, shape), unit in zip(layout, numbers, strict=True)
    )
    _check_totals(entries, header)
    if flags & BASE_REST and base is not None:
        cursor.finish()
        return Table(entries, units, base.rest)
    return Table(entries, units, bytes(cursor.take(cursor.remaining)))


Layout = list[tuple[str, DType, tuple[int, ...]]]


def _layout(entries: Sequence[Entry]) -> Layout:
    return [(entry.name, entry.dtype, entry.shape) for entry in entries]


def _decode_layout(cursor: Cursor, count: int) -> Layout:
    names = list(_decode_names(cursor, count))
    if len(set(names)) != count:
        raise FormatError("weights table: two tensors have one name")
    codes, ndims = bytes(cursor.take(count)), bytes(cursor.take(count))
    if any(code >= len(DTYPES) for code in codes) or any(ndim > MAX_DIMS for ndim in ndims):
        raise FormatError("weights table: unknown element type, or too many dimensions")
    shapes = [tuple(cursor.varint() for _ in range(ndim)) for ndim in ndims]
    return [(n, DTYPES[c], s) for n, c, s in zip(names, codes, shapes, strict=True)]


def _decode_names(cursor: Cursor, count: int) -> Iterator[str]:
    data = bytes(cursor.data)
    for _ in range(count):
        end = data.find(b"\0", cursor.offset)
        if end < 0:
            raise FormatError("weights table: a name does not end")
        try:
            yield bytes(cursor.take(end + 1 - cursor.offset)[:-1]).decode()
        except UnicodeDecodeError as error:
            raise FormatError("weights table: a name is not UTF-8") from error


def _encode_units(numbers: Sequence[int]) -> bytes:
    """A new unit is 0, an earlier one its distance back: nearly all are 0."""
    parts, fresh = [], 0
    for number in numbers:
        parts.append(encode_varint(fresh - number))
        fresh = max(fresh, number + 1)
    return b"".join(parts)


def _decode_units(cursor: Cursor, count: int) -> Iterator[int]:
    fresh = 0
    for _ in range(count):
        number = fresh - cursor.varint()
        if number < 0:
            raise FormatError("weights table: a tensor names no unit")
        fresh = max(fresh, number + 1)
        yield number


def _decode_methods(cursor: Cursor, is_update: bool) -> tuple[Unit, ...]:
    count = cursor.varint()
    methods = bytes(cursor.take(count))
    sizes = [cursor.varint() for _ in range(count)]
    units = []
    for method, size in zip(methods, sizes, strict=True):
        if method not in list(Method) or (method in UPDATE_METHODS and not is_update):
            raise FormatError(f"weights table: unknown method {method}")
        units.append(Unit(Method(method), size))
    return tuple(units)


def _check_totals(entries: Sequence[Entry], header: WeightsHeader) -> None:
    elements = sum(entry.size for entry in entries)
    nbytes = sum(entry.nbytes for entry in entries)
    if (elements, nbytes) != (header.elements, header.nbytes):
        raise FormatError("weights table: its tensors are not those that the header declares")
    # numpy refuses shapes whose sides overflow even where one side is 0.
    if any(math.prod(side for side in e.shape if side) >= 1 << 40 for e in entries):
        raise LimitError("weights table: a shape overflows")
