"""Super-resolution after a video encoder: halve clips, code them by x265, enlarge what is decoded.

Networks that learned from clean pictures sharpen coding errors, so this is measured on its own.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pauca.bench.clips import clip_name, clips_in, unpacked
from pauca.bench.report import Table
from pauca.bench.sr_methods import Method
from pauca.metrics.psnr import psnr
from pauca.streams.coded import Planes, three_planes, through_codec
from pauca.streams.library import load_av
from pauca.streams.pictures import frame_of, resized
from pauca.streams.source import open_source

CODEC, PRESET = "libx265", "medium"

Plane = NDArray[np.uint8]


@dataclass(frozen=True)
class CodedRow:
    """A method on a clip: mean PSNR of luma over its frames; `kbps` of the small stream."""

    clip: str
    crf: float
    method: str
    kbps: float
    psnr_y: float


def run_coded(
    folder: Path,
    methods: Sequence[Method],
    scale: int,
    crfs: Sequence[float],
    say: Callable[[str], None],
) -> Iterator[CodedRow]:
    """Measure all clips of a folder."""
    for path in clips_in(folder):
        with tempfile.TemporaryDirectory() as temp:
            large, small, rate = _frames(unpacked(path, Path(temp)), scale)
        for crf in crfs:
            say(f"{clip_name(path)}: crf {crf:g}")
            coded = through_codec(small, CODEC, crf, PRESET)
            kbps = 8 * sum(coded.sizes) * rate / len(small) / 1000
            for method in methods:
                values = [
                    psnr(original, method.luma(y))
                    for original, (y, _, _) in zip(large, coded.frames, strict=True)
                ]
                yield CodedRow(clip_name(path), crf, method.name, kbps, float(np.mean(values)))


def coded_tables(rows: Sequence[CodedRow], scale: int) -> list[Table]:
    """PSNR by clip and CRF, and means over the clips."""
    if not rows:
        return []
    crfs = list(dict.fromkeys(row.crf for row in rows))
    clips = list(dict.fromkeys(row.clip for row in rows))
    found = {(row.clip, row.crf, row.method): row.psnr_y for row in rows}
    head = ("PSNR-Y dB", "method", *(f"crf {crf:g}" for crf in crfs))
    lines = []
    for clip in (*clips, "mean"):
        for method in dict.fromkeys(row.method for row in rows):
            members = clips if clip == "mean" else [clip]
            means = [np.mean([found[c, crf, method] for c in members]) for crf in crfs]
            lines.append((clip, method, *(f"{mean:.3f}" for mean in means)))
    title = f"x{scale} of clips reduced by Lanczos and coded by x265, {PRESET}"
    return [Table(title, head, (tuple(lines),))]


def _frames(path: Path, scale: int) -> tuple[list[Plane], list[Planes], float]:
    """Luma of all frames, sides cut to multiples of 2 x scale, the small frames, and their rate."""
    av = load_av()
    large: list[Plane] = []
    small: list[Planes] = []
    with open_source(av, str(path)) as source:
        for frame in source.frames(2):
            height, width = (s // (2 * scale) * 2 * scale for s in (frame.height, frame.width))
            y, u, v = three_planes(frame)
            planes = (y[:height, :width], u[: height // 2, : width // 2])
            cut = frame_of(av, [*planes, v[: height // 2, : width // 2]])
            cut.pts, cut.time_base = frame.pts, frame.time_base
            large.append(np.ascontiguousarray(planes[0]))
            small.append(three_planes(resized(cut, width // scale, height // scale)))
        return large, small, float(source.traits.rate)
