"""The first chunks of a stream in a file, without reading the rest."""

import zlib
from collections.abc import Collection
from typing import IO

from pauca.container.chunks import CHECKSUM_BYTES, HEADER_TYPES, Chunk
from pauca.container.cursor import MAX_VARINT_BYTES, Cursor
from pauca.container.identify import PREAMBLE_BYTES, decode_preamble
from pauca.errors import ChecksumError, FormatError, TruncatedError
from pauca.limits import Limits


def read_head(
    file: IO[bytes], wanted: Collection[str], stop: Collection[str], limits: Limits
) -> tuple[list[Chunk], str]:
    """Return the `wanted` chunks, checked, before the first of a type in `stop`, and that type.

    `file`: seekable, the stream at its start. Other chunks are passed over unread. Wanted ones are
    small: a header, or metadata within `limits`. Raises `FormatError` and its children,
    `UnsupportedError` (major version), `LimitError`.
    """
    file.seek(0)
    preamble = file.read(PREAMBLE_BYTES)
    decode_preamble(preamble)
    checksum, at = zlib.crc32(preamble), PREAMBLE_BYTES
    chunks: list[Chunk] = []
    for count in range(limits.max_chunks):
        file.seek(at)
        cursor = Cursor(file.read(1 + MAX_VARINT_BYTES))
        type = chr(cursor.u8())
        if (not count) != (type in HEADER_TYPES):
            raise FormatError("stream must have one header chunk, and have it first")
        if type in stop:
            return chunks, type
        size = cursor.varint()
        limits.check_chunk_bytes(size)
        end = at + cursor.offset + size
        if type in wanted:
            limits.check_metadata(size, f"chunk {type!r}")
            file.seek(at)
            framed = file.read(end - at)
            checksum = zlib.crc32(framed, checksum)
            chunks.append(Chunk(type, framed[cursor.offset :], at + cursor.offset))
        file.seek(end)
        stored = file.read(CHECKSUM_BYTES)
        if len(stored) < CHECKSUM_BYTES:
            raise TruncatedError(f"stream is truncated inside chunk {type!r}")
        if type in wanted and checksum != int.from_bytes(stored, "little"):
            raise ChecksumError(f"chunk {type!r} at byte {at} does not match its checksum")
        checksum, at = int.from_bytes(stored, "little"), end + CHECKSUM_BYTES
    limits.check_chunks(limits.max_chunks + 1)
    raise FormatError("stream has no payload")  # not reached: the check raises
