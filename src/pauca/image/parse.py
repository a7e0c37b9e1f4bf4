"""The chunks of a picture stream to what is decoded, checked before anything large is made."""

from __future__ import annotations

from collections.abc import Sequence

from pauca.container.chunks import Chunk
from pauca.container.headers import ImageHeader, decode_image_header
from pauca.errors import FormatError, TruncatedError
from pauca.image import layout
from pauca.image.graphics import WHOLE, Graphics, decode_graphics
from pauca.image.qualities import QUALITIES, Qualities, decode_qualities
from pauca.image.symbols import Decoder, TiledDecoder
from pauca.image.tiling import LEVEL, MAX_LOG, decode_tiled
from pauca.limits import Limits
from pauca.pack.image import ImagePack
from pauca.pack.wavelet import WaveletPack

PAYLOAD = "D"
ALPHA = "A"
GRAPHICS = "G"
CODED = ("I", ALPHA, GRAPHICS, QUALITIES, PAYLOAD, LEVEL)  # what a picture is made of, in its order

# Of working memory, measured at its peak, rounded up: for a pixel of what is worked on at once, two
# rows of tiles or all, and for a pixel of the result.
BYTES_PER_PIXEL = 60
PICTURE_BYTES = 3

# One chunk D or chunks P, a chunk G and then one Q before these where there are any, or G alone.
Payload = Sequence[Chunk]


def parse_chunks(
    chunks: Sequence[Chunk], limits: Limits, prefix: bool = False
) -> tuple[ImageHeader, Payload]:
    """Header and payload of a picture stream of these chunks, all that are CODED; with `prefix` it
    may lack finer levels.
    """
    types = [chunk.type for chunk in chunks]
    first = 2 if types[1:2] == [ALPHA] else 1
    rest = types[first:]
    drawn = rest[:1] == [GRAPHICS]
    whole = drawn and bytes(chunks[first].payload[:1]) == bytes([WHOLE])
    learned = rest[drawn:]
    mapped = learned[:1] == [QUALITIES]
    learned = learned[mapped:]
    most = 1 + layout.LEVELS
    levels = len(learned) <= most and set(learned) == {LEVEL} and (prefix or len(learned) == most)
    good = not (learned or mapped) if whole else learned == [PAYLOAD] or levels
    if types[:1] != ["I"] or not good:
        if prefix and types[:1] == ["I"] and not learned:
            raise TruncatedError("the stream ends before its payload")
        raise FormatError(
            "a picture stream has one header, alpha, graphics and a map of qualities behind it, and"
            " one payload unless all is graphics"
        )
    return decode_image_header(chunks[0].payload, limits), chunks[first:]


def split_payload(
    header: ImageHeader, payload: Payload, limits: Limits
) -> tuple[Graphics | None, Payload]:
    """Graphics, if there are any, and what the networks decode, which may be nothing."""
    if payload[0].type != GRAPHICS:
        return None, payload
    size = (header.height, header.width)
    return decode_graphics(payload[0].payload, size, limits), payload[1:]


def split_qualities(
    header: ImageHeader, payload: Payload, pack: ImagePack, size: tuple[int, int], limits: Limits
) -> tuple[Qualities, Payload]:
    """Qualities of a padded picture of `size`, and what is left of the payload; FormatError if the
    pack has no such quality.
    """
    if payload[0].type != QUALITIES:
        qualities, best = Qualities(header.quality), header.quality
    else:
        codes = decode_qualities(payload[0].payload, size, limits)
        qualities, best = Qualities(header.quality, codes), max(header.quality, int(codes.max()))
        payload = payload[1:]
    if best >= pack.qualities:
        raise FormatError(f"quality code {best} is above {pack.qualities - 1}")
    return qualities, payload


def check_memory(
    size: tuple[int, int], payload: Payload, wanted: int, reduce: int, limits: Limits
) -> None:
    """Raise `LimitError` if a padded picture of `size`, reduced by 2**`reduce`, `wanted` samples of
    it in the end, needs more memory than is allowed.
    """
    height, width = (side >> reduce for side in size)
    rows = height
    if payload[0].type == LEVEL and payload[0].payload:
        rows = min(height, 8 << min(payload[0].payload[0], MAX_LOG))
    planned = wanted * PICTURE_BYTES + rows * width * BYTES_PER_PIXEL
    limits.check_memory(planned, "decoding")


def decoder_of(payload: Payload, pack: WaveletPack, size: tuple[int, int]) -> Decoder:
    """Where the symbols of a payload come from; FormatError and its children if it breaks rules."""
    if payload[0].type == PAYLOAD:
        return Decoder(bytes(payload[0].payload), pack)
    return TiledDecoder(decode_tiled([chunk.payload for chunk in payload], size), pack)
