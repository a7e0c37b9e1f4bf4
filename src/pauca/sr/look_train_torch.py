"""Training of a natural look from a trained network; the loop is that of every network
(nets/loop.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pauca.errors import InputError
from pauca.nets import loop
from pauca.nets.look import LEAST, STEP, texture_distance
from pauca.nets.loop import LoopConfig, Run
from pauca.sr.data import batches, make_pairs
from pauca.sr.look_torch import SrLook, look_from
from pauca.sr.model import SrConfig
from pauca.sr.train import enlarged, held_pairs, load_model, psnr_y


@dataclass(frozen=True)
class SrLookConfig(LoopConfig):
    """One run; `size` of input crops; `init` is a trained network, or a look to go on from. The
    loss is `absolute` times the absolute error in that of the start, `texture` times the distance
    of local energies of luma, `critic` times the critic's.
    """

    batch: int = 8
    size: int = 32
    absolute: float = 1.0
    texture: float = 0.3
    critic: float = 0.3
    val: Path | None = None


def train_look(config: SrLookConfig) -> Path:
    """Train until `hours` are used up and return the checkpoint's path; call again to resume."""
    begun = config.out / "checkpoint.pt"
    known = begun if begun.exists() else config.init
    if known is None:
        raise InputError("a look begins with a trained network: name its checkpoint with --init")
    start = load_model(known)
    sizes = start.config
    _check(config.size, sizes)
    run = Run(config, lambda: look_from(start))
    pairs = make_pairs(config.data, sizes.scale, sizes.planes, config.size * sizes.scale)
    stream = batches(pairs, sizes.scale, config.size, config.batch, config.seed + run.step)
    held = held_pairs(config.val, sizes.scale) if config.val and sizes.planes == 1 else []

    def next_loss(run: Run) -> Tensor:
        assert isinstance(run.model, SrLook)
        x, y = (torch.from_numpy(a).to(run.device) for a in next(stream))
        return look_loss(run.model, x, y, config)

    def report(run: Run) -> dict[str, Any]:
        return {
            "psnr_y": round(psnr_y(run.ema, held, sizes), 4),
            "texture": round(texture(run.ema, held, sizes), 4),
        }

    return loop.train(run, next_loss, report if held else None)


def look_loss(look: SrLook, x: Tensor, y: Tensor, config: SrLookConfig) -> Tensor:
    """The loss of the network and that of its critic in one sum: neither moves the other."""
    with torch.autocast(x.device.type, dtype=torch.bfloat16):
        fake = look(x)
        with torch.no_grad():
            faithful = look.start(x)
    error, usual = ((planes - y).abs().mean((1, 2, 3)) for planes in (fake, faithful))
    kept = (error / (usual + 1.0)).mean()
    # Chroma is kept true and no more: it has no texture to put back, and noise in it is spots.
    luma, wanted, known = (planes[:, :1] for planes in (fake, y, faithful))
    far = texture_distance(luma, wanted)
    fooled, own = look.critic.contest(wanted, luma, known)
    total: Tensor = config.absolute * kept + config.texture * far + config.critic * fooled + own
    return total


@torch.no_grad()
def texture(
    model: torch.nn.Module, pairs: list[tuple[np.ndarray, np.ndarray]], sizes: SrConfig
) -> float:
    """Mean distance of local energies of luma, sides cut to what bands need."""
    found = []
    for small, large in pairs:
        h, w = (side // STEP * STEP for side in large.shape)
        if min(h, w) >= LEAST:
            both = (enlarged(model, small, sizes), large)
            a, b = (torch.from_numpy(p[:h, :w].copy())[None, None].float() for p in both)
            found.append(float(texture_distance(a, b)))
    return float(np.mean(found)) if found else float("nan")


def _check(size: int, sizes: SrConfig) -> None:
    """Raise `InputError` on input crops that cells or bands do not fit."""
    large = size * sizes.scale
    if size % sizes.fold or large % STEP or large < LEAST:
        step = max(sizes.fold, STEP // sizes.scale)
        raise InputError(f"crops must be a multiple of {step}, at least {LEAST // sizes.scale}")
