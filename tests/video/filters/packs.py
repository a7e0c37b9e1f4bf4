"""Small filters with random weights, and decoded material for them."""

from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest

from pauca.video.filters import Filter, load_filter

Planes = tuple[np.ndarray, np.ndarray, np.ndarray]


def write_random_pack(folder: Path, scale: int = 1, margin: int = 2, seed: int = 0) -> Path:
    """A pack of a small network whose head has random weights; skips without torch."""
    torch = pytest.importorskip("torch")
    from dataclasses import asdict

    from pauca.video.filters.export import export
    from pauca.video.filters.model import FilterConfig, FilterModel

    torch.manual_seed(seed)
    model = FilterModel(FilterConfig(scale, margin, channels=8, blocks=1, features=12))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.ndim > 1:
                scale_of = 0.5 if name.startswith("head") else 0.05
                parameter += scale_of * torch.randn_like(parameter)
    checkpoint = folder / "checkpoint.pt"
    torch.save({"ema": model.state_dict(), "sizes": asdict(model.config)}, checkpoint)
    export(checkpoint, folder / "pack", "random", "0.0.0", "none")
    return folder / "pack"


def random_filter(folder: Path, scale: int = 1, margin: int = 2) -> Filter:
    return load_filter(write_random_pack(folder, scale, margin))


def photo_planes(height: int, width: int, top: int = 60, left: int = 40) -> Planes:
    """A photograph as 4:2:0."""
    data = pytest.importorskip("skimage.data")
    from pauca.pixels.ycc601 import chroma601, luma601

    rgb = data.astronaut()[top : top + height + height % 2, left : left + width + width % 2]
    luma = np.rint(luma601(rgb)).astype(np.uint8)[:height, :width]
    h, w = rgb.shape[0] // 2, rgb.shape[1] // 2
    chroma = np.rint(chroma601(rgb).reshape(h, 2, w, 2, 2).mean((1, 3))).astype(np.uint8)
    u, v = (np.ascontiguousarray(chroma[..., i]) for i in range(2))
    return np.ascontiguousarray(luma), u, v


@lru_cache
def pan(count: int = 6, side: int = 160) -> tuple[Planes, ...]:
    """A slow pan over a photograph."""
    return tuple(photo_planes(side, side, 60 + 2 * i, 80 + 2 * i) for i in range(count))


def squared_error(originals: tuple[Planes, ...], frames: list[Planes]) -> np.ndarray:
    """Sums over Y, U and V."""
    return np.array(
        [
            sum(
                float(np.square(a[p].astype(int) - b[p]).sum())
                for a, b in zip(originals, frames, strict=True)
            )
            for p in range(3)
        ]
    )
