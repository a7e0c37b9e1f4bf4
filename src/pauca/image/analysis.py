"""The encoder's wavelet transform, whole where there is room, else row by row, when asked."""

from __future__ import annotations

import threading
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pauca.image.filters import CELL, from_head, heads, step_of
from pauca.image.layout import LEVELS
from pauca.image.networks import Networks
from pauca.image.window import Span, Window
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

    def __getitem__(self, rows: slice) -> NDArray[np.uint8]:
        """Consecutive rows."""


class Analysis:
    """Details of a padded picture of `size`; `whole` keeps them all.

    `code` 0..400 is the quality of the filter before the analysis, in packs that have one.
    """

    def __init__(
        self, pixels: Rows, size: tuple[int, int], networks: Networks, code: int, whole: bool
    ) -> None:
        self.pixels, self.size, self.networks, self.code = pixels, size, networks, code
        self._lock = threading.Lock()
        self._cache: dict[int, tuple[Span, Floats]] = {}
        if whole:
            self._kept, self.low_band = analysis(self._planes(Span(0, size[0])), LEVELS)
            self._first = 1
            return
        side = size[0] >> (KEPT_FROM - 1)
        bands = Span(0, side).tiles(BAND >> (KEPT_FROM - 1))
        low = np.concatenate([self._low(KEPT_FROM - 1, rows) for rows in bands], 1)
        self._kept, self.low_band = analysis(low, LEVELS - KEPT_FROM + 1)
        self._first = KEPT_FROM

    def bands(self, level: int, window: Window) -> Floats:
        """Details (3, 3, h, w) of a level in a window of its samples."""
        if level >= self._first:
            kept = self._kept[level - self._first]
            return kept[:, :, window.rows.start : window.rows.stop, _cut(window.columns)]
        with self._lock:  # the tiles of a row ask one after the other, and for the same rows
            rows, details = self._cache.get(level, (None, None))
            if rows != window.rows or details is None:
                self._cache.pop(level, None)
                bands = window.rows.tiles(BAND >> level)
                parts = [self._split(level, band)[1] for band in bands]
                details = np.concatenate(parts, 2)
                self._cache[level] = window.rows, details
        return details[..., _cut(window.columns)]

    def _low(self, level: int, rows: Span) -> Floats:
        return self._planes(rows) if level == 0 else self._split(level, rows)[0]

    def _split(self, level: int, rows: Span) -> tuple[Floats, Floats]:
        """Low band (3, h, w) and details (3, 3, h, w) of rows of a level."""
        seen = rows.grow(HALO // 2, self.size[0] >> level)
        low, details = analysis_level(self._low(level - 1, seen.scale(2)))
        inside = rows.within(seen)
        return low[:, inside], details[:, :, inside]

    def _planes(self, rows: Span) -> Floats:
        """Centred YCbCr (3, h, W) of rows, without what costs more bits than it is worth, if the
        pack has a filter that says.
        """
        if "pre" not in self.networks.pack.programs:
            return self._colours(rows)
        wanted = rows.shrink(CELL)
        seen = wanted.grow(self.networks.reach("pre"), self.size[0] // CELL)
        planes = self._colours(seen.scale(CELL))
        planes16 = np.rint(planes * np.float32(16)).astype(np.int32)
        head = heads(self.networks, "pre", planes16, None, self.code)
        added = from_head(head, step_of(self.networks, self.code))
        planes += added.astype(np.float32) / np.float32(16)
        return np.ascontiguousarray(planes[:, rows.within(seen.scale(CELL))])

    def _colours(self, rows: Span) -> Floats:
        """Centred YCbCr (3, h, W) of rows of the padded picture."""
        height, width = self.pixels.shape[:2]
        stop = min(rows.stop, height)
        start = min(rows.start, stop - 1)  # rows below the picture repeat its last
        pixels = self.pixels[start:stop]
        missing = rows.stop - rows.start - (stop - start)
        pad = ((0, missing), (0, self.size[1] - width)) + ((0, 0),) * (pixels.ndim - 2)
        return ycc_from_rgb(np.pad(pixels, pad, "edge") if missing or pad[1][1] else pixels)


def _cut(columns: Span) -> slice:
    return slice(columns.start, columns.stop)
