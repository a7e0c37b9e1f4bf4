"""What every natural look is trained by: a critic that knows the faithful picture, and energies.

Hinge loss (Lim and Ye, arXiv:1705.02894); patches, so that pictures may have any size (Isola et
al., arXiv:1611.07004).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F

from pauca.nets.lifting import analysis_level

SLOPE = 0.2
BANDS = 3  # levels of bands that energies are compared of
WINDOW = 8  # samples of a band over which its energy is compared
LEAST = WINDOW << BANDS  # sides of the smallest picture whose energies can be compared
STEP = 1 << BANDS  # that sides must be a multiple of


class Critic(nn.Module):
    """Tells originals from fakes patch by patch, knowing the faithful picture: of any size."""

    def __init__(self, width: int, planes: int = 3) -> None:
        super().__init__()
        sizes = (2 * planes, width, 2 * width, 4 * width)
        self.layers = nn.ModuleList(
            [nn.Conv2d(a, b, 4, 2, 1) for a, b in zip(sizes, sizes[1:], strict=False)]
        )
        self.last = nn.Conv2d(sizes[-1], 1, 1)

    def forward(self, x: Tensor, faithful: Tensor) -> Tensor:
        """Levels (N, planes, H, W) 0..255 to scores of patches (N, 1, H/8, W/8)."""
        f = torch.cat([(x - faithful) / 32.0, faithful / 128.0 - 1.0], 1)
        for layer in self.layers:
            f = F.leaky_relu(layer(f), SLOPE)
        scores: Tensor = self.last(f)
        return scores

    def judged(self, x: Tensor, faithful: Tensor) -> Tensor:
        """Scores whose gradients reach x but not the critic."""
        frozen = {name: p.detach() for name, p in self.named_parameters()}
        scores: Tensor = functional_call(self, frozen, (x, faithful))
        return scores

    def contest(self, real: Tensor, fake: Tensor, faithful: Tensor) -> tuple[Tensor, Tensor]:
        """The loss of what made `fake`, and that of the critic; neither moves the other."""
        fooled = -self.judged(fake, faithful).mean()
        found, made = self(real, faithful), self(fake.detach(), faithful)
        return fooled, F.relu(1 - found).mean() + F.relu(1 + made).mean()


def energies(luma: Tensor) -> Tensor:
    """(N, 1, H, W) to the logarithms of the local energies of its bands."""
    low, found = luma, []
    for _ in range(BANDS):
        low, details = analysis_level(low)
        energy = F.avg_pool2d(details.flatten(1, 2).square(), WINDOW, WINDOW // 2)
        found.append(torch.log(energy + 1.0).flatten(1))
    return torch.cat(found, 1)


def texture_distance(x: Tensor, y: Tensor) -> Tensor:
    """Mean distance of the local energies of two pictures' luma, (N, 1, H, W)."""
    return (energies(x) - energies(y)).abs().mean()
