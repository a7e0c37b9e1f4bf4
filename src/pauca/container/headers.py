"""Typed headers: all that `info` shows and a limit needs, known before anything large is read."""

from dataclasses import dataclass

from pauca.container.chunks import Chunk, scan_stream
from pauca.container.cursor import Cursor, encode_varint
from pauca.container.fidelity import Fidelity, find_fidelity
from pauca.container.identify import Kind, decode_preamble
from pauca.errors import FormatError, UnsupportedError
from pauca.limits import Limits

PACK_ID_BYTES = 8
MAX_SIDE = 2**31 - 1
MAX_QUALITY = 2**16 - 1
BASE_BYTES = 8
SOURCES = ("safetensors", "onnx", "torch", "npz")


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
class WeightsHeader:
    """The payload of chunk `W` (weights) or `U` (update).

    `source`: kind of file the network came from, one of `SOURCES`. `tensors`, `elements`, `nbytes`:
    how many, and of all decoded tensors together. `table_bytes`: of the expanded table, graph
    included. `base`: of an update, the first 8 bytes of the digest of the network it applies to.
    """

    source: str
    tensors: int
    elements: int
    nbytes: int
    table_bytes: int
    base: bytes = b""


Header = ImageHeader | WeightsHeader


@dataclass(frozen=True)
class ChunkInfo:
    """One chunk as `pauca info` lists it: `offset` and `size` of its payload, in bytes."""

    type: str
    critical: bool
    offset: int
    size: int


@dataclass(frozen=True)
class StreamInfo:
    """What is known of a stream without decoding it; `header` is None where the kind has none,
    `fidelity` where the stream does not state it.
    """

    kind: Kind
    version: tuple[int, int]
    size: int  # bytes of the whole stream
    header: Header | None
    chunks: tuple[ChunkInfo, ...]
    fidelity: Fidelity | None = None

    @property
    def content(self) -> str:
        """How a picture is coded: "photo", "graphics" (all without loss) or "mixed"."""
        if not self.has("G"):
            return "photo"
        return "mixed" if self.has("D") or self.has("P") else "graphics"

    def has(self, type: str) -> bool:
        """Whether the stream has a chunk of this type."""
        return any(chunk.type == type for chunk in self.chunks)


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


def encode_weights_header(header: WeightsHeader) -> bytes:
    """Return the payload of chunk `W`, or `U` where there is a base; `ValueError` if invalid."""
    if header.source not in SOURCES or len(header.base) not in (0, BASE_BYTES):
        raise ValueError(f"bad source or base: {header.source} {header.base.hex()}")
    numbers = (header.tensors, header.elements, header.nbytes, header.table_bytes)
    return b"".join(
        [
            bytes([SOURCES.index(header.source)]),
            *(encode_varint(number) for number in numbers),
            header.base,
        ]
    )


def decode_weights_header(
    payload: bytes | memoryview, kind: Kind, limits: Limits | None = None
) -> WeightsHeader:
    """Return the header in the payload of chunk `W` or `U`, its sizes checked against `limits`.

    Raises `FormatError`, `TruncatedError`, `UnsupportedError` (unknown source), `LimitError`.
    """
    limits = limits or Limits()
    cursor = Cursor(payload, "weights header")
    source = cursor.u8()
    if source >= len(SOURCES):
        raise UnsupportedError(f"weights of source {source}; this version knows {SOURCES}")
    tensors, elements, nbytes, table_bytes = (cursor.varint() for _ in range(4))
    base = bytes(cursor.take(BASE_BYTES)) if kind is Kind.UPDATE else b""
    cursor.finish()
    limits.check_tensors(tensors)
    # A bool takes a byte, a complex128 sixteen.
    if not elements <= nbytes <= 16 * elements:
        raise FormatError(f"weights header: {elements} elements cannot take {nbytes} bytes")
    limits.check_memory(nbytes + table_bytes, "decoding")
    return WeightsHeader(SOURCES[source], tensors, elements, nbytes, table_bytes, base)


def read_info(data: bytes | bytearray | memoryview, limits: Limits | None = None) -> StreamInfo:
    """Return kind, version, header and chunk list of a stream; nothing is decoded, no pack needed.

    Every checksum is verified; unknown chunks are listed. Raises what `scan_stream` raises.
    """
    limits = limits or Limits()
    chunks = tuple(scan_stream(data, limits))
    kind = Kind(chunks[0].type)
    header = _header(kind, chunks[0].payload, limits)
    fidelity = None
    if isinstance(header, ImageHeader):
        fidelity = find_fidelity(chunks, header.width, header.height)
    listed = tuple(_chunk_info(chunk) for chunk in chunks)
    return StreamInfo(kind, decode_preamble(data), len(data), header, listed, fidelity)


def _header(kind: Kind, payload: bytes | memoryview, limits: Limits) -> Header | None:
    if kind is Kind.IMAGE:
        return decode_image_header(payload, limits)
    if kind is Kind.VIDEO or payload[:1] not in [bytes([k]) for k in range(len(SOURCES))]:
        return None  # a later version may know more kinds of files; its streams can still be listed
    return decode_weights_header(payload, kind, limits)


def _chunk_info(chunk: Chunk) -> ChunkInfo:
    return ChunkInfo(chunk.type, chunk.critical, chunk.offset, len(chunk.payload))
