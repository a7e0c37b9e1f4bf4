"""Pairs whose small plane has been through a video encoder, for networks that mend coded video.

A network trained on clean pictures alone sharpens coding errors and loses to Lanczos after strong
compression. Photographs become short pans; clips of video stay what they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from pauca.pixels.frames import plane_view
from pauca.sr.data import Pair, Plane
from pauca.streams.coded import through_codec
from pauca.streams.library import load_av

CODECS = ("libx264", "libx265", "libx265")  # drawn from
PRESETS = ("veryfast", "fast", "medium")
CRF = (18, 36)
FRAMES = 6  # of a sequence
KEPT = 3
SIDE = 256  # of the small frames
VIDEOS = (".mp4", ".mkv", ".mov")


def coded_pairs(
    pictures: Sequence[Pair], folders: Sequence[Path], scale: int, seed: int = 0
) -> list[Pair]:
    """Pans over the large planes of `pictures` and the clips in `folders`, reduced, coded, decoded.

    Luma alone. Needs PyAV (extra: video).
    """
    rng = np.random.default_rng(seed)
    pairs: list[Pair] = []
    for picture in pictures:
        pairs += _coded(_pan(picture.large[..., 0], scale, rng), scale, rng)
    for path in sorted(p for f in folders for p in f.rglob("*") if p.suffix.lower() in VIDEOS):
        for sequence in _sequences(path):
            pairs += _coded(sequence, scale, rng)
    return pairs


def _pan(plane: Plane, scale: int, rng: np.random.Generator) -> list[Plane]:
    """FRAMES views of a plane, moved by a constant whole number of its pixels."""
    side = scale * SIDE
    h, w = (min(side, s) // (2 * scale) * (2 * scale) for s in plane.shape)
    speed = rng.integers(-6, 7, 2)
    room = (plane.shape[0] - h, plane.shape[1] - w)
    start = [int(rng.integers(r + 1)) for r in room]
    frames = []
    for i in range(FRAMES):
        top, left = (int(np.clip(start[a] + i * speed[a], 0, room[a])) for a in (0, 1))
        frames.append(plane[top : top + h, left : left + w])
    return frames


def _sequences(path: Path) -> Iterator[list[Plane]]:
    """Luma of every FRAMES frames in a row of a clip, with a gap of as many."""
    frames: list[Plane] = []
    with load_av().open(str(path)) as container:
        for frame in container.decode(video=0):
            frames.append(plane_view(frame.planes[0]).copy())
            if len(frames) == 2 * FRAMES:
                yield frames[:FRAMES]
                frames = []


def _coded(frames: list[Plane], scale: int, rng: np.random.Generator) -> list[Pair]:
    h, w = (side // (2 * scale) * (2 * scale) for side in frames[0].shape)
    large = [frame[:h, :w] for frame in frames]
    small = [
        np.asarray(Image.fromarray(f).resize((w // scale, h // scale), Image.Resampling.LANCZOS))
        for f in large
    ]
    crf = float(rng.uniform(*CRF))
    grey = np.full((h // scale // 2, w // scale // 2), 128, np.uint8)
    codec, preset = str(rng.choice(CODECS)), str(rng.choice(PRESETS))
    coded = through_codec([(y, grey, grey) for y in small], codec, round(crf, 1), preset)
    decoded = [y for y, _, _ in coded.frames]
    kept = rng.choice(FRAMES, KEPT, replace=False)
    return [Pair(decoded[i][..., None], np.ascontiguousarray(large[i])[..., None]) for i in kept]
