"""Train the network that tells graphics, which are drawn, from photographs, which lie in a folder.

    python benchmarks/scenes/train.py --photos data/photos --out runs/scenes

writes the model pack to --out, in some minutes on one core. What is drawn and how long it trains
depends on --seed, --pictures and --steps alone.
"""

from __future__ import annotations

import argparse
import io
from pathlib import Path

import numpy as np
import torch
from charts import chart
from draw import KINDS, Rng, window
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from pauca.image.scenes.features import BLOCK, FEATURES, block_features, with_surroundings
from pauca.pack.coded import CODED, encode_arrays
from pauca.pack.intnet import Layer, Program, Step
from pauca.pack.store import layers_to_arrays, program_to_json, write_pack
from pauca.pixels.folders import find_pictures

SIDE = 16 * BLOCK
HIDDEN, SHIFT = 16, 6
PHOTO_WEIGHT = 3.0  # a photograph taken for graphics costs more than the other way round
Samples = tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.float32]]


def photograph(rng: Rng, paths: list[Path], size: tuple[int, int]) -> Image.Image:
    """A piece of a photograph at some scale, sometimes enlarged, grey or coded."""
    with Image.open(paths[rng.integers(len(paths))]) as image:
        image = image.convert("RGB")
    room = min(image.width / size[0], image.height / size[1])
    scale = float(np.exp(rng.uniform(np.log(0.5), np.log(max(room, 0.6)))))
    cut = [min(side, int(s * scale)) for side, s in zip(image.size, size, strict=True)]
    left, top = (
        int(rng.integers(0, full - part + 1)) for full, part in zip(image.size, cut, strict=True)
    )
    image = image.crop((left, top, left + cut[0], top + cut[1]))
    image = image.resize(
        size, Image.Resampling.LANCZOS if rng.random() < 0.7 else Image.Resampling.BILINEAR
    )
    if rng.random() < 0.15:
        image = image.convert("L").convert("RGB")
    if rng.random() < 0.4:
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=int(rng.integers(40, 96)))
        image = Image.open(buffer).convert("RGB")
    return image


def example(rng: Rng, paths: list[Path]) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """A picture (H, W, 3) and which of its pixels are of a photograph (H, W)."""
    size = (SIDE + int(rng.integers(-40, 41)), SIDE + int(rng.integers(-40, 41)))
    truth = np.zeros((size[1], size[0]), np.float32)
    kind = rng.random()
    if kind < 0.4:
        return np.asarray(photograph(rng, paths, size)), truth + 1
    draw = chart if rng.random() < 0.2 else KINDS[rng.integers(len(KINDS))]
    if kind > 0.8:
        draw = window if rng.random() < 0.5 else draw
    image = draw(rng, size)
    if kind > 0.8:
        for _ in range(int(rng.integers(1, 4))):
            part = (int(rng.integers(96, 320)), int(rng.integers(96, 320)))
            x, y = (int(rng.integers(0, s - p)) for s, p in zip(size, part, strict=True))
            image.paste(photograph(rng, paths, part), (x, y))
            truth[y : y + part[1], x : x + part[0]] = 1
    return np.asarray(image), truth


def samples(rng: Rng, paths: list[Path]) -> Samples:
    """Features (n, 2 FEATURES), class (n,), 1 for graphics, and weights (n,) of a picture's blocks.

    Blocks of one colour tell nothing, nor do those with a margin of a photograph.
    """
    pixels, truth = example(rng, paths)
    features, plain = block_features(pixels)
    pad = [(0, -side % BLOCK) for side in truth.shape]
    share = np.pad(truth, pad, "edge").reshape(len(plain), BLOCK, -1, BLOCK).mean((1, 3))
    known = ~plain & ((share == 0) | (share > 0.25))
    graphics = (share == 0).astype(np.float32)
    return (
        with_surroundings(features)[known],
        graphics[known],
        np.where(graphics, 1, PHOTO_WEIGHT)[known].astype(np.float32),
    )


class Net(nn.Module):
    """Two layers on features 0..1, weights in 1/64 from the start."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(2 * FEATURES, HIDDEN)
        self.last = nn.Linear(HIDDEN, 1)

    def forward(self, x: Tensor) -> Tensor:
        hidden = nn.functional.linear(x, rounded(self.first.weight), self.first.bias)
        # Clamped as the integers are, with a little slope outside so that nothing dies.
        hidden = hidden.clamp(0, 1) + 0.01 * (hidden - hidden.detach())
        return nn.functional.linear(hidden, rounded(self.last.weight), self.last.bias)[:, 0]


def rounded(weight: Tensor) -> Tensor:
    grid = torch.round(weight.clamp(-127 / 64, 127 / 64) * 64) / 64
    return weight + (grid - weight).detach()


def fit(x: Tensor, y: Tensor, weight: Tensor, steps: int) -> Net:
    net = Net()
    optimizer = torch.optim.Adam(net.parameters(), 1e-2)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for step in range(steps):
        pick = torch.randint(len(x), (4096,))
        loss = nn.functional.binary_cross_entropy_with_logits(
            8 * net(x[pick]), y[pick], weight[pick]
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if step % 1000 == 0:
            print(f"step {step}: loss {loss.item():.4f}", flush=True)
    return net


def integer_layer(linear: nn.Linear, low: int, high: int) -> Layer:
    weight = torch.round(linear.weight.detach().clamp(-127 / 64, 127 / 64) * 64)
    bias = torch.round(linear.bias.detach().double() * 255 * 64) + (1 << (SHIFT - 1))
    rows = len(weight)
    return Layer(
        weight.to(torch.int8).numpy(),
        bias.numpy().astype(np.int32),
        np.full(rows, SHIFT, np.uint8),
        np.full(rows, low, np.int16),
        np.full(rows, high, np.int16),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=Path, nargs="+", required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--pictures", type=int, default=2500)
    parser.add_argument("--steps", type=int, default=6000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--version", default="0.1.0")
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    torch.set_num_threads(1)
    paths = find_pictures(options.photos)
    rngs = np.random.default_rng(options.seed).spawn(options.pictures)
    parts = [samples(rng, paths) for rng in rngs]
    x, y, weight = (torch.from_numpy(np.concatenate(column)) for column in zip(*parts, strict=True))
    print(
        f"{len(x)} blocks of {len(parts)} pictures, {100 * float(y.mean()):.0f} % graphics",
        flush=True,
    )
    scaled = x.float() / 255
    net = fit(scaled, y, weight, options.steps)
    with torch.no_grad():
        said = net(scaled) > 0
    for name, truth in (("photographs", 0), ("graphics", 1)):
        wrong = said[y == truth] != bool(truth)
        print(f"{name}: {int(wrong.sum())} of {len(wrong)} blocks wrong")
    layers = {
        "first": integer_layer(net.first, 0, 255),
        "last": integer_layer(net.last, -32768, 32767),
    }
    program = Program(
        (("blocks", 2 * FEATURES),),
        ("graphics",),
        (
            Step("conv", "hidden", ("blocks",), "first"),
            Step("conv", "graphics", ("hidden",), "last"),
        ),
    )
    manifest = {
        "name": "scenes", "version": options.version, "domain": "scenes",
        "summary": "graphics or photograph, for blocks of 32 x 32 pixels", "license": "Apache-2.0",
        "data": f"{len(paths)} photographs (docs/training.md), graphics drawn by benchmarks/scenes",
        "program": program_to_json(program),
    }  # fmt: skip
    info = write_pack(options.out, manifest, {CODED: encode_arrays(layers_to_arrays(layers))})
    print(f"{info.name} {info.version} {info.pack_id.hex()} {info.path}")


if __name__ == "__main__":
    main()
