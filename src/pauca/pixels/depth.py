"""How many bits a sample has, by a file's own header, where Pillow cuts it to 8 without a word."""

import struct
from collections.abc import Iterator
from typing import BinaryIO

JPEG2000 = b"\x00\x00\x00\x0cjP  \r\n\x87\n"
CODESTREAM = b"\xff\x4f\xff\x51"  # start of a JPEG 2000 codestream and of its SIZ segment
MAX_BOXES = 256  # of a file or box that are looked at
PROPERTIES = (b"meta", b"iprp", b"ipco")  # where AVIF keeps what it says of its pictures

Span = tuple[int, int]  # of a file, in bytes


def sample_bits(file: BinaryIO) -> int:
    """Return the largest number of bits of a sample in a JPEG 2000 or AVIF `file`; else 8.

    The file is read from its start; where it stands afterwards does not matter.
    """
    file.seek(0)
    head = file.read(12)
    if head.startswith(CODESTREAM):
        return _codestream_bits(file, 0)
    whole = (0, file.seek(0, 2))
    if head == JPEG2000:
        starts = (start for start, _ in _boxes(file, whole, b"jp2c"))
        return max((_codestream_bits(file, start) for start in starts), default=8)
    return _avif_bits(file, whole) if head[4:8] == b"ftyp" else 8


def _boxes(file: BinaryIO, span: Span, wanted: bytes) -> Iterator[Span]:
    """Yield the content of the boxes of one type in `span` (ISO/IEC 14496-12, 4.2)."""
    at, end = span
    for _ in range(MAX_BOXES):
        file.seek(at)
        head = file.read(16)
        if at + 8 > end or len(head) < 8:
            return
        size, start = int.from_bytes(head[:4], "big"), at + 8
        if size == 1 and len(head) == 16:
            size, start = int.from_bytes(head[8:], "big"), at + 16
        stop = at + size if size else end
        if not start <= stop <= end:
            return
        if head[4:8] == wanted:
            yield start, stop
        at = stop


def _codestream_bits(file: BinaryIO, start: int) -> int:
    """Return the largest precision in segment SIZ (ISO/IEC 15444-1, A.5.1)."""
    file.seek(start)
    head = file.read(42)
    if len(head) < 42 or not head.startswith(CODESTREAM):
        return 8
    (count,) = struct.unpack(">H", head[40:])
    return max([(ssiz & 0x7F) + 1 for ssiz in file.read(3 * count)[::3]], default=8)


def _avif_bits(file: BinaryIO, span: Span) -> int:
    """Return the largest depth among the properties of an AVIF picture (av1C, version 1)."""
    for type in PROPERTIES:
        start, end = next(_boxes(file, span, type), (0, 0))
        span = (start + 4 * (type == b"meta"), end)  # which has version and flags first
    bits = 8
    for start, _ in _boxes(file, span, b"av1C"):
        file.seek(start + 2)
        flags = (file.read(1) or b"\0")[0]
        bits = max(bits, 8 + 2 * (flags >> 6 & 1) + 2 * (flags >> 5 & 1))
    return bits
