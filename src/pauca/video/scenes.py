"""Where one scene ends and the next begins."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pauca.pixels.frames import plane_view

LONGEST = 250  # frames of a scene, the usual distance of key frames
SHORTEST = 8  # after a cut no other for so many frames: a flash is no scene
_SIDE = 48  # samples along each side of the thumbnail that is compared
_LEVELS = 32  # of the histogram
_SHIFT = 0.12  # histogram: share of the picture whose brightness class changed
_JUMP = 3.0  # difference against the scene's usual one
_FLOOR = 6.0  # grey levels that a cut changes at least


class CutFinder:
    """Looks at frames in order; knows nothing of the frames before the scene's start."""

    def __init__(self, longest: int = LONGEST) -> None:
        self._longest = longest
        self._last: NDArray[np.float32] | None = None
        self._usual = 0.0
        self._count = 0

    def starts(self, frame: Any) -> bool:
        """Return whether `frame` starts a scene; afterwards it belongs to the current one."""
        thumb = _thumbnail(plane_view(frame.planes[0]))
        last, self._last = self._last, thumb
        if last is None:
            self._count = 1
            return False
        difference = float(np.abs(thumb - last).mean())
        full = self._count >= self._longest
        if full or (self._count >= SHORTEST and self._is_cut(last, thumb, difference)):
            self._usual, self._count = 0.0, 1
            return True
        self._count += 1
        # The usual difference follows quickly upwards, slowly downwards: motion comes in bursts.
        weight = 0.5 if difference > self._usual else 0.1
        self._usual += weight * (difference - self._usual)
        return False

    def _is_cut(
        self, last: NDArray[np.float32], thumb: NDArray[np.float32], difference: float
    ) -> bool:
        if difference < max(_FLOOR, _JUMP * self._usual):
            return False
        return _histogram_distance(last, thumb) > _SHIFT


def _thumbnail(luma: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Means of small blocks of `luma` on a grid of at most _SIDE x _SIDE."""
    height, width = luma.shape
    rows, columns = max(1, height // _SIDE), max(1, width // _SIDE)
    # Four samples of a block stand for it: enough, and a fraction of the memory traffic.
    parts = [
        luma[y::rows, x::columns][:_SIDE, :_SIDE].astype(np.float32)
        for y in (0, rows // 2)
        for x in (0, columns // 2)
    ]
    tall = min(part.shape[0] for part in parts)
    wide = min(part.shape[1] for part in parts)
    total = np.zeros((tall, wide), np.float32)
    for part in parts:
        total += part[:tall, :wide]
    total /= len(parts)
    return total


def _histogram_distance(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """Half the sum of differences of two brightness histograms, 0..1."""
    counts = [np.histogram(x, _LEVELS, (0, 256))[0] for x in (a, b)]
    return float(np.abs(counts[0] - counts[1]).sum()) / (2 * a.size)
