"""MNIST and CIFAR-10 as tensors, from the npz files of a data folder.

`mnist.npz`: `train_images` uint8 (60000, 28, 28), `train_labels`, and the same for `test`.
`cifar10_jpeg.npz`: `train_jpeg`, the bytes of all pictures one after another, `train_offsets`
(50001,), `train_labels`, and the same for `test`.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

# Mean and deviation of the training pictures, in 0..1, by channel.
MNIST = ((0.1307,), (0.3081,))
CIFAR10 = ((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616))


@dataclass(frozen=True)
class Split:
    """Pictures uint8 (N, C, H, W) with labels int64 (N,), and how to normalize them."""

    pictures: Tensor
    labels: Tensor
    mean: tuple[float, ...]
    deviation: tuple[float, ...]

    def normalized(self, pictures: Tensor) -> Tensor:
        """Return uint8 (B, C, H, W) as float32 of mean 0 and deviation 1 over the training set."""
        mean = torch.tensor(self.mean).view(1, -1, 1, 1)
        deviation = torch.tensor(self.deviation).view(1, -1, 1, 1)
        return (pictures.float() / 255 - mean) / deviation

    def first(self, count: int | None) -> Split:
        """Return the first `count` pictures, all of them for None."""
        return replace(self, pictures=self.pictures[:count], labels=self.labels[:count])


def load_split(network: str, folder: Path, split: str) -> Split:
    """Load `split` (train or test) of the data that `network` is for."""
    if network == "vgg16":
        with np.load(folder / "cifar10_jpeg.npz", allow_pickle=False) as arrays:
            pictures = _decode(arrays[f"{split}_jpeg"], arrays[f"{split}_offsets"])
            labels = arrays[f"{split}_labels"]
        statistics = CIFAR10
    else:
        with np.load(folder / "mnist.npz", allow_pickle=False) as arrays:
            pictures = arrays[f"{split}_images"][:, None]
            labels = arrays[f"{split}_labels"]
        statistics = MNIST
    return Split(torch.from_numpy(pictures), torch.from_numpy(labels.astype(np.int64)), *statistics)


def _decode(data: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    pictures = np.empty((len(offsets) - 1, 3, 32, 32), np.uint8)
    for i, (start, end) in enumerate(zip(offsets[:-1], offsets[1:], strict=True)):
        with Image.open(io.BytesIO(data[start:end].tobytes())) as image:
            pictures[i] = np.asarray(image.convert("RGB")).transpose(2, 0, 1)
    return pictures


def augment(pictures: Tensor, shift: int, flip: bool, generator: torch.Generator) -> Tensor:
    """Shift each picture of uint8 (B, C, H, W) by up to `shift` pixels, and mirror half of them."""
    n, _, height, width = pictures.shape
    padded = torch.nn.functional.pad(pictures, (shift,) * 4)
    top, left = torch.randint(0, 2 * shift + 1, (2, n, 1), generator=generator)
    rows = top + torch.arange(height)
    columns = left + torch.arange(width)
    if flip:
        mirrored = torch.rand(n, 1, generator=generator) < 0.5
        columns = torch.where(mirrored, columns.flip(1), columns)
    items = torch.arange(n)[:, None, None]
    moved = padded[items, :, rows[:, :, None], columns[:, None, :]]  # (B, H, W, C)
    return moved.permute(0, 3, 1, 2)
