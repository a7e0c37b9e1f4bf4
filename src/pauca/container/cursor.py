"""Bounded reading and writing of little-endian fields and shortest-form varints."""

from pauca.errors import FormatError, TruncatedError

# 9 groups of 7 bits: every value below 2^63, so that a reader in any language can use int64.
MAX_VARINT_BYTES = 9


def encode_varint(value: int) -> bytes:
    """Return `value` (0 <= value < 2**63) as a base-128 varint, low group first, shortest form."""
    if not 0 <= value < 1 << (7 * MAX_VARINT_BYTES):
        raise ValueError(f"varint out of range: {value}")
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


class Cursor:
    """A read position over `data` that never leaves it.

    Reading past the end raises `TruncatedError`; `finish` raises `FormatError` on leftover bytes.
    `what` names the part of the stream in messages.
    """

    def __init__(self, data: bytes | bytearray | memoryview, what: str = "stream") -> None:
        self.data = memoryview(data)
        self.what = what
        self.offset = 0

    @property
    def remaining(self) -> int:
        """Bytes between the position and the end."""
        return len(self.data) - self.offset

    def take(self, size: int) -> memoryview:
        """Return the next `size` bytes as a view, without copying."""
        if size < 0 or size > self.remaining:
            raise TruncatedError(
                f"{self.what} is truncated: {size} bytes expected, {self.remaining} left"
            )
        self.offset += size
        return self.data[self.offset - size : self.offset]

    def u8(self) -> int:
        """Return the next byte, 0..255."""
        return self.take(1)[0]

    def u16(self) -> int:
        """Return the next two bytes, low byte first, 0..65535."""
        return int.from_bytes(self.take(2), "little")

    def u32(self) -> int:
        """Return the next four bytes, low byte first, 0..2**32 - 1."""
        return int.from_bytes(self.take(4), "little")

    def varint(self) -> int:
        """Return the next varint, 0 <= value < 2**63; `FormatError` unless in shortest form."""
        value = 0
        for group in range(MAX_VARINT_BYTES):
            byte = self.u8()
            value |= (byte & 0x7F) << (7 * group)
            if byte < 0x80:
                # One value, one spelling: otherwise equal streams could differ in bytes.
                if byte == 0 and group > 0:
                    raise FormatError(f"{self.what}: varint is not in shortest form")
                return value
        raise FormatError(f"{self.what}: varint is longer than {MAX_VARINT_BYTES} bytes")

    def finish(self) -> None:
        """Raise `FormatError` unless every byte has been read."""
        if self.remaining:
            raise FormatError(f"{self.what}: {self.remaining} bytes left over")
