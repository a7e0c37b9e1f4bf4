"""The wire format of protocol buffers, as far as finding and replacing fields needs it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pauca.errors import InputError

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
MAX_VARINT_BYTES = 10  # negative int64 values take ten


@dataclass(frozen=True)
class Field:
    """One field of a message: where it starts, and where its value lies, in bytes of the file."""

    number: int
    wire: int
    start: int
    value: int
    end: int


def fields(view: memoryview, start: int, end: int) -> Iterator[Field]:
    """Yield the fields of the message in `view[start:end]`; `InputError` if they do not fill it."""
    at = start
    while at < end:
        tag, value = varint(view, at, end)
        number, wire = tag >> 3, tag & 7
        if wire == VARINT:
            stop = varint(view, value, end)[1]
        elif wire == FIXED64:
            stop = value + 8
        elif wire == FIXED32:
            stop = value + 4
        elif wire == BYTES:
            size, value = varint(view, value, end)
            stop = value + size
        else:
            raise InputError("protobuf: unknown kind of field")
        if stop > end or number == 0:
            raise InputError("protobuf: a field leaves its message")
        yield Field(number, wire, at, value, stop)
        at = stop


def varint(view: memoryview, at: int, end: int) -> tuple[int, int]:
    """Return (value, next position) of the varint at `at`; `InputError` if it passes `end`."""
    value = 0
    for group in range(MAX_VARINT_BYTES):
        if at >= end:
            break
        byte = view[at]
        at += 1
        value |= (byte & 0x7F) << (7 * group)
        if byte < 0x80:
            return value & (1 << 64) - 1, at
    raise InputError("protobuf: a number is cut or too long")


def integers(view: memoryview, field: Field) -> list[int]:
    """Return the values of a repeated integer field, packed or not."""
    if field.wire == VARINT:
        return [varint(view, field.value, field.end)[0]]
    if field.wire != BYTES:
        raise InputError("protobuf: an integer is expected")
    values, at = [], field.value
    while at < field.end:
        value, at = varint(view, at, field.end)
        values.append(value)
    return values


def encode_varint(value: int) -> bytes:
    """Return `value`, not negative, as a varint."""
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def head(number: int, size: int) -> bytes:
    """Return tag and length of a length-delimited field whose value has `size` bytes."""
    return encode_varint(number << 3 | BYTES) + encode_varint(size)
