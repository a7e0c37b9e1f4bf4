"""Pairs of small and large luma planes for training, reduced as super-resolution is measured."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pauca.errors import InputError
from pauca.nets.feed import ahead
from pauca.pixels.folders import find_pictures
from pauca.pixels.resize import resize_bicubic
from pauca.pixels.ycc601 import chroma601, luma601

# Photographs on the web carry traces of their own coding: reduced copies are clean.
REDUCTIONS = (1.3, 1.8, 2.5)

Plane = NDArray[np.uint8]


@dataclass(frozen=True)
class Pair:
    """Small (h, w, P) and large (s h, s w, P) uint8 planes of one picture."""

    small: Plane
    large: Plane


def planes_of(rgb: Plane, planes: int) -> Plane:
    """Luma (H, W, 1) or all of YCbCr (H, W, 3), rounded to uint8."""
    luma = luma601(rgb)[..., None]
    full = luma if planes == 1 else np.concatenate([luma, chroma601(rgb)], 2)
    rounded: Plane = np.rint(full).clip(0, 255).astype(np.uint8)
    return rounded


def make_pairs(
    folders: Sequence[Path], scale: int, planes: int = 1, smallest: int = 192
) -> list[Pair]:
    """Every picture of the folders, at each of REDUCTIONS that leaves it `smallest` or more."""
    pairs = []
    for path in find_pictures(folders):
        with Image.open(path) as image:
            rgb = np.asarray(image.convert("RGB"))
        for reduction in REDUCTIONS:
            h, w = (int(side / reduction) // scale * scale for side in rgb.shape[:2])
            if min(h, w) >= smallest:
                pairs.append(_pair(resize_bicubic(rgb, h, w), scale, planes))
    if not pairs:
        raise InputError(f"no picture is large enough: {smallest} pixels after reduction")
    return pairs


def _pair(rgb: NDArray[np.generic], scale: int, planes: int) -> Pair:
    large = rgb.astype(np.uint8, copy=False)
    small = resize_bicubic(large, large.shape[0] // scale, large.shape[1] // scale)
    return Pair(planes_of(small.astype(np.uint8, copy=False), planes), planes_of(large, planes))


def batches(
    pairs: Sequence[Pair], scale: int, size: int, count: int, seed: int
) -> Iterator[tuple[NDArray[np.float32], NDArray[np.float32]]]:
    """Endless (count, P, size, size) and (count, P, s size, s size), flipped, turned, and of
    varied contrast.
    """
    rng = np.random.default_rng(seed)
    weight = np.array([p.small.shape[0] * p.small.shape[1] for p in pairs], np.float64)
    weight /= weight.sum()

    def batch() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        small, large = [], []
        for i in rng.choice(len(pairs), count, p=weight):
            a, b = _crop(pairs[i], scale, size, rng)
            small.append(a)
            large.append(b)
        x = np.stack(small).transpose(0, 3, 1, 2).astype(np.float32)
        y = np.stack(large).transpose(0, 3, 1, 2).astype(np.float32)
        gain = np.where(rng.random(count) < 0.5, rng.uniform(0.7, 1.15, count), 1.0)
        shift = (1 - gain) * rng.uniform(64, 160, count)
        k, d = (v.astype(np.float32).reshape(-1, 1, 1, 1) for v in (gain, shift))
        return np.rint(x * k + d).clip(0, 255), (y * k + d).clip(0, 255)

    return ahead(batch)


def _crop(pair: Pair, scale: int, size: int, rng: np.random.Generator) -> tuple[Plane, Plane]:
    top = int(rng.integers(pair.small.shape[0] - size + 1))
    left = int(rng.integers(pair.small.shape[1] - size + 1))
    a = pair.small[top : top + size, left : left + size]
    b = pair.large[scale * top : scale * (top + size), scale * left : scale * (left + size)]
    if rng.random() < 0.5:
        a, b = a[:, ::-1], b[:, ::-1]
    if rng.random() < 0.5:
        a, b = a[::-1], b[::-1]
    if rng.random() < 0.5:
        a, b = a.transpose(1, 0, 2), b.transpose(1, 0, 2)
    return a, b
