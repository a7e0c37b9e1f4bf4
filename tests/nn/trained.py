"""A small network trained in a second on made-up classes, and how well it does."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

CLASSES, SIDE = 8, 8


@dataclass(frozen=True)
class Trained:
    """A module, the batches it was trained on, and unseen samples with labels."""

    module: nn.Module
    batches: list[tuple[Tensor, Tensor]]
    test: tuple[Tensor, Tensor]

    def weights(self) -> dict[str, NDArray[np.float32]]:
        return {name: p.detach().numpy().copy() for name, p in self.module.named_parameters()}

    def accuracy(self, weights: dict[str, NDArray[np.float64]] | None = None) -> float:
        """Return percent of unseen samples that the module gets right with `weights` put in."""
        state = self.module.state_dict()
        state.update(
            {
                n: torch.tensor(np.asarray(w), dtype=torch.float32)
                for n, w in (weights or {}).items()
            }
        )
        x, y = self.test
        with torch.no_grad():
            output = torch.func.functional_call(self.module, state, (x,))
        return float((output.argmax(1) == y).float().mean()) * 100

    def outputs(self, weights: dict[str, NDArray[np.float64]] | None = None) -> Tensor:
        state = self.module.state_dict()
        state.update(
            {
                n: torch.tensor(np.asarray(w), dtype=torch.float32)
                for n, w in (weights or {}).items()
            }
        )
        with torch.no_grad():
            return torch.func.functional_call(self.module, state, (self.test[0],))


def _samples(count: int, draw: torch.Generator) -> tuple[Tensor, Tensor]:
    # Smooth random pictures of each class, shaded by smooth noise: correlated inputs, as real ones.
    fixed = torch.Generator().manual_seed(7)
    coarse = torch.randn(CLASSES, 1, 4, 4, generator=fixed)
    y = torch.randint(CLASSES, (count,), generator=draw)
    noise = torch.randn(count, 1, 4, 4, generator=draw)
    x = nn.functional.interpolate(coarse[y] + 0.7 * noise, size=(SIDE, SIDE), mode="bilinear")
    x = x + 0.2 * torch.randn(count, 1, SIDE, SIDE, generator=draw)
    return x.relu(), y


def _fit(module: nn.Module) -> Trained:
    draw = torch.Generator().manual_seed(1)
    x, y = _samples(2000, draw)
    batches = list(zip(x.split(100), y.split(100), strict=True))
    optimizer = torch.optim.Adam(module.parameters(), 3e-3)
    for _ in range(8):
        for a, b in batches:
            optimizer.zero_grad()
            nn.functional.cross_entropy(module(a), b).backward()
            optimizer.step()
    return Trained(module.eval(), batches, _samples(2000, draw))


@lru_cache
def dense() -> Trained:
    torch.manual_seed(0)
    return _fit(
        nn.Sequential(
            nn.Flatten(),
            nn.Linear(SIDE * SIDE, 96),
            nn.ReLU(),
            nn.Linear(96, 48),
            nn.ReLU(),
            nn.Linear(48, CLASSES),
        )
    )


@lru_cache
def convolutional() -> Trained:
    torch.manual_seed(0)
    return _fit(
        nn.Sequential(
            nn.Conv2d(1, 8, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(8, 8, 3, stride=2, padding=1, groups=4),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(8 * 16, CLASSES, bias=False),
        )
    )
