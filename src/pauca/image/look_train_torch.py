"""Training of a look behind a frozen pack; the loop is that of every network (nets/loop.py)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pauca.errors import InputError
from pauca.image.data import load_pictures, random_crop
from pauca.image.layout import ALIGN
from pauca.image.look_torch import LookConfig, LookModel
from pauca.image.model import base_step
from pauca.image.twin_torch import PackModel, config_of
from pauca.nets import loop
from pauca.nets.colour import to_rgb, to_ycc
from pauca.nets.integer import UNIT
from pauca.nets.lifting import analysis_level
from pauca.nets.look import LEAST, STEP, crisp, texture_distance, visual_information
from pauca.nets.loop import LoopConfig, Run
from pauca.pack.registry import create_model
from pauca.pack.wavelet import WaveletPack, wavelet_of
from pauca.pixels.folders import find_pictures

QUALITIES = (4.0, 44.0)  # that looks are learned at; better pictures have little to put back
CHROMA = 10.0  # weight of what the look changes in colours, where noise is seen as spots
MARGIN = 16  # pixels at the border of what was decoded that are not learned from


@dataclass(frozen=True)
class LookTrainConfig(LoopConfig):
    """One run; `size` of crops, a multiple of 8. The loss is squared error in that of the
    faithful look, `texture` times the distance of local energies, `critic` times the critic's,
    less `clarity` times the visual information. Originals are made crisper by the share `crisp`.
    """

    pack: str = "img-psnr"
    batch: int = 8
    size: int = 96
    scenes: int = 300  # decoded once, and learned from all the time
    texture: float = 0.3
    critic: float = 0.3
    clarity: float = 0.0
    crisp: float = 0.0
    sizes: LookConfig | None = None


@dataclass(frozen=True)
class Scene:
    """A decoded piece before its last filter: planes (3, H, W) in 1/16 levels, features
    (C, H/4, W/4) of 8 bits, the original (3, H, W).
    """

    ycc: NDArray[np.int16]
    features: NDArray[np.uint8]
    original: NDArray[np.uint8]
    quality: float


@torch.no_grad()
def make_scenes(config: LookTrainConfig, pack: WaveletPack) -> list[Scene]:
    """Decode crops of the pictures at random qualities, up to the last filter."""
    side = 2 * ALIGN
    pictures = load_pictures(find_pictures(config.data), side)
    rng = np.random.default_rng(config.seed)
    scenes = []
    for _ in range(config.scenes):
        picture = pictures[int(rng.integers(len(pictures)))]
        original = np.ascontiguousarray(random_crop(picture, side, rng).transpose(2, 0, 1))
        model = PackModel(pack, round(4 * rng.uniform(*QUALITIES)))
        low, details = to_ycc(torch.from_numpy(original)[None].float()), []
        for _ in range(len(model.scales)):
            low, d = analysis_level(low)
            details.append(d)
        seen: list[Tensor] = []
        model.post.register_forward_pre_hook(lambda _, given, to=seen: to.extend(given[:2]))
        model.code(low, details, torch.tensor([model.quality]))
        ycc = (16 * seen[0][0]).round().clamp(-32767, 32767).short().numpy()
        features = (UNIT * seen[1][0]).round().clamp(0, 255).byte().numpy()
        scenes.append(Scene(ycc, features, original, model.quality))
    return scenes


def batches(
    scenes: Sequence[Scene], size: int, count: int, seed: int
) -> Iterator[tuple[Tensor, Tensor, Tensor, Tensor]]:
    """Endless planes, features, originals and qualities of random crops."""
    rng = np.random.default_rng(seed)
    while True:
        parts = []
        for i in rng.integers(len(scenes), size=count):
            scene = scenes[i]
            room = [(s - 2 * MARGIN - size) // 4 for s in scene.original.shape[1:]]
            top, left = (MARGIN + 4 * int(rng.integers(r + 1)) for r in room)
            place = (slice(None), slice(top, top + size), slice(left, left + size))
            cells = (
                slice(None),
                slice(top // 4, (top + size) // 4),
                slice(left // 4, (left + size) // 4),
            )
            quality = np.float32(scene.quality)
            parts.append((scene.ycc[place], scene.features[cells], scene.original[place], quality))
        ycc, features, original, qualities = (np.stack(a) for a in zip(*parts, strict=True))
        yield (
            torch.from_numpy(ycc.astype(np.float32) / 16),
            torch.from_numpy(features.astype(np.float32) / UNIT),
            torch.from_numpy(original.astype(np.float32)),
            torch.from_numpy(qualities),
        )


def train_look(config: LookTrainConfig) -> Path:
    """Train until `hours` are used up and return the checkpoint's path; call again to resume."""
    most = 2 * ALIGN - 2 * MARGIN
    if config.size % STEP or not LEAST <= config.size <= most:
        raise InputError(f"crops must be a multiple of {STEP}, {LEAST}..{most}")
    pack = wavelet_of(create_model(config.pack))
    own = config_of(pack)
    sizes = config.sizes or LookConfig(own.post_channels, own.post_blocks, own.channels[0])
    faithful = PackModel(pack, 0).post  # the same filter at every quality

    def make() -> LookModel:
        model = LookModel(sizes)
        loop.load_matching(model.post, faithful.state_dict())
        return model

    run = Run(config, make)
    faithful = faithful.to(run.device)
    stream = batches(make_scenes(config, pack), config.size, config.batch, config.seed + run.step)

    def next_loss(run: Run) -> Tensor:
        model = run.model
        assert isinstance(model, LookModel)
        ycc, features, x, quality = (t.to(run.device) for t in next(stream))
        step = base_step(quality)
        with torch.no_grad():
            plain = to_rgb(faithful(ycc, features, step, quality))
        if config.crisp:
            x = crisp(x, config.crisp)
        fake = model(ycc, features, step, quality)
        error, usual = ((y - x).square().mean((1, 2, 3)) for y in (fake, plain))
        seen, wanted, known = (to_ycc(y) for y in (fake, x, plain))
        texture = texture_distance(seen[:, :1], wanted[:, :1])
        fooled, hinge = model.critic.contest(x, fake, plain)
        colours = (seen - known)[:, 1:].square().mean((1, 2, 3))
        kept = ((error + CHROMA * colours) / (usual + 1.0)).mean()
        total: Tensor = kept + config.texture * texture + config.critic * fooled + hinge
        if config.clarity:
            told = visual_information(seen[:, :1] + 128.0, wanted[:, :1] + 128.0)
            total = total - config.clarity * told.mean()
        return total

    return loop.train(run, next_loss)
