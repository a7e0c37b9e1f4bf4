"""Letters drawn by Pillow's own font, shifted and noisy; a small network that learns them."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor, nn
from torch.nn import functional

LETTERS = "0123456789AEHMTX"
CLASSES, SIDE = len(LETTERS), 12
Batches = list[tuple[Tensor, Tensor]]


class GlyphNet(nn.Module):
    """(N, 1, 12, 12) to (N, 16): plain, depthwise and pointwise convolutions, a sum, two layers."""

    def __init__(self, width: int = 16) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, width, 3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, 2 * width, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(2 * width)
        self.depth = nn.Conv2d(2 * width, 2 * width, 3, padding=1, groups=2 * width, bias=False)
        self.point = nn.Conv2d(2 * width, 2 * width, 1, bias=False)
        self.norm3 = nn.BatchNorm2d(2 * width)
        self.fc1 = nn.Linear(2 * width * 9, 64)
        self.fc2 = nn.Linear(64, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.max_pool2d(functional.relu(self.norm1(self.conv1(x))), 2)
        x = functional.relu(self.norm2(self.conv2(x)))
        x = x + functional.relu(self.norm3(self.point(self.depth(x))))
        x = functional.max_pool2d(x, 2)
        return self.fc2(functional.relu(self.fc1(x.flatten(1))))


@lru_cache
def drawn() -> Tensor:
    """(classes, 24, 24): every letter in the middle of an empty picture, in 0..1."""
    font = ImageFont.load_default()
    out = np.zeros((CLASSES, 24, 24), np.float32)
    for i, letter in enumerate(LETTERS):
        picture = Image.new("L", (24, 24))
        ImageDraw.Draw(picture).text((12, 12), letter, 255, font, anchor="mm")
        out[i] = np.asarray(picture) / 255
    return torch.from_numpy(out)


def glyphs(count: int, seed: int) -> tuple[Tensor, Tensor]:
    """(count, 1, 12, 12) pictures and their labels: shifts by up to 2, contrast, noise."""
    draw = torch.Generator().manual_seed(seed)
    labels = torch.randint(CLASSES, (count,), generator=draw)
    shifts = torch.randint(-1, 2, (count, 2), generator=draw) + 6
    rows, columns = (shifts[:, k, None] + torch.arange(SIDE) for k in (0, 1))
    pictures = drawn()[labels[:, None, None], rows[:, :, None], columns[:, None, :]]
    contrast = 0.6 + 0.4 * torch.rand(count, 1, 1, generator=draw)
    noise = 0.15 * torch.randn(count, SIDE, SIDE, generator=draw)
    return (contrast * pictures + noise)[:, None], labels


def fit(module: nn.Module, batches: Batches, epochs: int = 1, rate: float = 2e-3) -> None:
    """Train a module in place, as a caller's own function would."""
    optimizer = torch.optim.Adam(module.parameters(), rate)
    for _ in range(epochs):
        for x, y in batches:
            optimizer.zero_grad()
            functional.cross_entropy(module(x), y).backward()
            optimizer.step()


@dataclass(frozen=True)
class Parent:
    """A trained network, what it was trained on, and unseen pictures."""

    module: GlyphNet
    batches: Batches
    test: tuple[Tensor, Tensor]

    @property
    def example(self) -> Tensor:
        return self.test[0][:1]

    def accuracy(self, module: Callable[[Tensor], Tensor]) -> float:
        """Percent of unseen pictures that `module` names rightly."""
        x, y = self.test
        with torch.no_grad():
            return float((module(x).argmax(1) == y).float().mean()) * 100

    def onnx_accuracy(self, model: object) -> float:
        """The same of an ONNX model."""
        return float((self.onnx_outputs(model).argmax(1) == self.test[1].numpy()).mean()) * 100

    def onnx_outputs(self, model: object) -> np.ndarray:
        from pauca.pack.runtime import float_session

        session = float_session(model.SerializeToString(), 1)  # type: ignore[attr-defined]
        out: np.ndarray = session.run(None, {session.get_inputs()[0].name: self.test[0].numpy()})[0]
        return out

    def tune(self, epochs: int = 1, rate: float = 1e-3) -> Callable[[nn.Module], None]:
        return lambda module: fit(module, self.batches, epochs, rate)

    def short(self, count: int) -> "Parent":
        return replace(self, batches=self.batches[:count])


@lru_cache
def parent() -> Parent:
    """Train once for all tests."""
    torch.manual_seed(0)
    x, y = glyphs(3000, 1)
    batches = list(zip(x.split(64), y.split(64), strict=True))
    module = GlyphNet()
    fit(module, batches, 1, 4e-3)
    fit(module, batches, 1, 1e-3)
    return Parent(module.eval(), batches, glyphs(1000, 2))
