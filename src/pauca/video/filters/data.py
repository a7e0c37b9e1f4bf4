"""Decoded frames beside their originals, for training: real encoders over clips and moving photos.

A set is a folder of .npz files, one for each clip, encoder and quality: to make it takes minutes,
so runs share it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pauca.errors import InputError
from pauca.nets.feed import ahead
from pauca.streams.coded import Planes, three_planes, through_codec
from pauca.streams.library import load_av
from pauca.video.coders import LIBRARY
from pauca.video.filters.cells import side_channels

VIDEOS = (".mp4", ".mkv", ".mov", ".y4m")
PICTURES = (".jpg", ".jpeg", ".png", ".webp")
PRESETS = {"h264": "medium", "hevc": "medium", "av1": "8"}
RANGES = {"h264": (20, 40), "hevc": (20, 40), "av1": (24, 60)}  # of the quality setting, CRF
DRAWS = {"h264": 3, "hevc": 3, "av1": 2}  # qualities of each clip
WIDTH, HEIGHT, LENGTH = 448, 256, 10  # of a moving photograph
KEPT_EVERY = 3  # frames of a sequence: neighbours say little new


@dataclass(frozen=True)
class Sequence420:
    """Frames of one encode: decoded and original planes (n, h, w), codec and quality setting."""

    decoded: tuple[NDArray[np.uint8], ...]
    original: tuple[NDArray[np.uint8], ...]
    codec: str
    qp: int

    def save(self, path: Path) -> None:
        """Write one .npz."""
        arrays: dict[str, Any] = {f"d{i}": a for i, a in enumerate(self.decoded)}
        arrays |= {f"o{i}": a for i, a in enumerate(self.original)}
        np.savez(path, codec=np.array(self.codec), qp=np.array(self.qp), **arrays)


def load_set(folder: Path, scale: int) -> list[Sequence420]:
    """All sequences of a set; `InputError` if there are none, or none of this scale."""
    found = []
    for path in sorted(folder.glob("*.npz")):
        with np.load(path) as data:
            planes = [tuple(data[f"{kind}{i}"] for i in range(3)) for kind in "do"]
            found.append(Sequence420(planes[0], planes[1], str(data["codec"]), int(data["qp"])))
    if not found:
        raise InputError(f"{folder} holds no coded sequences")
    if any(s.original[0].shape[2] != scale * s.decoded[0].shape[2] for s in found):
        raise InputError(f"{folder} holds sequences of another scale than {scale}")
    return found


def make_set(
    clips: Sequence[Path], photos: Sequence[Path], folder: Path, scale: int, seed: int = 0
) -> int:
    """Code every clip and photograph at drawn qualities; returns how many sequences there are.

    Files that exist are kept, so an interrupted call goes on. Needs PyAV (extra: video).
    """
    folder.mkdir(parents=True, exist_ok=True)
    sources = [(p, _clip) for p in _files(clips, VIDEOS)]
    sources += [(p, _moving) for p in _files(photos, PICTURES)]
    for number, (path, read) in enumerate(sources):
        rng = np.random.default_rng([seed, number])
        frames: list[Planes] = []
        draws = DRAWS if read is _clip else {"h264": 1, "hevc": 1, "av1": 1 if number % 2 else 0}
        for codec, count in draws.items():
            low, high = RANGES[codec]
            for i in range(count):
                width = (high - low) / count
                qp = int(rng.integers(round(low + i * width), round(low + (i + 1) * width) + 1))
                target = folder / f"{path.stem}-{codec}-{i}.npz"
                if not target.exists():
                    frames = frames or read(path, np.random.default_rng([seed, number, 1]))
                    _coded(frames, codec, qp, scale).save(target)
    return len(list(folder.glob("*.npz")))


def _files(paths: Sequence[Path], suffixes: Sequence[str]) -> list[Path]:
    inside = [p for f in paths for p in ([f] if f.is_file() else sorted(f.rglob("*")))]
    return [p for p in inside if p.suffix.lower() in suffixes]


def _clip(path: Path, rng: np.random.Generator) -> list[Planes]:
    """The frames of a clip, as they are; sides cut to multiples of 4."""
    with load_av().open(str(path)) as container:
        frames = [
            three_planes(frame.reformat(format="yuv420p")) for frame in container.decode(video=0)
        ]
    h, w = (side // 4 * 4 for side in frames[0][0].shape)
    return [(y[:h, :w], u[: h // 2, : w // 2], v[: h // 2, : w // 2]) for y, u, v in frames]


def _moving(path: Path, rng: np.random.Generator) -> list[Planes]:
    """A slow pan and zoom over a reduced photograph."""
    with Image.open(path) as image:
        rgb = image.convert("RGB")
    frames = []
    room = min(rgb.width / WIDTH, rgb.height / HEIGHT)
    zoom = rng.uniform(min(1.2, room), room) if room > 1 else room
    growth = rng.uniform(-0.01, 0.01)
    speed = rng.uniform(-3, 3, 2)
    centre = np.array([rgb.width, rgb.height]) / 2 + rng.uniform(-0.2, 0.2, 2) * zoom * WIDTH
    for i in range(LENGTH):
        factor = min(zoom * (1 + growth) ** i, room)
        half = np.array([WIDTH, HEIGHT]) * factor / 2
        limit = np.array([rgb.width, rgb.height]) - half
        at = np.clip(centre + i * speed * factor, half, np.maximum(limit, half))
        left, top = map(float, np.maximum(at - half, 0))
        right, bottom = map(float, np.minimum(at + half, [rgb.width, rgb.height]))
        box = (left, top, right, bottom)
        view = rgb.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS, box=box)
        frames.append(_planes(view))
    return frames


def _planes(picture: Image.Image) -> Planes:
    from pauca.pixels.ycc601 import chroma601, luma601

    rgb = np.asarray(picture)
    luma = np.rint(luma601(rgb)).astype(np.uint8)
    h, w = luma.shape
    chroma = chroma601(rgb).reshape(h // 2, 2, w // 2, 2, 2).mean((1, 3))
    u, v = np.rint(chroma).clip(0, 255).astype(np.uint8).transpose(2, 0, 1)
    return luma, np.ascontiguousarray(u), np.ascontiguousarray(v)


def reduced(planes: Planes) -> Planes:
    """Half the sides of every plane by Lanczos, as `--scale 2` codes them."""
    half = [
        np.asarray(
            Image.fromarray(p).resize(
                (-(-p.shape[1] // 2), -(-p.shape[0] // 2)), Image.Resampling.LANCZOS
            )
        )
        for p in planes
    ]
    return half[0], half[1], half[2]


def _coded(frames: list[Planes], codec: str, qp: int, scale: int) -> Sequence420:
    seen = frames if scale == 1 else [reduced(planes) for planes in frames]
    decoded = through_codec(seen, LIBRARY[codec], qp, PRESETS[codec]).frames
    kept = range(1, len(decoded), KEPT_EVERY)

    def stacked(of: list[Planes]) -> tuple[NDArray[np.uint8], ...]:
        return tuple(np.stack([of[i][p] for i in kept]) for p in range(3))

    return Sequence420(stacked(decoded), stacked(frames), codec, qp)


@dataclass(frozen=True)
class Batch:
    """Crops of `groups` sequences, as many of each: planes (N, 1, h, w) float32 levels, side
    channels (N, S), and the mean squared error of the decoded frames (N, 3).
    """

    decoded: tuple[NDArray[np.float32], ...]
    original: tuple[NDArray[np.float32], ...]
    side: NDArray[np.float32]
    error: NDArray[np.float32]


def frame_error(sequence: Sequence420, scale: int) -> NDArray[np.float64]:
    """Mean squared error of each frame and plane, (n, 3), what is coded small being repeated."""
    errors = []
    for a, b in zip(sequence.decoded, sequence.original, strict=True):
        large = a.repeat(scale, 1).repeat(scale, 2)
        errors.append(np.square(large.astype(np.float32) - b).mean((1, 2)))
    return np.stack(errors, 1).astype(np.float64)


def batches(
    sequences: Sequence[Sequence420], scale: int, size: int, groups: int, each: int, seed: int
) -> Iterator[Batch]:
    """Endless batches of `groups` sequences with `each` crops of size x size coded luma samples."""
    rng = np.random.default_rng(seed)
    errors = [frame_error(s, scale) for s in sequences]
    weight = np.array([len(s.decoded[0]) ** 0.5 for s in sequences])
    weight /= weight.sum()

    def batch() -> Batch:
        crops, sides, scales = [], [], []
        for g in rng.choice(len(sequences), groups, p=weight).repeat(each).tolist():
            n = int(rng.integers(len(sequences[g].decoded[0])))
            crops.append(_crop(sequences[g], n, scale, size, rng))
            sides.append(side_channels(sequences[g].codec, sequences[g].qp))
            scales.append(errors[g][n])
        planes = [np.stack(plane)[:, None].astype(np.float32) for plane in zip(*crops, strict=True)]
        side, error = (np.stack(a).astype(np.float32) for a in (sides, scales))
        return Batch(tuple(planes[:3]), tuple(planes[3:]), side, error)

    return ahead(batch)


def _crop(
    s: Sequence420, frame: int, scale: int, size: int, rng: np.random.Generator
) -> list[NDArray[np.uint8]]:
    """Decoded Y, U, V and original Y, U, V of one place, turned alike."""
    h, w = s.decoded[0].shape[1:]
    top, left = (2 * int(rng.integers((side - size) // 2 + 1)) for side in (h, w))
    turn = rng.random(3) < 0.5
    crops = []
    for planes, times in ((s.decoded, 1), (s.original, scale)):
        for p, plane in enumerate(planes):
            a, b, c = (times * v // (1 if p == 0 else 2) for v in (top, left, size))
            crops.append(_turned(plane[frame, a : a + c, b : b + c], turn))
    return crops


def _turned(a: NDArray[np.uint8], turn: NDArray[np.bool_]) -> NDArray[np.uint8]:
    a = a[:, ::-1] if turn[0] else a
    a = a[::-1] if turn[1] else a
    return a.T if turn[2] else a
