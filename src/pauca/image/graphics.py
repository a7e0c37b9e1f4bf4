"""Graphics of a picture, without loss, as the payload of chunk `G` (spec/image.md, "Graphics").

All of a picture, or blocks of it, in WebP pictures of parts of it, so that a region needs a few of
them alone and memory does not grow with the height.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product

import numpy as np
from numpy.typing import NDArray

from pauca.coding.weights import decode_levels, encode_levels
from pauca.container.cursor import Cursor, encode_varint
from pauca.errors import EntropyError, FormatError, TruncatedError, UnsupportedError
from pauca.image.analysis import Rows
from pauca.image.window import Span, Window
from pauca.limits import Limits
from pauca.pixels.webp import bare, decode_lossless, dressed, encode_lossless

WHOLE, BLOCKS = 0, 1
PART_LOG, MIN_PART_LOG, MAX_PART_LOG = 11, 6, 13  # of the side of a part in pixels
MIN_BLOCK_LOG = 3  # of the side of a block: scales cut no block
METHODS = (0, 1, 3, 4, 4, 5, 5, 6, 6)  # of WebP, by effort
QUALITIES = (25, 50, 75, 75, 80, 85, 95, 95, 100)
BYTES_PER_PIXEL = 16  # of a part that is decoded, at the peak
BAND_BYTES = 12  # for a sample of a row of parts

Pixels = NDArray[np.uint8]
Blocks = NDArray[np.bool_]  # (ceil(H / side), ceil(W / side)), True where graphics are


@dataclass
class Graphics:
    """What chunk `G` holds of a picture of `size`; `blocks` of 2**`block_log` pixels a side, None
    where it holds everything; parts of 2**`part_log` pixels a side, row after row.
    """

    size: tuple[int, int]
    part_log: int
    block_log: int
    blocks: Blocks | None
    parts: Sequence[bytes | memoryview]

    def share(self) -> float:
        """Which share of the blocks is graphics, 0..1."""
        return 1.0 if self.blocks is None else float(self.blocks.mean())


def encode_graphics(
    pixels: Rows, blocks: Blocks | None, block_side: int, effort: int = 3, part_log: int = PART_LOG
) -> bytes:
    """Return the payload for pixels (H, W) or (H, W, 3) uint8, all or `blocks` of `block_side`
    pixels, a power of two. `effort` 1..9.
    """
    size = (pixels.shape[0], pixels.shape[1])
    head = bytes([WHOLE, part_log])
    if blocks is not None:
        coded = encode_levels(blocks.astype(np.int32), blocks.shape[1], "mix")
        log = block_side.bit_length() - 1
        head = bytes([BLOCKS, part_log, log]) + encode_varint(len(coded)) + coded
    parts = [
        _encode_part(pixels, place, _mask(blocks, place, block_side), effort)
        for place in _places(size, part_log)
    ]
    return b"".join([head, *(encode_varint(len(part)) for part in parts), *parts])


def _encode_part(pixels: Rows, place: Window, mask: Blocks | None, effort: int) -> bytes:
    if mask is not None and not mask.any():
        return b""
    part = pixels[place.slices]
    if mask is not None and not mask.all():
        part = np.array(part)
        # A colour that is there keeps palettes small; where it stands does not matter.
        part[~mask] = part[np.unravel_index(int(mask.argmax()), mask.shape)]
    method, quality = METHODS[effort - 1], QUALITIES[effort - 1]
    return bare(encode_lossless(np.ascontiguousarray(part), quality, method))


def decode_graphics(payload: bytes | memoryview, size: tuple[int, int], limits: Limits) -> Graphics:
    """Return what the payload of a picture of `size` holds, its parts not decoded yet; the caller
    has checked `size`. Raises `FormatError` and its children, `UnsupportedError`, `LimitError`.
    """
    cursor = Cursor(payload, "graphics")
    form = cursor.u8()
    if form not in (WHOLE, BLOCKS):
        raise UnsupportedError(f"graphics of form {form}; this version reads 0 and 1")
    part_log = cursor.u8()
    if not MIN_PART_LOG <= part_log <= MAX_PART_LOG:
        raise FormatError(f"graphics of 2**{part_log} pixels; {MIN_PART_LOG}..{MAX_PART_LOG} known")
    block_log, blocks = part_log, None
    if form == BLOCKS:
        block_log = cursor.u8()
        if not MIN_BLOCK_LOG <= block_log <= part_log:
            raise FormatError(f"blocks of 2**{block_log} pixels; {MIN_BLOCK_LOG}..{part_log} known")
        blocks = _decode_map(bytes(cursor.take(cursor.varint())), size, block_log, limits)
    places = _count(size[0], part_log) * _count(size[1], part_log)
    if places > cursor.remaining:  # before a list of that length is made
        raise TruncatedError(f"graphics have no room for {places} parts")
    lengths = [cursor.varint() for _ in range(places)]
    for length, place in zip(lengths, _places(size, part_log), strict=True):
        if bool(length) != _some(blocks, place, 1 << block_log):
            raise FormatError("graphics have a part without a block, or a block without a part")
    parts = [cursor.take(length) for length in lengths]
    cursor.finish()
    return Graphics(size, part_log, block_log, blocks, parts)


def _decode_map(data: bytes, size: tuple[int, int], log: int, limits: Limits) -> Blocks:
    high, wide = (_count(side, log) for side in size)
    limits.check_memory(8 * high * wide, "decoding the map of graphics")
    levels = decode_levels(data, high * wide, wide)
    if not 0 <= int(levels.min()) <= int(levels.max()) <= 1:
        raise EntropyError("the map of graphics holds more than 0 and 1")
    if not levels.any():
        raise FormatError("the map of graphics names no block")
    return levels.reshape(high, wide) > 0


@dataclass
class Canvas:
    """Graphics at a scale, in columns of a region of it, decoded from top to bottom.

    `channels` 1 or 3; `region` counts samples of the picture `scale` times smaller.
    """

    graphics: Graphics
    channels: int
    scale: int
    region: Window
    _bands: dict[int, tuple[Pixels, Blocks | None]] = field(default_factory=dict)

    def check_memory(self, limits: Limits) -> None:
        """Raise `LimitError` if decoding rows of parts to a picture needs more than is allowed."""
        side = 1 << self.graphics.part_log
        high, wide = (min(side, length) for length in self.graphics.size)
        rows, columns = (span.stop - span.start for span in self.region)
        band = min(rows, self._side) * columns * BAND_BYTES
        planned = high * wide * BYTES_PER_PIXEL + band + rows * columns * self.channels
        limits.check_memory(planned, "decoding graphics")

    def rows(self) -> Iterator[Pixels]:
        """The region's rows (h, W) or (h, W, 3), where all of the picture is graphics."""
        for span in self.region.rows.tiles(self._side):
            yield self._band(span)[0]

    def paint(self, rows: Pixels, top: int) -> Pixels:
        """Rows (h, W) or (h, W, 3) of the region, from row `top` of the reduced picture on, with
        the blocks of graphics put in.
        """
        parts = []
        for span in Span(top, top + len(rows)).tiles(self._side):
            pixels, mask = self._band(span)
            old = rows[span.start - top : span.stop - top]
            if mask is None or not mask.any():
                parts.append(old)
            else:
                parts.append(np.where(mask if old.ndim == 2 else mask[..., None], pixels, old))
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    @property
    def _side(self) -> int:
        return (1 << self.graphics.part_log) // self.scale

    def _band(self, span: Span) -> tuple[Pixels, Blocks | None]:
        """Samples and mask of rows that lie within one row of parts."""
        number = span.start // self._side
        if number not in self._bands:
            self._bands.clear()  # rows come from top to bottom
            self._bands[number] = self._decoded(number)
        pixels, mask = self._bands[number]
        cut = slice(span.start - number * self._side, span.stop - number * self._side)
        return pixels[cut], None if mask is None else mask[cut]

    def _decoded(self, number: int) -> tuple[Pixels, Blocks | None]:
        """A row of parts in the columns of the region."""
        graphics, columns = self.graphics, self.region.columns
        full = 1 << graphics.part_log
        across = _count(graphics.size[1], graphics.part_log)
        rows = Span(number * full, min((number + 1) * full, graphics.size[0]))
        parts, masks = [], []
        for cut in columns.tiles(self._side):
            at = cut.start // self._side
            place = Window(rows, Span(at * full, min((at + 1) * full, graphics.size[1])))
            part = self._part(graphics.parts[number * across + at], place)
            inside = slice(cut.start - at * self._side, cut.stop - at * self._side)
            parts.append(part[:, inside])
            mask = _mask(graphics.blocks, place, 1 << graphics.block_log)
            if mask is not None:
                masks.append(mask[:: self.scale, :: self.scale][:, inside])
        return np.concatenate(parts, 1), np.concatenate(masks, 1) if masks else None

    def _part(self, data: bytes | memoryview, place: Window) -> Pixels:
        high, wide = (span.stop - span.start for span in place)
        if not len(data):
            shape = (-(-high // self.scale), -(-wide // self.scale), 3)
            return np.zeros(shape[: self.channels + 1], np.uint8)
        pixels = decode_lossless(dressed(bytes(data)), (high, wide), "a part of the graphics")
        return reduced_means(pixels[..., 1] if self.channels == 1 else pixels, self.scale)


def reduced_means(pixels: Pixels, scale: int) -> Pixels:
    """(H, W) or (H, W, C) to rounded means of scale x scale samples, of those that are there."""
    if scale == 1:
        return pixels
    high, wide = pixels.shape[:2]
    pad = ((0, -high % scale), (0, -wide % scale), (0, 0))[: pixels.ndim]
    whole = np.pad(pixels, pad, "edge")
    cells = whole.reshape(len(whole) // scale, scale, -1, scale, *pixels.shape[2:])
    means: Pixels = np.rint(cells.mean((1, 3), dtype=np.float32)).astype(np.uint8)
    return means


def _count(length: int, log: int) -> int:
    return -(-length >> log)


def _places(size: tuple[int, int], log: int) -> Iterator[Window]:
    """Parts of a picture, row after row."""
    rows, columns = (Span(0, side).tiles(1 << log) for side in size)
    for pair in product(rows, columns):
        yield Window(*pair)


def _some(blocks: Blocks | None, place: Window, side: int) -> bool:
    """Whether a part has any graphics."""
    if blocks is None:
        return True
    rows, columns = place.shrink(side)
    return bool(blocks[rows.start : rows.stop, columns.start : columns.stop].any())


def _mask(blocks: Blocks | None, place: Window, side: int) -> Blocks | None:
    """Which samples of a part, whose corner is one of blocks, are graphics; None for all."""
    if blocks is None:
        return None
    rows, columns = place.shrink(side)
    cut = blocks[rows.start : rows.stop, columns.start : columns.stop]
    grown = np.repeat(np.repeat(cut, side, 0), side, 1)
    return grown[: place.rows.stop - place.rows.start, : place.columns.stop - place.columns.start]
