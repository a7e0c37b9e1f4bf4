"""Efforts 7 to 9: coefficients moved by gradients through the decoder.

Every coefficient feels what it does to the picture, to the contexts of later ones and to their
bits (Campos et al., arXiv:1906.01223; Yang et al., arXiv:2006.04240). Only the encoder changes:
streams and decoders are those of every effort.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pauca.image.analysis import Analysis
from pauca.image.cost_torch import distortion
from pauca.image.layout import ALIGN, LEVELS
from pauca.image.networks import Networks
from pauca.image.twin_torch import PackModel
from pauca.image.window import Span, Window
from pauca.pack.wavelet import wavelet_of

Floats = NDArray[np.float32]

ROUNDS = {7: 4, 8: 8, 9: 16}  # of descent, by effort
LOOKS = 2  # at the cost of what is rounded, the last after all rounds; the best is kept
MOMENTUM = 0.8
TILE = 512  # pixels along the side of what is refined at once
HALO = ALIGN  # and around it


@dataclass(frozen=True)
class Descent:
    """How far coefficients go: `rate` in steps, less by the factor `fall` for every coarser level,
    where each of them moves more of the picture, and gradients of `most` at most. Rounding is
    softened by `temperature`.
    """

    rate: float
    temperature: float
    fall: float = 1.0
    most: float = math.inf


# Measured on photographs. Straight-through rounding (temperature 0) diverges; a high or a falling
# temperature ends with more values that sit on an edge. Gradients of MS-SSIM differ more between
# pictures, and a descent as that for squared error diverges on smooth ones.
SQUARED, SIMILAR = Descent(0.004, 0.15), Descent(0.008, 0.25, 0.7, 10.0)


@dataclass(frozen=True)
class Refined:
    """The details of a picture after refinement: (3, 3, h, w) of levels 1..6."""

    details: Sequence[Floats]

    def bands(self, level: int, window: Window) -> Floats:
        """Details of a level in a window of its samples, as `Analysis.bands`."""
        return self.details[level - 1][:, :, *window.slices]


def refined(analysis: Analysis, networks: Networks, code: int, effort: int) -> Refined:
    """The details of a padded picture, refined tile by tile, for quality code 0..400."""
    before = torch.get_num_threads()
    torch.set_num_threads(min(before, networks.threads))
    try:
        return _refined(analysis, PackModel(wavelet_of(networks.pack), code), ROUNDS[effort])
    finally:
        torch.set_num_threads(before)


def _refined(analysis: Analysis, model: PackModel, rounds: int) -> Refined:
    height, width = analysis.size
    details = [np.empty((3, 3, height >> k, width >> k), np.float32) for k in _LEVELS]
    for tile in _tiles(analysis.size):
        seen = tile.grow(HALO, analysis.size)
        low = analysis.low_band[:, *_scaled(seen, LEVELS).slices]
        plain = [analysis.bands(level, _scaled(seen, level)) for level in _LEVELS]
        moved = descend(model, low, plain, *_target(analysis, seen), rounds)
        for level, whole, part in zip(_LEVELS, details, moved, strict=True):
            inside = _scaled(tile, level).within(_scaled(seen, level))
            whole[:, :, *_scaled(tile, level).slices] = part[:, :, *inside]
    return Refined(details)


def descend(
    model: PackModel,
    low: Floats,
    details: Sequence[Floats],
    target: Floats,
    weight: Floats,
    rounds: int,
) -> list[Floats]:
    """Details (3, 3, h, w) of levels 1..6 to those that code `target` better.

    low (3, h, w); target (3, H, W) RGB 0..255; weight (H, W) of its pixels. What is never better
    once rounded is given back as it came.
    """
    steps = [model.scales[k, ..., None, None] for k in range(LEVELS)]
    plain = [torch.from_numpy(d)[None] / s for d, s in zip(details, steps, strict=True)]
    moved = [d.clone().requires_grad_() for d in plain]
    band, quality = torch.from_numpy(np.ascontiguousarray(low))[None], torch.tensor([model.quality])
    x, w = torch.from_numpy(target)[None], torch.from_numpy(weight)

    def cost(values: Sequence[Tensor], temperature: float) -> Tensor:
        model.temperature = temperature
        scaled = [d * s for d, s in zip(values, steps, strict=True)]
        x_hat, bits = model.code(band, scaled, quality)
        shown = x + (x_hat.clamp(0, 255) - x) * w
        missed = distortion(shown, x, quality, model.config.lmbda, model.measure)
        return (bits + w.numel() * missed).sum()

    descent = SQUARED if model.measure == "psnr" else SIMILAR
    optimizer = torch.optim.SGD(moved, lr=descent.rate, momentum=MOMENTUM)
    with torch.no_grad():
        best, found = float(cost(plain, 0.0)), plain
    for i in range(rounds):
        optimizer.param_groups[0]["lr"] = descent.rate * (1 - i / rounds)
        optimizer.zero_grad()
        cost(moved, descent.temperature).backward()  # type: ignore[no-untyped-call]
        for level, d in enumerate(moved):
            assert d.grad is not None
            d.grad.mul_(descent.fall**level).clamp_(-descent.most, descent.most)
        optimizer.step()
        if (i + 1) % (rounds // LOOKS) == 0:
            with torch.no_grad():
                now = float(cost(moved, 0.0))
            if now < best:
                best, found = now, [d.detach().clone() for d in moved]
    return [(d * s)[0].numpy() for d, s in zip(found, steps, strict=True)]


_LEVELS = range(1, LEVELS + 1)


def _tiles(size: tuple[int, int]) -> Iterator[Window]:
    rows, columns = (Span(0, side).tiles(TILE) for side in size)
    return (Window(down, across) for down in rows for across in columns)


def _scaled(window: Window, level: int) -> Window:
    """A window of pixels on the grid of a level."""
    return window.shrink(1 << level)


def _target(analysis: Analysis, seen: Window) -> tuple[Floats, Floats]:
    """Pixels (3, H, W) of a window of the padded picture, and which of them are shown (H, W)."""
    shown = [
        min(span.stop, side) for span, side in zip(seen, analysis.planes.pixels.shape, strict=False)
    ]
    rows, columns = (
        slice(min(span.start, end - 1), end) for span, end in zip(seen, shown, strict=True)
    )
    pixels = np.asarray(analysis.planes.pixels[rows, columns], np.float32)
    rgb = np.repeat(pixels[..., None], 3, 2) if pixels.ndim == 2 else pixels
    side = [span.stop - span.start for span in seen]
    pad = [(0, s - there) for s, there in zip(side, rgb.shape[:2], strict=True)]
    weight = np.zeros(side, np.float32)
    weight[: max(shown[0] - seen.rows.start, 0), : max(shown[1] - seen.columns.start, 0)] = 1
    target = np.pad(rgb, [*pad, (0, 0)], "edge").transpose(2, 0, 1)
    return np.ascontiguousarray(target), weight
