"""Open bitstream units of AV1 and the metadata in them (spec/video.md, section 4)."""

from __future__ import annotations

from collections.abc import Iterator

from pauca.container.cursor import encode_varint

SEQUENCE_HEADER, TEMPORAL_DELIMITER, METADATA = 1, 2, 5
# Metadata types 6 to 31 are "unregistered user private" (AV1 specification, 6.7.1). ITU-T T.35
# metadata (type 4) would need a country and a provider code that somebody has registered.
PRIVATE = 31


def split_obus(data: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """Yield (type, whole unit, payload) of the units of a temporal unit, whole ones alone."""
    at = 0
    while at < len(data):
        head = data[at]
        body = at + 1 + (head >> 2 & 1)
        if head & 128 or body > len(data):
            return
        if head & 2:
            size, body = read_leb128(data, body)
        else:
            size = len(data) - body  # the last unit may leave its size out
        if size > len(data) - body:
            return
        yield head >> 3 & 15, data[at : body + size], data[body : body + size]
        at = body + size


def metadata_obu(kind: int, payload: bytes) -> bytes:
    """Return a metadata unit."""
    # leb128 (4.10.5) is the varint of our containers.
    body = encode_varint(kind) + payload + b"\x80"
    return bytes([METADATA << 3 | 2]) + encode_varint(len(body)) + body


def metadata_of(payload: bytes) -> tuple[int, bytes]:
    """Return (metadata type, payload) of a metadata unit's payload."""
    kind, at = read_leb128(payload, 0)
    body = payload[at:].rstrip(b"\x00")
    return kind, body[:-1] if body.endswith(b"\x80") else body


def read_leb128(data: bytes, at: int) -> tuple[int, int]:
    """Return (value, place behind it); a value that is cut or too long is beyond every size."""
    value = 0
    for i in range(8):
        if at + i >= len(data):
            break
        value |= (data[at + i] & 127) << (7 * i)
        if data[at + i] < 128:
            return value, at + i + 1
    return 1 << 62, at
