"""Typed headers: all that `info` shows and a limit needs, known before anything large is read."""

from dataclasses import dataclass

from pauca.container.chunks import Chunk, scan_stream
from pauca.container.cursor import Cursor, encode_varint
from pauca.container.identify import Kind, decode_preamble
from pauca.errors import FormatError, UnsupportedError
from pauca.limits import Limits

PACK_ID_BYTES = 8
MAX_SIDE = 2**31 - 1
MAX_QUALITY = 2**16 - 1


@dataclass(frozen=True)
class ImageHeader:
    """The payload of chunk `I`.

    `width`, `height`: pixels, 1..2**31 - 1. `channels`: 1 (grey) or 3 (RGB). `pack_id`: the first 8
    bytes of the SHA-256 of the model pack. `quality`: 0..65535, its meaning belongs to the pack.
    """

    width: int
    height: int
    channels: int
    pack_id: bytes
    quality: int = 0
    bit_depth: int = 8


@dataclass(frozen=True)
class ChunkInfo:
    """One chunk as `pauca info` lists it: `offset` and `size` of its payload, in bytes."""

    type: str
    critical: bool
    offset: int
    size: int


@dataclass(frozen=True)
class StreamInfo:
    """What is known of a stream without decoding it; `header` is None where the kind has none."""

    kind: Kind
    version: tuple[int, int]
    size: int  # bytes of the whole stream
    header: ImageHeader | None
    chunks: tuple[ChunkInfo, ...]


def encode_image_header(header: ImageHeader) -> bytes:
    """Return the payload of chunk `I` (14 bytes for a typical picture); `ValueError` if invalid."""
    if not (0 < header.width <= MAX_SIDE and 0 < header.height <= MAX_SIDE):
        raise ValueError(f"bad picture size: {header.width} x {header.height}")
    if header.channels not in (1, 3) or header.bit_depth != 8:
        raise ValueError(f"bad format: {header.channels} channels of {header.bit_depth} bits")
    if len(header.pack_id) != PACK_ID_BYTES or not 0 <= header.quality <= MAX_QUALITY:
        raise ValueError("bad pack id or quality")
    return b"".join(
        [
            encode_varint(header.width),
            encode_varint(header.height),
            bytes([header.bit_depth << 3 | header.channels]),
            header.pack_id,
            encode_varint(header.quality),
        ]
    )


def decode_image_header(payload: bytes | memoryview, limits: Limits | None = None) -> ImageHeader:
    """Return the header in the payload of chunk `I`, with its size checked against `limits`.

    Raises `FormatError`, `TruncatedError`, `UnsupportedError` (bit depth), `LimitError`.
    """
    cursor = Cursor(payload, "image header")
    width, height = cursor.varint(), cursor.varint()
    if not (0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE):
        raise FormatError(f"image header: bad picture size {width} x {height}")
    bit_depth, channels = divmod(cursor.u8(), 8)
    if channels not in (1, 3):
        raise FormatError(f"image header: {channels} channels; 1 or 3 allowed")
    if bit_depth != 8:
        raise UnsupportedError(f"picture of {bit_depth} bits per sample; this version reads 8")
    pack_id = bytes(cursor.take(PACK_ID_BYTES))
    quality = cursor.varint()
    if quality > MAX_QUALITY:
        raise FormatError(f"image header: quality {quality} is over {MAX_QUALITY}")
    cursor.finish()
    (limits or Limits()).check_pixels(width, height)
    return ImageHeader(width, height, channels, pack_id, quality, bit_depth)


def read_info(data: bytes | bytearray | memoryview, limits: Limits | None = None) -> StreamInfo:
    """Return kind, version, header and chunk list of a stream; nothing is decoded, no pack needed.

    Every checksum is verified; unknown chunks are listed. Raises what `scan_stream` raises.
    """
    limits = limits or Limits()
    chunks = tuple(scan_stream(data, limits))
    kind = Kind(chunks[0].type)
    header = decode_image_header(chunks[0].payload, limits) if kind is Kind.IMAGE else None
    return StreamInfo(
        kind, decode_preamble(data), len(data), header, tuple(_chunk_info(c) for c in chunks)
    )


def _chunk_info(chunk: Chunk) -> ChunkInfo:
    return ChunkInfo(chunk.type, chunk.critical, chunk.offset, len(chunk.payload))
