"""What a picture carries besides its samples, as chunks (spec/container.md, section 6).

"i" | "e" | "m":  0, the bytes   or   1, varint of their number, the bytes as a zlib stream
"""

import zlib
from collections.abc import Iterable
from dataclasses import dataclass

from pauca.container.chunks import Chunk
from pauca.container.cursor import Cursor, encode_varint
from pauca.errors import FormatError, InputError, UnsupportedError
from pauca.limits import Limits

STORED, DEFLATED = 0, 1
NAMES = {"i": "icc", "e": "exif", "m": "xmp"}  # chunk type to field of `Metadata`
EXIF_HEAD = b"Exif\0\0"  # what JPEG and Pillow put before the TIFF structure


@dataclass(frozen=True)
class Metadata:
    """What surrounds the samples of a picture; empty where there is none.

    `icc`: an ICC profile. `exif`: EXIF as a TIFF structure, without the "Exif" that JPEG puts
    before it. `xmp`: an XMP packet.
    """

    icc: bytes = b""
    exif: bytes = b""
    xmp: bytes = b""


def encode_metadata(metadata: Metadata, limits: Limits | None = None) -> list[Chunk]:
    """Return the chunks of what is there; `LimitError` on what a reader would refuse, `InputError`
    on EXIF that is none.
    """
    if metadata.exif and metadata.exif[:2] not in (b"II", b"MM"):
        raise InputError("EXIF is a TIFF structure, which starts with II or MM")
    chunks = []
    for type, name in NAMES.items():
        data: bytes = getattr(metadata, name)
        if data:
            (limits or Limits()).check_metadata(len(data), name)
            packed = bytes([DEFLATED]) + encode_varint(len(data)) + zlib.compress(data, 9)
            chunks.append(Chunk(type, min(bytes([STORED]) + data, packed, key=len)))
    return chunks


def decode_metadata(chunks: Iterable[Chunk], limits: Limits | None = None) -> Metadata:
    """Return what is in the chunks `i`, `e`, `m` of a stream; others are passed over.

    Raises `FormatError`, `TruncatedError`, `UnsupportedError` (form), `LimitError` (too large).
    """
    found: dict[str, bytes] = {}
    for chunk in chunks:
        if chunk.type in NAMES:
            name = NAMES[chunk.type]
            if name in found:
                raise FormatError(f"picture has two chunks {chunk.type!r}")
            found[name] = _decode(chunk.payload, name, limits or Limits())
    return Metadata(**found)


def _decode(payload: bytes | memoryview, name: str, limits: Limits) -> bytes:
    cursor = Cursor(payload, name)
    form = cursor.u8()
    if form not in (STORED, DEFLATED):
        raise UnsupportedError(f"{name}: form {form}; this version reads 0 and 1")
    size = cursor.remaining if form == STORED else cursor.varint()
    if not size:
        raise FormatError(f"{name} is empty")
    limits.check_metadata(size, name)
    data = cursor.take(cursor.remaining)
    return bytes(data) if form == STORED else _inflate(data, size, name)


def _inflate(data: memoryview, size: int, name: str) -> bytes:
    inflater = zlib.decompressobj()
    try:
        # One more than declared: a stream that goes on is seen, and does not grow.
        out = inflater.decompress(data, size + 1)
    except zlib.error as error:
        raise FormatError(f"{name} does not expand: {error}") from error
    if len(out) != size or not inflater.eof or inflater.unused_data:
        raise FormatError(f"{name} does not expand to the {size} bytes it declares")
    return out
