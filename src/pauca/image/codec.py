"""Pictures <-> streams: pad, analyse, walk the levels, entropy code, and back (spec/image.md)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
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
from pauca.image.effort import bands_of
from pauca.image.graphics import Canvas
from pauca.image.layout import ALIGN
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
)
from pauca.image.symbols import Encoder, TiledEncoder
from pauca.image.thrift import FACTORS, Ledger, Weights, cheapest
from pauca.image.tiling import encode_tiled, tile_cells
from pauca.image.view import WHOLE, View
from pauca.image.walk import Walk
from pauca.image.window import Window
from pauca.limits import Limits
from pauca.pack.image import ImagePack
from pauca.pack.registry import find_pack
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


def padded_size(height: int, width: int) -> tuple[int, int]:
    """Sides rounded up to what the transform needs."""
    return height + -height % ALIGN, width + -width % ALIGN


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
        self._size = padded_size(*pixels.shape[:2])
        self._tile = tile_cells(options.tile, self._size)
        self._analysed: Analysis | None = None
        self._effort = options.effort
        self._costs = cost_table(pack) if options.effort > 1 else None

    def encode(self, code: int) -> Coded:
        """Code at quality code 0..400."""
        encoder = self._encoder(code)
        walk = Walk(self.networks, self._size, code, encoder)
        try:
            walk.code_all()
        finally:
            walk.close()
        return self._coded(code, encoder)

    def encode_and_decode(self, code: int) -> tuple[Coded, NDArray[np.uint8]]:
        """Code at quality code 0..400; the pixels are those of decoders."""
        encoder = self._encoder(code)
        header = self._header(code)
        walk = Walk(self.networks, self._size, code, encoder, region=_region(header, WHOLE))
        pixels = _gathered(_finished(walk, header), header, WHOLE)
        return self._coded(code, encoder), pixels

    def _encoder(self, code: int) -> Encoder:
        pack = self.networks.pack
        if self._analysed is None or "pre" in pack.programs:
            self._analysed = Analysis(
                self.pixels, self._size, self.networks, code, whole=not self._tile
            )
        kind = TiledEncoder if self._tile else Encoder
        bands = bands_of(self._analysed, self.networks, code, self._effort)
        encoder = kind(pack, code, self._analysed.low_band, bands, self._costs, self._tile)
        if self._effort in FACTORS:
            price = error_price(code, pack.lmbda)
            trial = partial(self._trial, encoder)
            encoder.thrift = cheapest(self._effort, price, self._size, trial)
        return encoder

    def _trial(self, encoder: Encoder, thrift: Weights) -> Ledger:
        """What every block costs with these weights of bits."""
        ledger = Ledger(self._size, encoder.pack.tables)
        header = self._header(encoder.code)
        trial = replace(encoder, thrift=thrift, ledger=ledger, segments=[])
        if isinstance(trial, TiledEncoder):
            trial.done = {}
        walk = Walk(self.networks, self._size, encoder.code, trial, region=_region(header, WHOLE))
        top = 0
        for rows in _finished(walk, header):
            ledger.see(self.pixels, rows, top)
            top += len(rows)
        return ledger

    def _header(self, code: int) -> ImageHeader:
        height, width = self.pixels.shape[:2]
        channels = 1 if len(self.pixels.shape) == 2 else 3
        return ImageHeader(width, height, channels, self.networks.pack.info.pack_id, code)

    def _coded(self, code: int, encoder: Encoder) -> Coded:
        if isinstance(encoder, TiledEncoder):
            return Coded(self._header(code), encode_tiled(encoder.tiled()))
        return Coded(self._header(code), [Chunk(PAYLOAD, encoder.payload())])


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
    networks = networks_of(header, payload, packs, threads, runtime)
    return decode_payload(header, payload, networks, limits, view)


def networks_of(
    header: ImageHeader,
    payload: Payload,
    packs: Sequence[Path] = (),
    threads: int = 0,
    runtime: str = "native",
) -> Networks | None:
    """The networks that a payload needs, None for none: graphics alone do without a pack."""
    if [chunk.type for chunk in payload] == [GRAPHICS]:
        return None
    return Networks(find_pack(header.pack_id, packs), runtime, threads or default_threads())


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
    check_memory(size, payload, wanted, view.reduce, limits)
    decoder = decoder_of(header, payload, networks.pack, size)
    walk = Walk(networks, size, header.quality, decoder, view.reduce, region)
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
