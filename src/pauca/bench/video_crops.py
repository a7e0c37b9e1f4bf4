"""Crops of one frame of every clip, the methods side by side at about equal bytes."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pauca.bench.sheet import Tile, draw_sheet
from pauca.streams.library import load_av

if TYPE_CHECKING:
    from pauca.bench.video import VideoRow

SIDE = 160  # pixels of a crop
Crop = NDArray[np.uint8]


def crop_of(path: Path, number: int) -> Crop:
    """The middle of frame `number` of a video, (h, w, 3) RGB with sides of at most SIDE."""
    with load_av().open(str(path)) as container:
        frame = next(islice(container.decode(video=0), number, None))
        rgb: Crop = frame.to_ndarray(format="rgb24")
    top, left = (max(0, (side - SIDE) // 2) for side in rgb.shape[:2])
    return rgb[top : top + SIDE, left : left + SIDE].copy()


def sheet(rows: Sequence[VideoRow], crops: Sequence[Crop], originals: dict[str, Crop]) -> bytes:
    """A PNG: a line of each clip; of each method the encode whose rate is nearest to that of the
    first method's third setting (its last, if it has fewer). `crops` one a row of `rows`.
    """
    lines = []
    for clip, original in originals.items():
        found = [(r, c) for r, c in zip(rows, crops, strict=True) if r.clip == clip]
        first = [r for r, _ in found if r.method == found[0][0].method]
        wanted = sorted((r.kbps for r in first), reverse=True)[min(2, len(first) - 1)]
        tiles = [Tile("original", (clip,), original)]
        for method in dict.fromkeys(r.method for r, _ in found):
            own = [(r, c) for r, c in found if r.method == method]
            row, crop = min(own, key=lambda pair: abs(pair[0].kbps - wanted))
            text = (f"crf {row.crf:g}, {row.kbps:.0f} kbit/s", f"PSNR-Y {row.psnr_y:.2f} dB")
            tiles.append(Tile(method, text, crop))
        lines.append(tiles)
    return draw_sheet(lines)
