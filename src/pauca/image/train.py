"""Training of the wavelet picture model; the loop is that of every network (nets/loop.py)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pauca.errors import InputError
from pauca.image.cost_torch import distortion
from pauca.image.data import batches, load_pictures
from pauca.image.model import ModelConfig, WaveletModel, base_step
from pauca.image.vae.model import VaeConfig, VaeModel, basis_of
from pauca.nets import loop
from pauca.nets.loop import CHECKPOINT, LoopConfig, Run
from pauca.nets.msssim import ms_ssim
from pauca.pack import vae, wavelet
from pauca.pack.image import MEASURES
from pauca.pixels.folders import find_pictures

# Bits per pixel times step, roughly, of photographs: equalizes the weight of all rates.
PEAK_RATE = 14.0

Model = WaveletModel | VaeModel


@dataclass(frozen=True)
class TrainConfig(LoopConfig):
    """One training run of the picture model."""

    batch: int = 2
    size: int = 256
    thrift: float = 0.0  # share of lmbda that rounding spends on bits once networks are exact
    measure: str = "psnr"  # or ssim, or mix: half of each
    val: Path | None = None
    sizes: ModelConfig | VaeConfig = ModelConfig()


def draw_quality(count: int, rng: np.random.Generator) -> Tensor:
    """Qualities of a batch: mostly the range of everyday rates, some from the whole."""
    everyday = rng.uniform(5, 75, count)
    whole = rng.uniform(0, 100, count)
    return torch.from_numpy(np.where(rng.random(count) < 0.85, everyday, whole)).float()


def loss_of(model: Model, x: Tensor, quality: Tensor, measure: str = "psnr") -> Tensor:
    """Mean of bpp + distortion over the batch, each picture weighted by the inverse of the rate
    usual at its quality.
    """
    out = model(x, quality)
    cost = out.bpp + distortion(out.x_hat, x, quality, model.config.lmbda, measure)
    loss: Tensor = (cost / (0.05 + PEAK_RATE / base_step(quality))).mean()
    return loss


@torch.no_grad()
def evaluate(
    model: Model, pictures: Sequence[np.ndarray], qualities: Sequence[float]
) -> list[dict[str, float]]:
    """Estimated bpp and PSNR, averaged over pictures, at each quality; no bitstream."""
    model.eval()
    device = next(model.parameters()).device
    points = []
    for quality in qualities:
        bpp, psnr, similarity = [], [], []
        for picture in pictures:
            h, w = picture.shape[:2]
            padded = np.pad(picture, ((0, -h % 128), (0, -w % 128), (0, 0)), mode="edge")
            x = torch.from_numpy(padded.transpose(2, 0, 1).copy())[None].to(device).float()
            out = model(x, torch.tensor([quality], device=device))
            x_hat = out.x_hat.clamp(0, 255).round()[..., :h, :w]
            bpp.append(out.bpp.item() * x.shape[2] * x.shape[3] / (h * w))
            psnr.append(10 * math.log10(255**2 / (x_hat - x[..., :h, :w]).square().mean().item()))
            if min(h, w) > 160:
                similarity.append(ms_ssim(x_hat, x[..., :h, :w]).item())
        point = {"quality": quality, "bpp": float(np.mean(bpp)), "psnr": float(np.mean(psnr))}
        points.append(point | ({"ms_ssim": float(np.mean(similarity))} if similarity else {}))
    model.train()
    return points


def sizes_of(family: str) -> ModelConfig | VaeConfig:
    """Usual sizes of a family of models; `InputError` if there is none of this name."""
    known: dict[str, ModelConfig | VaeConfig] = {
        wavelet.FAMILY: ModelConfig(),
        vae.FAMILY: VaeConfig(),
    }
    if family not in known:
        raise InputError(f"no family {family!r}; known: {', '.join(known)}")
    return known[family]


def maker(config: TrainConfig, pictures: Sequence[NDArray[np.uint8]]) -> Callable[[], Model]:
    """What makes the model of a run; an autoencoder from nothing begins with the KLT of the
    pictures.
    """
    sizes = config.sizes
    if isinstance(sizes, ModelConfig):
        return lambda: WaveletModel(sizes)
    fresh = config.init is None and not (config.out / CHECKPOINT).exists()
    basis = basis_of(pictures, sizes.latents, config.seed) if fresh else None
    return lambda: VaeModel(sizes, basis)


def train(config: TrainConfig, make: Callable[[], Model] | None = None) -> Path:
    """Train until `hours` are used up and return the checkpoint's path; call again to resume.

    `make` gives another model than that of the sizes in `config`.
    """
    if config.measure not in MEASURES:
        raise InputError(f"no measure {config.measure!r}; known: {', '.join(MEASURES)}")
    pictures = load_pictures(find_pictures(config.data), config.size)
    run = Run(config, make or maker(config, pictures))
    held = load_pictures(find_pictures([config.val]), 1) if config.val else []
    rng = np.random.default_rng(config.seed + run.step)
    stream = batches(pictures, config.size, config.batch, config.seed + run.step)

    def next_loss(run: Run) -> Tensor:
        model = run.model
        assert isinstance(model, Model)
        model.thrift = config.thrift if run.exact else 0.0
        x = torch.from_numpy(next(stream)).to(run.device).float()
        quality = draw_quality(len(x), rng).to(run.device)
        with torch.autocast(run.device.type, dtype=torch.bfloat16):
            return loss_of(model, x, quality, config.measure)

    def report(run: Run) -> dict[str, Any]:
        average = run.ema
        assert isinstance(average, Model)
        average.thrift = config.thrift if run.exact else 0.0
        return {"points": evaluate(average, held, (8, 20, 32, 45, 60))}

    return loop.train(run, next_loss, report if held else None)
