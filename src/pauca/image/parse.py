"""The chunks of a picture stream to what is decoded, checked before anything large is made."""

from __future__ import annotations

from collections.abc import Sequence

from pauca.container.chunks import Chunk
from pauca.container.headers import ImageHeader, decode_image_header
from pauca.errors import FormatError, TruncatedError
from pauca.image import layout
from pauca.image.symbols import Decoder, TiledDecoder
from pauca.image.tiling import LEVEL, decode_tiled
from pauca.limits import Limits
from pauca.pack.image import ImagePack

PAYLOAD = "D"
ALPHA = "A"
CODED = ("I", ALPHA, PAYLOAD, LEVEL)  # what a picture is made of, in its order

# Bytes of working memory, measured at its peak, rounded up: a pixel where all is one tile, else a
# pixel of the two rows of tiles that are worked on, besides the picture.
BYTES_PER_PIXEL = 60
PICTURE_BYTES = 4

Payload = Sequence[Chunk]  # one chunk D, or chunks P


def parse_chunks(
    chunks: Sequence[Chunk], limits: Limits, prefix: bool = False
) -> tuple[ImageHeader, Payload]:
    """Header and payload of a picture stream of these chunks, all that are CODED; with `prefix` it
    may lack finer levels.
    """
    types = [chunk.type for chunk in chunks]
    first = 2 if types[1:2] == [ALPHA] else 1
    rest = types[first:]
    most = 1 + layout.LEVELS
    levels = len(rest) <= most and set(rest) == {LEVEL} and (prefix or len(rest) == most)
    if types[:1] != ["I"] or not (rest == [PAYLOAD] or levels):
        if prefix and types[:1] == ["I"] and not rest:
            raise TruncatedError("the stream ends before its payload")
        raise FormatError("a picture stream has one header and one payload, and alpha between them")
    return decode_image_header(chunks[0].payload, limits), chunks[first:]


def check_memory(size: tuple[int, int], payload: Payload, limits: Limits) -> None:
    """Raise `LimitError` if a padded picture of `size` needs more memory than is allowed."""
    pixels = size[0] * size[1]
    planned = pixels * BYTES_PER_PIXEL
    if payload[0].type == LEVEL:
        side = 4 << min(payload[0].payload[0] if payload[0].payload else 0, 15)
        rows = min(size[0], 2 * side) * size[1]
        planned = pixels * PICTURE_BYTES + rows * BYTES_PER_PIXEL
    limits.check_memory(planned, "decoding")


def decoder_of(
    header: ImageHeader, payload: Payload, pack: ImagePack, size: tuple[int, int]
) -> Decoder:
    """Where the symbols of a payload come from; FormatError and its children if it breaks rules."""
    if header.quality >= len(pack.steps):
        raise FormatError(f"quality code {header.quality} is above {len(pack.steps) - 1}")
    if payload[0].type == PAYLOAD:
        return Decoder(bytes(payload[0].payload), pack)
    return TiledDecoder(decode_tiled([chunk.payload for chunk in payload], size), pack)
