"""Pictures <-> streams: pad, analyse, walk the levels, entropy code, and back (spec/image.md)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pauca.container.chunks import Chunk, decode_stream
from pauca.container.headers import ImageHeader
from pauca.image.analysis import Analysis, Rows
from pauca.image.choose import cost_table, error_price, is_thrifty
from pauca.image.coded import DEFAULTS, Coded, EncodeOptions, check_pixels, header_of, quality_code
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
from pauca.image.vae.codec import VaeEncoder, vae_rows
from pauca.image.view import WHOLE, View
from pauca.image.walk import Walk
from pauca.image.window import Window
from pauca.limits import Limits
from pauca.pack.image import ImagePack
from pauca.pack.registry import find_natural, find_pack
from pauca.pack.runtime import threads_of
from pauca.pack.vae import VaePack
from pauca.pack.wavelet import wavelet_of
from pauca.pixels.colour import grey_from_rgb


class PictureEncoder:
    """Codes one picture at any quality; what does not depend on the quality is done once.

    pixels: (H, W) grey or (H, W, 3) RGB uint8, an array or what gives its rows. `InputError` on
    other arrays or options.
    """

    def __init__(self, pixels: Rows, pack: ImagePack, options: EncodeOptions = DEFAULTS) -> None:
        check_pixels(pixels, options)
        self.pixels = pixels
        self.networks = Networks(pack, options.runtime, threads_of(options.threads))
        self.pack = wavelet_of(pack)
        self.size = padded_size(*pixels.shape[:2])
        self._tile = tile_cells(options.tile, self.size)
        self._analysed: Analysis | None = None
        self._effort = options.effort
        thrifty = is_thrifty(pack, options.effort)
        self._costs = cost_table(self.pack) if thrifty else None

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
        pack, code = self.pack, qualities.code
        if self._analysed is None or "pre" in pack.programs:
            self._analysed = Analysis(
                self.pixels, self.size, self.networks, code, whole=not self._tile
            )
        kind = TiledEncoder if self._tile else Encoder
        effort = self._effort if qualities.map is None else min(self._effort, PLAIN)
        bands = bands_of(self._analysed, self.networks, code, effort)
        encoder = kind(pack, qualities, self._analysed.low_band, bands, self._costs, self._tile)
        if effort in FACTORS and pack.measure == "psnr":  # it weighs squared error
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
        return header_of(self.pixels, self.networks.pack, code)

    def _coded(self, encoder: Encoder) -> Coded:
        code, map = encoder.qualities.code, encoder.qualities.map
        before = [] if map is None else [Chunk(QUALITIES, encode_qualities(map))]
        if isinstance(encoder, TiledEncoder):
            return Coded(self._header(code), [*before, *encode_tiled(encoder.tiled())])
        return Coded(self._header(code), [*before, Chunk(PAYLOAD, encoder.payload())])


def encoder_of(
    pixels: Rows, pack: ImagePack, options: EncodeOptions
) -> PictureEncoder | VaeEncoder:
    """What codes a picture by the networks of a pack; `InputError` on other arrays or options."""
    if isinstance(pack, VaePack):
        return VaeEncoder(pixels, pack, options)
    return PictureEncoder(pixels, pack, options)


def encode_image(
    pixels: Rows,
    pack: ImagePack,
    options: EncodeOptions = DEFAULTS,
    extras: Sequence[Chunk] = (),
) -> bytes:
    """Code (H, W) grey or (H, W, 3) RGB uint8 pixels with a pack; InputError on other arrays or
    options. `extras` are chunks that stand between header and payload.
    """
    encoder = encoder_of(pixels, pack, options)
    return encoder.encode(quality_code(options.quality)).stream(extras)


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
    return Networks(find(header.pack_id, packs), runtime, threads_of(threads))


def check_plan(
    header: ImageHeader, payload: Payload, networks: Networks | None, limits: Limits, view: View
) -> None:
    """Raise `LimitError` if what the networks decode needs more memory than is allowed, before
    anything of it is decoded.
    """
    learned = [chunk for chunk in payload if chunk.type not in (GRAPHICS, QUALITIES)]
    if networks is None or not learned:
        return
    size, region = padded_size(header.height, header.width), _region(header, view)
    wanted = (region.rows.stop - region.rows.start) * (region.columns.stop - region.columns.start)
    check_memory(size, learned, wanted, view.reduce, limits)


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
    if isinstance(networks.pack, VaePack):
        yield from vae_rows(header, payload, networks, limits, view)
        return
    check_plan(header, payload, networks, limits, view)
    region = _region(header, view)
    size = padded_size(header.height, header.width)
    qualities, payload = split_qualities(header, payload, networks.pack, size, limits)
    decoder = decoder_of(payload, wavelet_of(networks.pack), size)
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
