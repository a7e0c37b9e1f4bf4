"""The encoder's wavelet transform, whole where there is room, else window by window."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pauca.image.filters import from_head, heads, step_of
from pauca.image.layout import CELL
from pauca.image.networks import Networks
from pauca.image.window import Span, Window
from pauca.pack.wavelet import wavelet_of
from pauca.pixels.colour import ycc_from_rgb
from pauca.pixels.lifting import analysis, analysis_level

Floats = NDArray[np.float32]

KEPT_FROM = 3  # levels from here on are a small part of the picture, and kept
HALO = 8  # samples that the analysis of a pair sees on both sides, and some
BAND = 512  # rows of the picture at once


class Rows(Protocol):
    """Rows (h, W) or (h, W, 3) uint8 of a picture, in memory or not."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the whole."""

    def __getitem__(self, index: tuple[slice, slice]) -> NDArray[np.uint8]:
        """Consecutive rows and columns."""


class Planes:
    """The planes of a padded picture of `size` as the encoder's transform sees them.

    `code` 0..400 is the quality of the filter before the transform, in packs that have one.
    """

    def __init__(self, pixels: Rows, size: tuple[int, int], networks: Networks, code: int) -> None:
        self.pixels, self.size, self.networks, self.code = pixels, size, networks, code

    def view(self, window: Window) -> Floats:
        """Centred YCbCr (3, h, w) of a window, without what costs more bits than it is worth, if
        the pack has a filter that says.
        """
        if "pre" not in self.networks.pack.programs:
            return self._colours(window)
        cells = (self.size[0] // CELL, self.size[1] // CELL)
        seen = window.shrink(CELL).grow(self.networks.reach("pre"), cells).scale(CELL)
        planes = self._colours(seen)
        planes16 = np.rint(planes * np.float32(16)).astype(np.int32)
        head = heads(self.networks, "pre", planes16, None, self.code)
        added = from_head(head, step_of(self.networks, self.code))
        planes += added.astype(np.float32) / np.float32(16)
        return np.ascontiguousarray(planes[:, *window.within(seen)])

    def _colours(self, window: Window) -> Floats:
        """Centred YCbCr (3, h, w) of a window of the padded picture."""
        there, missing = zip(
            *(_there(span, side) for span, side in zip(window, self.pixels.shape[:2], strict=True)),
            strict=True,
        )
        pixels = self.pixels[there]
        if not any(missing):
            return ycc_from_rgb(pixels)
        pad = [(0, count) for count in missing] + [(0, 0)] * (pixels.ndim - 2)
        return ycc_from_rgb(np.pad(pixels, pad, "edge"))


class Analysis:
    """Details of a padded picture of `size`; `whole` keeps them all.

    `code` 0..400 is the quality of the filter before the analysis, in packs that have one.
    """

    def __init__(
        self, pixels: Rows, size: tuple[int, int], networks: Networks, code: int, whole: bool
    ) -> None:
        self.planes, self.size = Planes(pixels, size, networks, code), size
        self._wavelets = wavelet_of(networks.pack).wavelets
        if whole:
            everything = Window(Span(0, size[0]), Span(0, size[1]))
            self._kept, self.low_band = analysis(self.planes.view(everything), self._wavelets)
            self._first = 1
            return
        across = Span(0, size[1] >> (KEPT_FROM - 1))
        bands = Span(0, size[0] >> (KEPT_FROM - 1)).tiles(BAND >> (KEPT_FROM - 1))
        parts = [self._split(KEPT_FROM - 1, Window(rows, across))[0] for rows in bands]
        self._kept, self.low_band = analysis(
            np.concatenate(parts, 1), self._wavelets[KEPT_FROM - 1 :]
        )
        self._first = KEPT_FROM

    def bands(self, level: int, window: Window) -> Floats:
        """Details (3, 3, h, w) of a level in a window of its samples."""
        if level < self._first:
            return self._split(level, window)[1]
        rows, columns = window
        kept = self._kept[level - self._first]
        return kept[:, :, rows.start : rows.stop, columns.start : columns.stop]

    def _split(self, level: int, window: Window) -> tuple[Floats, Floats]:
        """Low band (3, h, w) and details (3, 3, h, w) of a window of a level."""
        seen = window.grow(HALO // 2, (self.size[0] >> level, self.size[1] >> level))
        finer = seen.scale(2)
        planes = self.planes.view(finer) if level == 1 else self._split(level - 1, finer)[0]
        low, details = analysis_level(planes, self._wavelets[level - 1])
        inside = window.within(seen)
        return low[:, *inside], details[:, :, *inside]


def _there(span: Span, side: int) -> tuple[slice, int]:
    """What of a span a picture's side has, and how often its last place is repeated then."""
    stop = min(span.stop, side)
    start = min(span.start, stop - 1)
    return slice(start, stop), span.stop - span.start - (stop - start)
