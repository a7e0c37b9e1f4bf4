"""Training of filters; the loop is that of every network (nets/loop.py).

The loss is squared error in proportion to that of the decoded frame, so that fine and coarse
settings weigh the same, as they do in a BD-rate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pauca.errors import InputError
from pauca.nets import loop
from pauca.nets.loop import LoopConfig, Run, load_averaged
from pauca.video.filters.cells import side_channels
from pauca.video.filters.data import Batch, Sequence420, batches, load_set, make_set
from pauca.video.filters.model import RESIDUAL, SIZES, FilterConfig, FilterModel, Planes

CHROMA = 0.15  # weight of each chroma plane's error beside luma's
RIDGE = 1e-4  # of a fitted head, in proportion to the mean square of the features
FLOOR = 0.25  # squared levels: an encode nearer to its original weighs no more


@dataclass(frozen=True)
class FilterTrainConfig(LoopConfig):
    """One training run; `data` are photographs, `size` the side of crops of coded luma."""

    model: str = "vf-restore"
    sizes: FilterConfig | None = None  # in place of the named model's
    clips: Sequence[Path] = ()
    groups: int = 4  # encodes in a batch
    each: int = 6  # crops of each
    size: int = 64
    pairs: Path | None = None  # folder of the coded set, made if it is missing; else inside `out`
    val: Path | None = None  # such a folder, to evaluate on


def sizes_of(name: str) -> FilterConfig:
    """The sizes of a named network; `InputError` if there is none of this name."""
    if name not in SIZES:
        raise InputError(f"no filter {name!r}; known: {', '.join(SIZES)}")
    return SIZES[name]


def load_model(path: Path) -> FilterModel:
    """The moving average of a checkpoint."""
    model = load_averaged(path, lambda sizes: FilterModel(FilterConfig(**sizes)))
    assert isinstance(model, FilterModel)
    return model


def train(config: FilterTrainConfig) -> Path:
    """Train until `hours` are used up and return the checkpoint's path; call again to resume."""
    sizes = config.sizes or sizes_of(config.model)
    if config.size % 4 or config.each < 2:
        raise InputError("crops must be a multiple of 4, and at least 2 of each encode")
    run = Run(config, lambda: FilterModel(sizes))
    pairs = config.pairs or config.out / "pairs"
    if config.clips or config.data:
        make_set(config.clips, config.data, pairs, sizes.scale, config.seed)
    sequences = load_set(pairs, sizes.scale)
    seed = config.seed + run.step
    stream = batches(sequences, sizes.scale, config.size, config.groups, config.each, seed)
    held = load_set(config.val, sizes.scale) if config.val else []

    def next_loss(run: Run) -> Tensor:
        batch = next(stream)
        with torch.autocast(run.device.type, dtype=torch.bfloat16):
            return loss_of(run.model, batch)

    def report(run: Run) -> dict[str, Any]:
        return evaluate(run.ema, held, sizes.scale)

    return loop.train(run, next_loss, report if held else None)


def loss_of(model: Any, batch: Batch) -> Tensor:
    """Squared error in proportion to that of the decoded frames."""
    device = model.head.weight.device
    decoded, original = (_tensors(p, device) for p in (batch.decoded, batch.original))
    side, error = (torch.from_numpy(a).to(device) for a in (batch.side, batch.error))
    counts = torch.tensor(model.config.outputs, device=device)
    share = torch.tensor([1.0, CHROMA, CHROMA], device=device) / counts
    weight = torch.repeat_interleave(share / (error + FLOOR), counts, 1)
    wrong = model.wrong(decoded, original)
    features = model.features(decoded, side)
    rest = wrong - RESIDUAL * model.head.wide(features)
    with torch.autocast(device.type, enabled=False):
        loss: Tensor = (rest.square().mean((2, 3)) * weight).sum(1).mean()
    return loss


def _fitted(features: Tensor, rest: Tensor) -> Tensor:
    """What remains of `rest` (K, O, h, w) in the second half of the frames when a change of the
    head is fitted to the first: (K / 2, O, h * w).
    """
    x, r = features.flatten(2), rest.flatten(2)  # (K, C, n), (K, O, n)
    x = torch.cat([x, torch.ones_like(x[:, :1])], 1)
    cut = len(x) // 2
    a, b = (t[:cut].transpose(0, 1).flatten(1) for t in (x, r))  # (C, K n / 2)
    gram = a @ a.T
    gram = gram + RIDGE * gram.diagonal().mean() * torch.eye(len(gram), device=gram.device)
    change = torch.linalg.solve(gram, a @ b.T)  # (C, O)
    left: Tensor = r[cut:] - change.T @ x[cut:]
    return left


@torch.no_grad()
def evaluate(model: Any, held: Sequence[Sequence420], scale: int) -> dict[str, Any]:
    """Mean gains in dB of Y, U, V: of the network, and of heads fitted to each encode."""
    device = model.head.weight.device
    plain, fitted = [], []
    for s in held:
        picked = np.linspace(0, len(s.decoded[0]) - 1, 4).astype(int)
        decoded = _tensors(tuple(p[picked][:, None] for p in s.decoded), device)
        original = _tensors(tuple(p[picked][:, None] for p in s.original), device)
        side = torch.from_numpy(side_channels(s.codec, s.qp)).float().to(device).expand(4, -1)
        wrong, features = model.wrong(decoded, original), model.features(decoded, side).float()
        rest = wrong - RESIDUAL * model.head.wide(features)
        # Fitted to the first half of four frames, shown on the others, and the other way round.
        left = torch.cat([_fitted(features.roll(k, 0), rest.roll(k, 0)) for k in (0, 2)])
        before = wrong.square()
        parts = model.config.outputs
        plain.append(_gains(before, rest.square(), parts))
        fitted.append(_gains(before, left.square(), parts))
    names = ("y", "u", "v")
    out = {f"plain_{n}": round(float(g), 4) for n, g in zip(names, np.mean(plain, 0), strict=True)}
    return out | {
        f"fitted_{n}": round(float(g), 4) for n, g in zip(names, np.mean(fitted, 0), strict=True)
    }


def _gains(before: Tensor, after: Tensor, parts: Sequence[int]) -> list[float]:
    a, b = (torch.split(t, list(parts), 1) for t in (before, after))
    return [
        10 * float(torch.log10((p.mean() + 1e-9) / (q.mean() + 1e-9)))
        for p, q in zip(a, b, strict=True)
    ]


def _tensors(planes: tuple[np.ndarray, ...], device: torch.device) -> Planes:
    y, u, v = (torch.from_numpy(np.ascontiguousarray(p)).to(device).float() for p in planes)
    return y, u, v
