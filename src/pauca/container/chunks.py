"""A stream as a list of checked chunks (spec/container.md, sections 3 and 4).

    preamble | type length payload checksum | ... | "E"

The checksum of a chunk is CRC-32 of its type, length and payload, started from the checksum
before it (the first: from the CRC-32 of the preamble). The chain costs no byte, covers every byte
of the stream but the end mark, shows a removed or reordered chunk, and still needs only the four
bytes before a chunk to check that chunk alone.
"""

import zlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from pauca.container.cursor import Cursor, encode_varint
from pauca.container.identify import PREAMBLE_BYTES, Kind, decode_preamble, encode_preamble
from pauca.errors import ChecksumError, FormatError, TruncatedError, UnsupportedError
from pauca.limits import Limits

END = "E"  # one bare byte: it has nothing to protect
CHECKSUM_BYTES = 4
HEADER_TYPES = frozenset(kind.value for kind in Kind)


@dataclass(frozen=True)
class Chunk:
    """One chunk: a letter and its payload; a decoder's payload is a view into the stream."""

    type: str  # one ASCII letter: upper case = critical, lower case = ancillary
    payload: bytes | memoryview
    offset: int = 0  # of the payload in the stream; 0 where not read from one

    @property
    def critical(self) -> bool:
        """Whether a reader that does not know the type must give up."""
        return is_critical(self.type)


@dataclass(frozen=True)
class LocatedChunk:
    """Where a chunk lies: `start` of its type, `offset` and `size` of its payload, in bytes.

    `before` is the checksum stored before it, from which its own is started.
    """

    type: str
    start: int
    offset: int
    size: int
    before: int


def is_critical(type: str) -> bool:
    """Return whether chunk type `type` (one ASCII letter) is critical: bit 5 clear, as in PNG."""
    return not ord(type) & 0x20


def encode_stream(chunks: Sequence[Chunk]) -> bytes:
    """Return the stream of `chunks`; the first must be a header chunk, and only the first."""
    if not chunks or chunks[0].type not in HEADER_TYPES:
        raise ValueError("a stream starts with a header chunk")
    preamble = encode_preamble()
    parts: list[bytes | memoryview] = [preamble]
    checksum = zlib.crc32(preamble)
    for position, chunk in enumerate(chunks):
        _check_type(chunk.type)
        if chunk.type == END or (position and chunk.type in HEADER_TYPES):
            raise ValueError(f"chunk type {chunk.type!r} cannot stand at position {position}")
        head = chunk.type.encode() + encode_varint(len(chunk.payload))
        checksum = zlib.crc32(chunk.payload, zlib.crc32(head, checksum))
        parts += [head, chunk.payload, checksum.to_bytes(CHECKSUM_BYTES, "little")]
    parts.append(END.encode())
    return b"".join(parts)


def decode_stream(
    data: bytes | bytearray | memoryview, known: Collection[str], limits: Limits | None = None
) -> tuple[Chunk, ...]:
    """Return the chunks of `data` whose types are in `known`, all checked, header first.

    Raises `UnsupportedError` on an unknown critical chunk, and every error of `scan_stream`.
    """
    return _known(tuple(scan_stream(data, limits or Limits())), known)


def decode_prefix(
    data: bytes | bytearray | memoryview,
    known: Collection[str],
    partial: str,
    limits: Limits | None = None,
) -> tuple[Chunk, ...]:
    """Like `decode_stream`, but `data` may end anywhere: return what is whole and, of a chunk of
    type `partial` that is cut, what is there, which no checksum covers.
    """
    limits = limits or Limits()
    view = memoryview(data)
    chunks: list[Chunk] = []
    at = PREAMBLE_BYTES
    try:
        for chunk in scan_stream(view, limits):
            chunks.append(chunk)
            at = chunk.offset + len(chunk.payload) + CHECKSUM_BYTES
    except TruncatedError:
        cursor = Cursor(view[at:])
        try:
            type, size = _take_type(cursor), cursor.varint()
        except TruncatedError:
            type, size = END, 0
        if chunks and type == partial:
            limits.check_chunk_bytes(size)
            payload = cursor.data[cursor.offset :][:size]
            chunks.append(Chunk(type, payload, at + cursor.offset))
    if not chunks:
        raise TruncatedError("stream is truncated before its header")
    return _known(chunks, known)


def _known(chunks: Sequence[Chunk], known: Collection[str]) -> tuple[Chunk, ...]:
    for chunk in chunks:
        if chunk.critical and chunk.type not in known:
            raise UnsupportedError(f"stream needs chunk {chunk.type!r}, unknown to this version")
    return tuple(chunk for chunk in chunks if chunk.type in known)


def scan_stream(data: bytes | bytearray | memoryview, limits: Limits) -> Iterator[Chunk]:
    """Yield every chunk of `data` in order, known or not, after checking it.

    A chunk is yielded once its checksum holds, so the header can be used before the rest is read.
    Raises `FormatError`, `TruncatedError`, `ChecksumError`, `UnsupportedError`, `LimitError`.
    """
    view = memoryview(data)
    limits.check_bytes(len(view))
    decode_preamble(view)
    cursor = Cursor(view)
    checksum = zlib.crc32(cursor.take(PREAMBLE_BYTES))
    count = 0
    while (type := _take_type(cursor)) != END:
        count += 1
        limits.check_chunks(count)
        if (count == 1) != (type in HEADER_TYPES):
            raise FormatError("stream must have one header chunk, and have it first")
        chunk, checksum = _take_chunk(cursor, type, checksum, limits)
        yield chunk
    if not count:
        raise FormatError("stream has no header chunk")
    if cursor.remaining:
        raise FormatError(f"{cursor.remaining} bytes after the end of the stream")


def locate_chunks(data: bytes | bytearray | memoryview, limits: Limits) -> tuple[LocatedChunk, ...]:
    """Return where every chunk of `data` lies, header first; only framing is checked.

    For readers that want a few chunks of a large stream: the payloads are not touched, so they may
    stay on disk. Raises what `scan_stream` raises, except `ChecksumError`.
    """
    view = memoryview(data)
    limits.check_bytes(len(view))
    decode_preamble(view)
    cursor = Cursor(view)
    checksum = zlib.crc32(cursor.take(PREAMBLE_BYTES))
    found: list[LocatedChunk] = []
    while (type := _take_type(cursor)) != END:
        limits.check_chunks(len(found) + 1)
        if bool(found) == (type in HEADER_TYPES):
            raise FormatError("stream must have one header chunk, and have it first")
        start = cursor.offset - 1
        size = cursor.varint()
        limits.check_chunk_bytes(size)
        located = LocatedChunk(type, start, cursor.offset, size, checksum)
        cursor.take(size)
        checksum = cursor.u32()
        found.append(located)
    if not found:
        raise FormatError("stream has no header chunk")
    if cursor.remaining:
        raise FormatError(f"{cursor.remaining} bytes after the end of the stream")
    return tuple(found)


def open_chunk(data: bytes | bytearray | memoryview, located: LocatedChunk) -> Chunk:
    """Return a chunk that `locate_chunks` found, after checking it; `ChecksumError` if damaged."""
    view = memoryview(data)
    end = located.offset + located.size
    checksum = zlib.crc32(view[located.start : end], located.before)
    if int.from_bytes(view[end : end + CHECKSUM_BYTES], "little") != checksum:
        raise ChecksumError(
            f"chunk {located.type!r} at byte {located.start} does not match its checksum"
        )
    return Chunk(located.type, view[located.offset : end], located.offset)


def _take_type(cursor: Cursor) -> str:
    if not cursor.remaining:
        raise TruncatedError("stream is truncated: no end mark")
    type = chr(cursor.u8())
    if not (type.isascii() and type.isalpha()):
        raise FormatError(f"chunk type 0x{ord(type):02x} is not a letter")
    return type


def _take_chunk(cursor: Cursor, type: str, before: int, limits: Limits) -> tuple[Chunk, int]:
    start = cursor.offset - 1
    size = cursor.varint()
    limits.check_chunk_bytes(size)
    offset = cursor.offset
    payload = cursor.take(size)
    checksum = zlib.crc32(cursor.data[start : cursor.offset], before)
    if cursor.u32() != checksum:
        raise ChecksumError(f"chunk {type!r} at byte {start} does not match its checksum")
    return Chunk(type, payload, offset), checksum


def _check_type(type: str) -> None:
    if len(type) != 1 or not (type.isascii() and type.isalpha()):
        raise ValueError(f"a chunk type is one ASCII letter, not {type!r}")
