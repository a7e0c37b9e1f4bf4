"""Training pictures in memory and random crops from them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pauca.errors import InputError
from pauca.nets.feed import ahead


def load_pictures(paths: Sequence[Path], smallest: int) -> list[NDArray[np.uint8]]:
    """Decode every picture to (H, W, 3) uint8; those with a side under `smallest` are left out."""
    pictures = []
    for path in paths:
        with Image.open(path) as image:
            if min(image.size) >= smallest:
                pictures.append(np.asarray(image.convert("RGB")))
    if not pictures:
        raise InputError(f"no picture has both sides of at least {smallest} pixels")
    return pictures


def random_crop(
    picture: NDArray[np.uint8], size: int, rng: np.random.Generator
) -> NDArray[np.uint8]:
    """A flipped, turned and sometimes reduced (size, size, 3) piece: reduction hides the pictures'
    own coding errors.
    """
    room = min(picture.shape[:2]) / size
    scale = rng.uniform(1.0, min(room, 1.8)) if room > 1.0 and rng.random() < 0.5 else 1.0
    side = min(int(round(size * scale)), *picture.shape[:2])
    top = int(rng.integers(picture.shape[0] - side + 1))
    left = int(rng.integers(picture.shape[1] - side + 1))
    crop = picture[top : top + side, left : left + side]
    if side != size:
        crop = np.asarray(Image.fromarray(crop).resize((size, size), Image.Resampling.LANCZOS))
    if rng.random() < 0.5:
        crop = crop[:, ::-1]
    if rng.random() < 0.25:
        crop = crop.transpose(1, 0, 2)
    return crop


def batches(
    pictures: Sequence[NDArray[np.uint8]], size: int, count: int, seed: int
) -> Iterator[NDArray[np.uint8]]:
    """Endless (count, 3, size, size) uint8 batches, made ahead in a thread; big pictures are drawn
    more often.
    """
    weight = np.array([p.shape[0] * p.shape[1] for p in pictures], dtype=np.float64) ** 0.5
    weight /= weight.sum()
    rng = np.random.default_rng(seed)

    def batch() -> NDArray[np.uint8]:
        picks = rng.choice(len(pictures), count, p=weight)
        crops = [random_crop(pictures[i], size, rng) for i in picks]
        return np.ascontiguousarray(np.stack(crops).transpose(0, 3, 1, 2))

    return ahead(batch)
