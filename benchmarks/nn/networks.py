"""The three networks of the DeepCABAC paper, and how a file of tensors becomes one of them again.

LeNet-300-100 (LeCun 1998, 266,610 parameters), LeNet-5 in the form that Caffe made common
(20-50-500, 431,080 parameters) and Small-VGG16 (CIFAR-10, 15.0 M parameters with the statistics
of its batch normalizations).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor, nn

VGG16 = (64, 64, 0, 128, 128, 0, 256, 256, 256, 0, 512, 512, 512, 0, 512, 512, 512, 0)


class LeNet300(nn.Module):
    """(B, 1, 28, 28) to (B, 10) logits by 300 and 100 hidden units."""

    def __init__(self) -> None:
        super().__init__()
        self.fc1 = nn.Linear(784, 300)
        self.fc2 = nn.Linear(300, 100)
        self.fc3 = nn.Linear(100, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.fc1(x.flatten(1)))
        return self.fc3(torch.relu(self.fc2(x)))


class LeNet5(nn.Module):
    """(B, 1, 28, 28) to (B, 10) logits; Caffe's form has no non-linearity after a convolution."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 20, 5)
        self.conv2 = nn.Conv2d(20, 50, 5)
        self.fc1 = nn.Linear(800, 500)
        self.fc2 = nn.Linear(500, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = nn.functional.max_pool2d(self.conv1(x), 2)
        x = nn.functional.max_pool2d(self.conv2(x), 2)
        return self.fc2(torch.relu(self.fc1(x.flatten(1))))


class _SmallMaps(torch.autograd.Function):
    """A 3 x 3 convolution whose gradient of the weights is one matrix product.

    On small maps oneDNN takes six times as long for it.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight)
        return nn.functional.conv2d(x, weight, padding=1)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor]:
        x, weight = ctx.saved_tensors
        n, c, h, w = x.shape
        back = torch.nn.grad.conv2d_input(x.shape, weight, gradient, padding=1)
        padded = nn.functional.pad(x.permute(0, 2, 3, 1), (0, 0, 1, 1, 1, 1))
        windows = [padded[:, i : i + h, j : j + w] for i in range(3) for j in range(3)]
        rows = torch.cat(windows, -1).view(n * h * w, 9 * c)
        product = gradient.permute(0, 2, 3, 1).reshape(n * h * w, -1).t() @ rows
        return back, product.view(-1, 3, 3, c).permute(0, 3, 1, 2)


class Conv3x3(nn.Conv2d):
    """A 3 x 3 convolution without a bias, padded by 1, that trains fast on small maps."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or x.shape[-1] > 6:
            return super().forward(x)
        weight = self.weight
        if torch.is_autocast_enabled("cpu"):
            x, weight = x.bfloat16(), weight.bfloat16()
        y: Tensor = _SmallMaps.apply(x, weight)
        return y


class SmallVGG16(nn.Module):
    """(B, 3, 32, 32) to (B, 10) logits: VGG-16 for small pictures with a 512-512-10 head.

    Convolutions have no bias: the batch normalization behind each has one. The last pooling
    rounds up, so that the pictures of a cheaper first phase may be smaller.
    """

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = 3
        for width in VGG16:
            if width == 0:
                layers.append(nn.MaxPool2d(2, ceil_mode=True))
                continue
            layers.append(Conv3x3(channels, width))
            layers += [nn.BatchNorm2d(width), nn.ReLU(inplace=True)]
            channels = width
        self.features = nn.Sequential(*layers)
        self.fc1 = nn.Linear(512, 512)
        self.norm = nn.BatchNorm1d(512)
        self.fc2 = nn.Linear(512, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.features(x).flatten(1)
        # Dropout where the parent of this network has it: the head overfits first.
        x = nn.functional.dropout(x, 0.3, self.training)
        return self.fc2(torch.relu(self.norm(self.fc1(x))))


NETWORKS: dict[str, type[nn.Module]] = {
    "lenet300": LeNet300,
    "lenet5": LeNet5,
    "vgg16": SmallVGG16,
}


def prunable(model: nn.Module) -> list[str]:
    """Return the names of the weight matrices: biases and normalizations are never pruned."""
    return [name for name, p in model.named_parameters() if p.ndim > 1]


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Read a safetensors, npz, state-dict or `.pauca` file as float32 tensors by name."""
    if path.suffix == ".safetensors":
        with safe_open(path, "pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    elif path.suffix == ".npz":
        import numpy as np

        with np.load(path, allow_pickle=False) as arrays:
            tensors = {name: torch.from_numpy(arrays[name]) for name in arrays.files}
    elif path.suffix == ".pauca":
        tensors = _read_pauca(path)
    else:
        tensors = torch.load(path, map_location="cpu", weights_only=True)
    return {name: t.float() if t.is_floating_point() else t for name, t in tensors.items()}


def _read_pauca(path: Path) -> dict[str, Tensor]:
    from pauca.limits import Limits
    from pauca.nn.codec import decode_network

    network = decode_network(path.read_bytes(), Limits())
    return {name: torch.from_numpy(array) for name, array in network.tensors.items()}


def load_network(tensors: Mapping[str, Tensor]) -> tuple[str, nn.Module]:
    """Return (name, model in evaluation mode) of the network whose names and shapes these are."""
    found = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    for name, build in NETWORKS.items():
        model = build()
        # A counter of training steps, which no output depends on, may be missing.
        needed = {
            key: tuple(value.shape)
            for key, value in model.state_dict().items()
            if not key.endswith("num_batches_tracked")
        }
        if needed.items() <= found.items():
            model.load_state_dict({key: tensors[key] for key in needed}, strict=False)
            return name, model.eval()
    raise SystemExit("the tensors are those of none of " + ", ".join(NETWORKS))
