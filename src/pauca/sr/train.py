"""Training of super-resolution networks; the loop is that of every network (nets/loop.py)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from pauca.errors import InputError
from pauca.nets import loop
from pauca.nets.integer import set_exact
from pauca.nets.loop import LoopConfig, Run, load_averaged
from pauca.pixels.folders import find_pictures
from pauca.pixels.resize import resize_bicubic
from pauca.pixels.ycc601 import luma601
from pauca.sr.coded import coded_pairs
from pauca.sr.data import batches, make_pairs
from pauca.sr.look_torch import LookConfig, SrLook
from pauca.sr.model import SIZES, SrConfig, SrModel

CLEAN = 5  # one in so many clean pairs is kept beside coded ones


@dataclass(frozen=True)
class SrTrainConfig(LoopConfig):
    """One training run; `size` of input crops. `squared_from`: share of the time after which the
    loss is what PSNR measures, no longer absolute error, which learns faster.
    """

    model: str = "sr-x2-nano"
    sizes: SrConfig | None = None  # in place of the named model's
    batch: int = 16
    size: int = 64
    squared_from: float = 0.8
    teacher: Path | None = None
    teaching: float = 0.5  # weight of the teacher's picture in the target
    val: Path | None = None
    coded: bool = False  # learn from pictures that an encoder of video has been at
    clips: Sequence[Path] = ()  # folders of videos for that, besides pans over `data`

    def __post_init__(self) -> None:
        """Raise `InputError` on settings that no training can have."""
        if self.clips and not self.coded:
            raise InputError("clips are for training on coded input")
        super().__post_init__()


def sizes_of(name: str) -> SrConfig:
    """The sizes of a named network; `InputError` if there is none of this name."""
    if name not in SIZES:
        raise InputError(f"no network {name!r}; known: {', '.join(SIZES)}")
    return SIZES[name]


def load_either(path: Path) -> nn.Module:
    """The moving average of a checkpoint: an `SrModel`, or an `SrLook`."""

    def make(sizes: dict[str, Any]) -> nn.Module:
        return SrLook(LookConfig(**sizes)) if "network" in sizes else SrModel(SrConfig(**sizes))

    return load_averaged(path, make)


def network_of(model: nn.Module) -> SrModel:
    """What enlarges pictures, without what trains it."""
    network = model.generator if isinstance(model, SrLook) else model
    assert isinstance(network, SrModel)
    return network


def load_model(path: Path) -> SrModel:
    """The network of a checkpoint's moving average."""
    return network_of(load_either(path))


def train(config: SrTrainConfig) -> Path:
    """Train until `hours` are used up and return the checkpoint's path; call again to resume."""
    sizes = config.sizes or sizes_of(config.model)
    if config.size % sizes.fold:
        raise InputError(f"crops must be a multiple of {sizes.fold}")
    if config.coded and sizes.planes != 1:
        raise InputError("coded input is luma: the network must have one plane")
    pairs = make_pairs(config.data, sizes.scale, sizes.planes, config.size * sizes.scale)
    if config.coded:
        pairs = coded_pairs(pairs, config.clips, sizes.scale, config.seed) + pairs[::CLEAN]
    run = Run(config, lambda: SrModel(sizes))
    stream = batches(pairs, sizes.scale, config.size, config.batch, config.seed + run.step)
    teach = _teaching(config, run.device)
    held = held_pairs(config.val, sizes.scale) if config.val and sizes.planes == 1 else []

    def next_loss(run: Run) -> Tensor:
        x, y = (torch.from_numpy(a).to(run.device) for a in next(stream))
        y = teach(x, y)
        with torch.autocast(run.device.type, dtype=torch.bfloat16):
            error = run.model(x) - y
        return distance(error, run.progress >= config.squared_from)

    def report(run: Run) -> dict[str, Any]:
        return {"psnr_y": round(psnr_y(run.ema, held, sizes), 4)}

    return loop.train(run, next_loss, report if held else None)


def distance(error: Tensor, squared: bool) -> Tensor:
    """Loss of errors (N, P, H, W): mean absolute error, or mean log squared error of crops.

    PSNR of a folder is a mean of logarithms: there a smooth picture counts as much as a busy one.
    """
    if not squared:
        return error.abs().mean()
    return (error.square().mean((1, 2, 3)) + 0.5).log().mean()


def _teaching(config: SrTrainConfig, device: torch.device) -> Callable[[Tensor, Tensor], Tensor]:
    """What turns a target into one that a teacher's picture is mixed into."""
    if config.teacher is None:
        return lambda x, y: y
    teacher = load_model(config.teacher).to(device)
    own = config.sizes or sizes_of(config.model)
    if (teacher.config.scale, teacher.config.planes) != (own.scale, own.planes):
        raise InputError("the teacher has another scale or other planes")
    set_exact(teacher, False)

    @torch.no_grad()
    def mixed(x: Tensor, y: Tensor) -> Tensor:
        with torch.autocast(device.type, dtype=torch.bfloat16):
            taught = teacher(x).float()
        return torch.lerp(y, taught, config.teaching)

    return mixed


def held_pairs(folder: Path, scale: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Luma of reduced and full pictures (uint8 reduced in RGB, as is usual), unrounded."""
    pairs = []
    for path in find_pictures([folder]):
        with Image.open(path) as image:
            rgb = np.asarray(image.convert("RGB"))
        h, w = (side // scale * scale for side in rgb.shape[:2])
        rgb = rgb[:h, :w]
        pairs.append((luma601(resize_bicubic(rgb, h // scale, w // scale)), luma601(rgb)))
    return pairs


@torch.no_grad()
def enlarged(model: nn.Module, small: np.ndarray, sizes: SrConfig) -> np.ndarray:
    """What the model makes of a plane of luma of any size."""
    h, w = small.shape
    padded = np.pad(small, ((0, -h % sizes.fold), (0, -w % sizes.fold)), mode="edge")
    x = torch.from_numpy(padded)[None, None].to(next(model.parameters()).device)
    y: np.ndarray = model(x)[0, 0].float().cpu().numpy()
    return y[: h * sizes.scale, : w * sizes.scale].clip(16, 235)


def psnr_y(
    model: nn.Module, pairs: Sequence[tuple[np.ndarray, np.ndarray]], sizes: SrConfig
) -> float:
    """Mean PSNR of luma, `scale` pixels of border left out."""
    values = []
    cut = sizes.scale
    for small, large in pairs:
        error = (enlarged(model, small, sizes) - large)[cut:-cut, cut:-cut]
        values.append(10 * np.log10(255**2 / np.square(error, dtype=np.float64).mean()))
    return float(np.mean(values))
