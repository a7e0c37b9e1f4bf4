"""NAL units of H.264 and H.265 and the SEI messages in them (spec/video.md, section 3).

Two framings exist: Annex B (start codes, what encoders give) and length-prefixed (what MP4 and
Matroska hold). Reading is tolerant: what cannot be parsed is no message of ours.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

UNREGISTERED = 5  # SEI payload type user_data_unregistered, H.264 D.1.6 and H.265 D.2.6
START = b"\x00\x00\x00\x01"

_BEGIN = re.compile(rb"\x00\x00\x01")
_ESCAPE = re.compile(rb"\x00\x00(?=[\x00-\x03])")


@dataclass(frozen=True)
class Syntax:
    """Where the two standards differ: bytes of a NAL unit's header, types of NAL units."""

    header: bytes  # of an SEI unit that comes before the slices
    sei: int
    last_slice: int  # types of slices are first_slice to this
    first_slice: int

    def type_of(self, unit: bytes) -> int:
        """Return the type of a NAL unit."""
        return unit[0] & 31 if len(self.header) == 1 else unit[0] >> 1 & 63

    def is_slice(self, unit: bytes) -> bool:
        """Return whether a NAL unit holds a piece of picture."""
        return self.first_slice <= self.type_of(unit) <= self.last_slice


SYNTAX = {
    "h264": Syntax(header=b"\x06", sei=6, first_slice=1, last_slice=5),
    "hevc": Syntax(header=b"\x4e\x01", sei=39, first_slice=0, last_slice=31),
}


def split_units(data: bytes, length_size: int = 0) -> Iterator[bytes]:
    """Yield the NAL units of a packet: Annex B, or lengths of `length_size` bytes.

    A length beyond the packet ends it: the rest is nothing that can be read.
    """
    if length_size == 0:
        starts = [match.end() for match in _BEGIN.finditer(data)]
        ends = [start - 3 for start in starts[1:]] + [len(data)]
        for start, end in zip(starts, ends, strict=False):
            unit = data[start:end].rstrip(b"\x00")  # units end in a one bit, zeros are padding
            if unit:
                yield unit
        return
    at = 0
    while at + length_size < len(data):
        size = int.from_bytes(data[at : at + length_size], "big")
        at += length_size
        if not 0 < size <= len(data) - at:
            return
        yield data[at : at + size]
        at += size


def join_units(units: list[bytes]) -> bytes:
    """Return NAL units as Annex B."""
    return b"".join(START + unit for unit in units)


def length_size_of(codec: str, extradata: bytes | None) -> int:
    """Bytes of a length in packets of a stream with this `extradata`; 0 for Annex B.

    `extradata` is avcC (ISO/IEC 14496-15, 5.3.3) or hvcC (8.3.3), whose first byte is 1.
    """
    at = {"h264": 4, "hevc": 21}[codec]
    if not extradata or len(extradata) <= at or extradata[0] != 1:
        return 0
    return (extradata[at] & 3) + 1


def escape(rbsp: bytes) -> bytes:
    """Add emulation prevention: no start code may occur inside a NAL unit (7.4.1)."""
    return _ESCAPE.sub(b"\x00\x00\x03", rbsp)


def unescape(unit: bytes) -> bytes:
    """Take emulation prevention out."""
    return unit.replace(b"\x00\x00\x03", b"\x00\x00")


def sei_unit(syntax: Syntax, kind: int, payload: bytes) -> bytes:
    """Return an SEI NAL unit with one message."""
    rbsp = _sei_number(kind) + _sei_number(len(payload)) + payload + b"\x80"
    return syntax.header + escape(rbsp)


def sei_messages(syntax: Syntax, unit: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the (payload type, payload) of the messages of an SEI NAL unit, whole ones alone."""
    data = unescape(unit[len(syntax.header) :])
    at = 0
    while at < len(data) - 2:  # the trailing bits and at least type and size
        kind, at = _read_sei_number(data, at)
        size, at = _read_sei_number(data, at)
        if size > len(data) - at:
            return
        yield kind, data[at : at + size]
        at += size


def _sei_number(value: int) -> bytes:
    return b"\xff" * (value // 255) + bytes([value % 255])


def _read_sei_number(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    while at < len(data) and data[at] == 255:
        value, at = value + 255, at + 1
    return (value + data[at] if at < len(data) else value), at + 1
