"""Training of the wavelet picture model: one plain loop, bounded by time, resumable, the same on
CPU and CUDA.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pauca.errors import InputError
from pauca.image.data import batches, find_pictures, load_pictures
from pauca.image.model import WaveletModel, base_step
from pauca.nets.integer import set_exact

PEAK_RATE = (
    14.0  # bits per pixel times step, roughly, of photographs: equalizes the weight of all rates
)


@dataclass(frozen=True)
class TrainConfig:
    """One training run; times in hours count training only, over all resumed parts."""

    data: Sequence[Path]
    out: Path
    hours: float = 2.5
    batch: int = 2
    size: int = 256
    lr: float = 1e-3
    exact_from: float = 0.65  # share of the time after which fake quantization is on
    thrift: float = 0.0  # share of lmbda that rounding spends on bits once networks are exact
    ema: float = 0.999
    seed: int = 0
    device: str = "auto"
    threads: int = 0
    val: Path | None = None
    val_minutes: float = 20.0
    init: Path | None = None


def schedule(progress: float) -> float:
    """Learning-rate factor: 2 % warm-up, then cosine down to 2 %."""
    if progress < 0.02:
        return max(progress / 0.02, 0.01)
    return 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min((progress - 0.02) / 0.98, 1.0)))


def draw_quality(count: int, rng: np.random.Generator) -> Tensor:
    """Qualities of a batch: mostly the range of everyday rates, some from the whole."""
    everyday = rng.uniform(5, 75, count)
    whole = rng.uniform(0, 100, count)
    return torch.from_numpy(np.where(rng.random(count) < 0.85, everyday, whole)).float()


def loss_of(model: WaveletModel, x: Tensor, quality: Tensor) -> Tensor:
    """Mean of bpp + mse / lmbda over the batch, each picture weighted by the inverse of the rate
    usual at its quality.
    """
    out = model(x, quality)
    base = base_step(quality)
    cost = out.bpp + out.mse / (model.config.lmbda * base.square())
    loss: Tensor = (cost / (0.05 + PEAK_RATE / base)).mean()
    return loss


@torch.no_grad()
def evaluate(
    model: WaveletModel, pictures: Sequence[np.ndarray], qualities: Sequence[float]
) -> list[dict[str, float]]:
    """Estimated bpp and PSNR, averaged over pictures, at each quality; no bitstream."""
    model.eval()
    device = next(model.parameters()).device
    points = []
    for quality in qualities:
        bpp, psnr = [], []
        for picture in pictures:
            h, w = picture.shape[:2]
            padded = np.pad(picture, ((0, -h % 128), (0, -w % 128), (0, 0)), mode="edge")
            x = torch.from_numpy(padded.transpose(2, 0, 1).copy())[None].to(device).float()
            out = model(x, torch.tensor([quality], device=device))
            x_hat = out.x_hat.clamp(0, 255).round()[..., :h, :w]
            bpp.append(out.bpp.item() * x.shape[2] * x.shape[3] / (h * w))
            psnr.append(10 * math.log10(255**2 / (x_hat - x[..., :h, :w]).square().mean().item()))
        points.append(
            {"quality": quality, "bpp": float(np.mean(bpp)), "psnr": float(np.mean(psnr))}
        )
    model.train()
    return points


def load_matching(model: WaveletModel, state: dict[str, Tensor]) -> None:
    """Begin with the weights of another run wherever names and shapes agree."""
    own = model.state_dict()
    fitting = {k: v for k, v in state.items() if k in own and own[k].shape == v.shape}
    model.load_state_dict(fitting, strict=False)


class Run:
    """State of a training run: model, its moving average, optimizer, clock."""

    def __init__(self, config: TrainConfig):
        self.config = config
        cuda = torch.cuda.is_available()
        self.device = torch.device(
            ("cuda" if cuda else "cpu") if config.device == "auto" else config.device
        )
        torch.manual_seed(config.seed)
        self.model = WaveletModel().to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.ema = WaveletModel().to(self.device)
        self.optimizer = torch.optim.Adam(
            self.model.parameters(), config.lr, betas=(0.9, 0.98), fused=True
        )
        self.step, self.seconds = 0, 0.0
        self.path = config.out / "checkpoint.pt"
        if self.path.exists():
            self.restore()
        elif config.init is not None:
            state = torch.load(config.init, map_location=self.device, weights_only=True)
            load_matching(self.model, state["ema"])
        if self.step == 0:
            self.ema.load_state_dict(self.model.state_dict())

    def restore(self) -> None:
        """Continue from the checkpoint in the output folder."""
        state = torch.load(self.path, map_location=self.device, weights_only=True)
        self.model.load_state_dict(state["model"])
        self.ema.load_state_dict(state["ema"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step, self.seconds = state["step"], state["seconds"]

    def save(self) -> None:
        """Write the checkpoint beside and rename it into place."""
        state = {
            "model": self.model.state_dict(),
            "ema": self.ema.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "seconds": self.seconds,
            "config": {k: str(v) for k, v in asdict(self.config).items()},
            "sizes": {
                k: list(v) if isinstance(v, tuple) else v
                for k, v in asdict(self.model.config).items()
            },
        }
        beside = self.path.with_suffix(".tmp")
        torch.save(state, beside)
        beside.replace(self.path)

    def clock(self) -> dict[str, Any]:
        """Steps and hours so far, for the log."""
        return {"step": self.step, "hours": round(self.seconds / 3600, 4)}

    @torch.no_grad()
    def average(self) -> None:
        """Move the average towards the model; quicker at the beginning."""
        decay = min(self.config.ema, (1 + self.step) / (10 + self.step))
        for average, parameter in zip(self.ema.parameters(), self.model.parameters(), strict=True):
            average.lerp_(parameter, 1 - decay)


def log_line(path: Path, row: dict[str, Any]) -> None:
    """Append one JSON line and print it."""
    text = json.dumps(row)
    print(text, flush=True)
    with path.open("a") as log:
        log.write(text + "\n")


def train(config: TrainConfig) -> Path:
    """Train until `hours` are used up and return the checkpoint's path; call again to resume."""
    if config.threads:
        torch.set_num_threads(config.threads)
    config.out.mkdir(parents=True, exist_ok=True)
    run = Run(config)
    pictures = load_pictures(find_pictures(config.data), config.size)
    held = load_pictures(find_pictures([config.val]), 1) if config.val else []
    rng = np.random.default_rng(config.seed + run.step)
    stream = batches(pictures, config.size, config.batch, config.seed + run.step)
    log_path = config.out / "log.jsonl"
    began, saved, seen = time.monotonic() - run.seconds, run.seconds, run.seconds
    window: list[float] = []
    run.model.train()
    while run.seconds < config.hours * 3600:
        x = torch.from_numpy(next(stream)).to(run.device).float()
        window.append(train_step(run, x, draw_quality(len(x), rng).to(run.device)))
        run.seconds = time.monotonic() - began
        if run.step % 100 == 0:
            log_line(log_path, run.clock() | {"loss": round(float(np.mean(window)), 5)})
            window.clear()
        if run.seconds - saved > 300:
            run.save()
            saved = run.seconds
        if held and run.seconds - seen > config.val_minutes * 60:
            began += report(run, held, log_path)
            seen = run.seconds
    run.save()
    if held:
        report(run, held, log_path)
    return run.path


def train_step(run: Run, x: Tensor, quality: Tensor) -> float:
    """One step on x (N, 3, H, W); returns the loss. InputError if it is not finite."""
    config = run.config
    progress = run.seconds / (config.hours * 3600)
    exact = progress >= config.exact_from
    set_exact(run.model, exact)
    run.model.thrift = config.thrift if exact else 0.0
    for group in run.optimizer.param_groups:
        group["lr"] = config.lr * schedule(progress)
    with torch.autocast(run.device.type, dtype=torch.bfloat16):
        loss = loss_of(run.model, x, quality)
    if not torch.isfinite(loss):
        raise InputError(f"loss is not finite at step {run.step}: lower the rate and resume")
    loss.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(run.model.parameters(), 1.0)
    run.optimizer.step()
    run.optimizer.zero_grad(set_to_none=True)
    run.step += 1
    run.average()
    return loss.item()


def report(run: Run, held: Sequence[np.ndarray], log_path: Path) -> float:
    """Evaluate the moving average and log it; returns the seconds this took."""
    start = time.monotonic()
    run.ema.thrift = run.model.thrift
    set_exact(run.ema, run.model.levels[0].stem.exact)
    points = evaluate(run.ema, held, (8, 20, 32, 45, 60))
    log_line(log_path, run.clock() | {"points": points})
    return time.monotonic() - start
