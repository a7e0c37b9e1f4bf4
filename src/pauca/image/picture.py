"""Pictures as files have them <-> streams: colours, and around them alpha and metadata."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pauca.container.chunks import Chunk, decode_stream
from pauca.container.metadata import NAMES, decode_metadata, encode_metadata
from pauca.image.alpha import decode_alpha, encode_alpha
from pauca.image.codec import EncodeOptions, decode_payload
from pauca.image.compress import Aim, compress_picture
from pauca.image.networks import Networks
from pauca.image.parse import ALPHA, CODED, parse_chunks
from pauca.limits import Limits
from pauca.pack.image import ImagePack
from pauca.pack.registry import find_pack
from pauca.pack.runtime import default_threads
from pauca.pixels.hidden import fill_hidden
from pauca.pixels.picture import Picture, Pixels


def encode_picture(
    picture: Picture,
    pack: ImagePack,
    options: EncodeOptions,
    aim: Aim | None = None,
    keep_hidden: bool = False,
) -> bytes:
    """Return the stream of a picture; `InputError`, or `LimitError` on giant metadata."""
    colour, extras = split_picture(picture, keep_hidden)
    return compress_picture(colour, pack, options, aim or Aim(), extras)


def split_picture(picture: Picture, keep_hidden: bool = False) -> tuple[Pixels, list[Chunk]]:
    """Return the colours, (H, W) or (H, W, 3), and the chunks of all else, in their order.

    Colours of fully transparent pixels become what costs least, but for `keep_hidden`.
    """
    extras = encode_metadata(picture.metadata)
    colour, alpha = colour_and_alpha(picture.pixels)
    if alpha is None:
        return colour, extras
    extras.append(Chunk(ALPHA, encode_alpha(alpha)))
    return colour if keep_hidden else fill_hidden(colour, alpha), extras


def colour_and_alpha(pixels: Pixels) -> tuple[Pixels, Pixels | None]:
    """Return the colours, (H, W) or (H, W, 3), and the alpha (H, W) of pixels of any shape."""
    if pixels.ndim == 2 or pixels.shape[2] == 3:
        return pixels, None
    colour = pixels[..., 0] if pixels.shape[2] == 2 else pixels[..., :3]
    return np.ascontiguousarray(colour), np.ascontiguousarray(pixels[..., -1])


def decode_picture(
    data: bytes, limits: Limits | None = None, packs: Sequence[Path] = ()
) -> Picture:
    """Return the picture in a stream, of 1 to 4 channels; raises what `decode_image` raises, and
    `UnsupportedError` on a later form of alpha or metadata.
    """
    limits = limits or Limits()
    chunks = decode_stream(data, (*CODED, *NAMES), limits)
    header, payload = parse_chunks([c for c in chunks if c.type in CODED], limits)
    metadata = decode_metadata(chunks, limits)
    shape = (header.height, header.width)
    alpha = [decode_alpha(c.payload, shape, limits) for c in chunks if c.type == ALPHA]
    networks = Networks(find_pack(header.pack_id, packs), "native", default_threads())
    colour = decode_payload(header, payload, networks, limits)
    return Picture(np.dstack([colour, *alpha]) if alpha else colour, metadata)
