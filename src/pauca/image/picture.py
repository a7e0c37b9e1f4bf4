"""Pictures as files have them <-> streams: colours, and around them alpha and metadata."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pauca.container.chunks import Chunk, decode_prefix, decode_stream
from pauca.container.headers import ImageHeader
from pauca.container.metadata import NAMES, Metadata, decode_metadata, encode_metadata
from pauca.image.alpha import decode_alpha, encode_alpha
from pauca.image.codec import check_plan, decode_payload, decode_rows, networks_of
from pauca.image.coded import EncodeOptions
from pauca.image.compress import Aim, compress_picture
from pauca.image.graphics import reduced_means
from pauca.image.kind import Content
from pauca.image.networks import Networks
from pauca.image.parse import ALPHA, CODED, PAYLOAD, Payload, parse_chunks
from pauca.image.view import WHOLE, View
from pauca.limits import Limits
from pauca.pack.image import ImagePack
from pauca.pixels.hidden import fill_hidden, flatten_hidden
from pauca.pixels.picture import Picture, Pixels, colours_of


def encode_picture(
    picture: Picture,
    pack: ImagePack,
    options: EncodeOptions,
    aim: Aim | None = None,
    keep_hidden: bool = False,
    content: Content = Content.AUTO,
) -> bytes:
    """Return the stream of a picture; `InputError`, or `LimitError` on giant metadata.

    Colours of fully transparent pixels become what costs least, but for `keep_hidden`.
    """
    extras = encode_metadata(picture.metadata)
    colour, alpha = colour_and_alpha(picture.pixels)
    flat = colour
    if alpha is not None:
        extras.append(Chunk(ALPHA, encode_alpha(alpha)))
    if alpha is not None and not keep_hidden:
        flat, colour = flatten_hidden(colour, alpha), fill_hidden(colour, alpha)
    return compress_picture(colour, pack, options, aim or Aim(), extras, content, flat)


def colour_and_alpha(pixels: Pixels) -> tuple[Pixels, Pixels | None]:
    """Return the colours, (H, W) or (H, W, 3), and the alpha (H, W) of pixels of any shape."""
    if pixels.ndim == 2 or pixels.shape[2] == 3:
        return pixels, None
    return colours_of(pixels), np.ascontiguousarray(pixels[..., -1])


@dataclass(frozen=True)
class Opened:
    """A picture stream whose pixels are still to be decoded."""

    header: ImageHeader
    metadata: Metadata
    view: View
    alpha: Pixels | None
    _payload: Payload
    _networks: Networks | None
    _limits: Limits

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of what is decoded."""
        rows, columns = self.view.window(self.header.height, self.header.width)
        return rows.stop - rows.start, columns.stop - columns.start

    def rows(self) -> Iterator[Pixels]:
        """Rows (h, W) or (h, W, 3) of the colours from top to bottom, as they are done."""
        return decode_rows(self.header, self._payload, self._networks, self._limits, self.view)

    def pixels(self) -> Pixels:
        """The samples as `Picture` has them."""
        colour = decode_payload(self.header, self._payload, self._networks, self._limits, self.view)
        return colour if self.alpha is None else np.dstack([colour, self.alpha])


def open_picture(
    data: bytes,
    limits: Limits | None = None,
    packs: Sequence[Path] = (),
    view: View = WHOLE,
    threads: int = 0,
) -> Opened:
    """Read all of a stream but its colours; raises what `decode_image` raises, and
    `UnsupportedError` on a later form of alpha or metadata. `threads` 0 for all cores.
    """
    limits = limits or Limits()
    known = (*CODED, *NAMES)
    if view.prefix:
        chunks = decode_prefix(data, known, PAYLOAD, limits)
    else:
        chunks = decode_stream(data, known, limits)
    coded = [c for c in chunks if c.type in CODED]
    header, payload = parse_chunks(coded, limits, view.prefix)
    metadata = decode_metadata(chunks, limits)
    shape = (header.height, header.width)
    networks = networks_of(header, payload, packs, threads, natural=view.natural)
    check_plan(header, payload, networks, limits, view)
    alphas = [decode_alpha(c.payload, shape, limits) for c in chunks if c.type == ALPHA]
    alpha = reduced(alphas[0], view) if alphas else None
    return Opened(header, metadata, view, alpha, payload, networks, limits)


def decode_picture(
    data: bytes,
    limits: Limits | None = None,
    packs: Sequence[Path] = (),
    view: View = WHOLE,
    threads: int = 0,
) -> Picture:
    """Return the picture in a stream, of 1 to 4 channels; raises what `open_picture` raises."""
    opened = open_picture(data, limits, packs, view, threads)
    return Picture(opened.pixels(), opened.metadata)


def reduced(alpha: Pixels, view: View) -> Pixels:
    """The view of a plane (H, W): means of scale x scale samples, of those that are there."""
    height, width = alpha.shape
    rows, columns = view.window(height, width)
    small = reduced_means(alpha, view.scale)
    return np.ascontiguousarray(small[rows.start : rows.stop, columns.start : columns.stop])
