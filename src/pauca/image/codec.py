"""Pictures <-> streams: pad, analyse, walk the levels, entropy code, and back (spec/image.md)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pauca.container.chunks import Chunk, decode_stream, encode_stream
from pauca.container.headers import ImageHeader, encode_image_header
from pauca.errors import InputError
from pauca.image import layout
from pauca.image.analysis import Analysis, Rows
from pauca.image.choose import cost_table, error_price
from pauca.image.effort import PLAIN, bands_of
from pauca.image.graphics import Canvas
from pauca.image.networks import Networks
from pauca.image.parse import (
    CODED,
    GRAPHICS,
    PAYLOAD,
    Payload,
    check_memory,
    decoder_of,
    parse_chunks,
    split_payload,
    split_qualities,
)
from pauca.image.qualities import QUALITIES, Codes, Qualities, encode_qualities
from pauca.image.symbols import Encoder, TiledEncoder
from pauca.image.thrift import FACTORS, Ledger, Weights, cheapest
from pauca.image.tiling import encode_tiled, padded_size, tile_cells
from pauca.image.view import WHOLE, View
from pauca.image.walk import Walk
from pauca.image.window import Window
from pauca.limits import Limits
from pauca.pack.image import ImagePack
from pauca.pack.registry import find_natural, find_pack
from pauca.pack.runtime import default_threads
from pauca.pixels.colour import grey_from_rgb


@dataclass(frozen=True)
class EncodeOptions:
    """`quality` 0..100 (higher is better), `effort` 1..9 (higher is slower), `threads` 0 for all
    cores; `tile`: pixels along the side of a tile, a power of two, 0 for none, by default 1024 in
    pictures of more than 4 megapixels, 512 in those of more than 8192 columns.
    """

    quality: float = 50.0
    effort: int = 3
    threads: int = 0
    runtime: str = "native"
    tile: int | None = None


@dataclass(frozen=True)
class Coded:
    """A picture coded at one quality: what its stream is made of."""

    header: ImageHeader
    payload: Sequence[Chunk]

    def stream(self, extras: Sequence[Chunk] = ()) -> bytes:
        """The complete stream, with chunks `extras` between header and payload."""
        header = Chunk("I", encode_image_header(self.header))
        return encode_stream([header, *extras, *self.payload])


class PictureEncoder:
    """Codes one picture at any quality; what does not depend on the quality is done once.

    pixels: (H, W) grey or (H, W, 3) RGB uint8, an array or what gives its rows. `InputError` on
    other arrays or options.
    """

    def __init__(
        self, pixels: Rows, pack: ImagePack, options: EncodeOptions = EncodeOptions()
    ) -> None:
        _check(pixels, options)
        self.pixels = pixels
        self.networks = Networks(pack, options.runtime, options.threads or default_threads())
        self.size = padded_size(*pixels.shape[:2])
        self._tile = tile_cells(options.tile, self.size)
        self._analysed: Analysis | None = None
        self._effort = options.effort
        self._costs = cost_table(pack) if options.effort > 1 else None

    def encode(self, code: int) -> Coded:
        """Code at quality code 0..400."""
        encoder = self._encoder(Qualities(code))
        walk = Walk(self.networks, self.size, encoder.qualities, encoder)
        try:
            walk.code_all()
        finally:
            walk.close()
        return self._coded(encoder)

    def encode_and_decode(
        self, code: int, map: Codes | None = None
    ) -> tuple[Coded, NDArray[np.uint8]]:
        """Code at quality code 0..400, and what blocks of the `map` have in its place; the pixels
        are those of decoders.
        """
        encoder = self._encoder(Qualities(code, map))
        pixels = _gathered(self._rows(encoder), self._header(code), WHOLE)
        return self._coded(encoder), pixels

    def _encoder(self, qualities: Qualities) -> Encoder:
        pack, code = self.networks.pack, qualities.code
        if self._analysed is None or "pre" in pack.programs:
            self._analysed = Analysis(
                self.pixels, self.size, self.networks, code, whole=not self._tile
            )
        kind = TiledEncoder if self._tile else Encoder
        effort = self._effort if qualities.map is None else min(self._effort, PLAIN)
        bands = bands_of(self._analysed, self.networks, code, effort)
        encoder = kind(pack, qualities, self._analysed.low_band, bands, self._costs, self._tile)
        if effort in FACTORS:
            price = error_price(code, pack.lmbda)
            encoder.thrift = cheapest(effort, price, self.size, partial(self._trial, encoder))
        return encoder

    def _trial(self, encoder: Encoder, thrift: Weights) -> Ledger:
        """What every block costs with these weights of bits."""
        ledger = Ledger(self.size, encoder.pack.tables)
        ledger.see(self.pixels, self._rows(encoder.again(thrift, ledger)))
        return ledger

    def _rows(self, encoder: Encoder) -> Iterator[NDArray[np.uint8]]:
        """Code, and give rows as decoders have them."""
        header = self._header(encoder.qualities.code)
        region = _region(header, WHOLE)
        qualities = encoder.qualities
        return _finished(Walk(self.networks, self.size, qualities, encoder, region=region), header)

    def _header(self, code: int) -> ImageHeader:
        height, width = self.pixels.shape[:2]
        channels = 1 if len(self.pixels.shape) == 2 else 3
        return ImageHeader(width, height, channels, self.networks.pack.info.pack_id, code)

    def _coded(self, encoder: Encoder) -> Coded:
        code, map = encoder.qualities.code, encoder.qualities.map
        before = [] if map is None else [Chunk(QUALITIES, encode_qualities(map))]
        if isinstance(encoder, TiledEncoder):
            return Coded(self._header(code), [*before, *encode_tiled(encoder.tiled())])
        return Coded(self._header(code), [*before, Chunk(PAYLOAD, encoder.payload())])


def quality_code(quality: float) -> int:
    """Code 0..400 in the header of quality 0..100."""
    return round(quality * (layout.QUALITIES - 1) / 100)


def encode_image(
    pixels: Rows,
    pack: ImagePack,
    options: EncodeOptions = EncodeOptions(),
    extras: Sequence[Chunk] = (),
) -> bytes:
    """Code (H, W) grey or (H, W, 3) RGB uint8 pixels with a pack; InputError on other arrays or
    options. `extras` are chunks that stand between header and payload.
    """
    encoder = PictureEncoder(pixels, pack, options)
    return encoder.encode(quality_code(options.quality)).stream(extras)


def _check(pixels: Rows, options: EncodeOptions) -> None:
    shape = pixels.shape
    dtype = getattr(pixels, "dtype", np.dtype(np.uint8))
    if dtype != np.uint8 or len(shape) not in (2, 3) or (len(shape) == 3 and shape[2] != 3):
        raise InputError(f"pixels must be uint8 (H, W) or (H, W, 3), not {dtype} {shape}")
    if min(shape[:2]) < 1 or not 0 <= options.quality <= 100 or not 1 <= options.effort <= 9:
        raise InputError("an empty picture, a quality outside 0..100 or an effort outside 1..9")


def decode_image(
    data: bytes,
    limits: Limits | None = None,
    packs: Sequence[Path] = (),
    threads: int = 0,
    runtime: str = "native",
    view: View = WHOLE,
) -> NDArray[np.uint8]:
    """Decode a picture stream to (H, W) or (H, W, 3) uint8, its alpha left out; `packs` are folders
    searched besides the shipped packs.
    """
    limits = limits or Limits()
    header, payload = parse_chunks(decode_stream(data, CODED, limits), limits)
    networks = networks_of(header, payload, packs, threads, runtime, view.natural)
    return decode_payload(header, payload, networks, limits, view)


def networks_of(
    header: ImageHeader,
    payload: Payload,
    packs: Sequence[Path] = (),
    threads: int = 0,
    runtime: str = "native",
    natural: bool = False,
) -> Networks | None:
    """The networks that a payload needs, None for none: graphics alone do without a pack."""
    if [chunk.type for chunk in payload] == [GRAPHICS]:
        return None
    find = find_natural if natural else find_pack
    return Networks(find(header.pack_id, packs), runtime, threads or default_threads())


def decode_payload(
    header: ImageHeader,
    payload: Payload,
    networks: Networks | None,
    limits: Limits,
    view: View = WHOLE,
) -> NDArray[np.uint8]:
    """Decode the parts of a stream with the networks of its pack, as `decode_image`."""
    rows = decode_rows(header, payload, networks, limits, view)
    return _gathered(rows, header, view)


def decode_rows(
    header: ImageHeader,
    payload: Payload,
    networks: Networks | None,
    limits: Limits,
    view: View = WHOLE,
) -> Iterator[NDArray[np.uint8]]:
    """Like `decode_payload`, but give the rows from top to bottom, as many at once as are done."""
    region = _region(header, view)
    graphics, payload = split_payload(header, payload, limits)
    if graphics is None:
        yield from _learned_rows(header, payload, networks, limits, view)
        return
    canvas = Canvas(graphics, header.channels, view.scale, region)
    canvas.check_memory(limits)
    if not payload:
        yield from canvas.rows()
        return
    top = region.rows.start
    for rows in _learned_rows(header, payload, networks, limits, view):
        yield canvas.paint(rows, top)
        top += len(rows)


def _learned_rows(
    header: ImageHeader,
    payload: Payload,
    networks: Networks | None,
    limits: Limits,
    view: View,
) -> Iterator[NDArray[np.uint8]]:
    """The rows that the networks decode, without graphics."""
    assert networks is not None  # `networks_of` gives them for such a payload
    region = _region(header, view)
    size = padded_size(header.height, header.width)
    wanted = (region.rows.stop - region.rows.start) * (region.columns.stop - region.columns.start)
    qualities, payload = split_qualities(header, payload, networks.pack, size, limits)
    check_memory(size, payload, wanted, view.reduce, limits)
    decoder = decoder_of(payload, networks.pack, size)
    walk = Walk(networks, size, qualities, decoder, view.reduce, region)
    yield from _finished(walk, header)
    if view.reduce == 0 and not decoder.tile_cells:
        decoder.latents.finish()


def _region(header: ImageHeader, view: View) -> Window:
    return view.window(header.height, header.width)


def _finished(walk: Walk, header: ImageHeader) -> Iterator[NDArray[np.uint8]]:
    """Rows (h, W) or (h, W, 3) of what a walk gives."""
    try:
        for rgb in walk.pictures():
            yield grey_from_rgb(rgb) if header.channels == 1 else rgb
    finally:
        walk.close()


def _gathered(
    rows: Iterator[NDArray[np.uint8]], header: ImageHeader, view: View
) -> NDArray[np.uint8]:
    """All rows in one array; the first ones are what finds most faults, before it is made."""
    window = _region(header, view)
    height, width = (side.stop - side.start for side in window)
    whole: NDArray[np.uint8] | None = None
    done = 0
    for part in rows:
        if whole is None:
            whole = np.empty((height, width, *part.shape[2:]), np.uint8)
        whole[done : done + len(part)] = part
        done += len(part)
    assert whole is not None and done == height
    return whole
