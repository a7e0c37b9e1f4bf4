"""What every natural look is trained by: a critic that knows the faithful picture, and energies.

Hinge loss (Lim and Ye, arXiv:1705.02894); patches, so that pictures may have any size (Isola et
al., arXiv:1611.07004).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F

from pauca.nets.colour import to_ycc
from pauca.nets.lifting import analysis_level

SLOPE = 0.2
BANDS = 3  # levels of bands that energies are compared of
WINDOW = 8  # samples of a band over which its energy is compared
LEAST = WINDOW << BANDS  # sides of the smallest picture whose energies can be compared
STEP = 1 << BANDS  # that sides must be a multiple of
CRISP_WINDOW = 9  # samples
VIF_WINDOWS = (17, 9, 5, 3)  # samples, from the finest scale on
EYE_NOISE = 2.0  # variance of what the eye adds, in levels of video
VIDEO_RANGE = 219 / 255


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


def visual_information(luma: Tensor, original: Tensor) -> Tensor:
    """How much of what an eye sees in the original it sees in a picture, (N, 1, H, W) 0..255 each:
    (N,), the mean of four scales; above 1 where contrast is higher.

    Visual information fidelity in the domain of pixels (Sheikh and Bovik, 2006), windows and scales
    as VMAF takes them, of which it is the largest part.
    """
    scales = []
    x, y = original * VIDEO_RANGE, luma * VIDEO_RANGE
    for scale, side in enumerate(VIF_WINDOWS):
        taps = _gaussian(side).to(x)
        if scale:
            x, y = (_blurred(p, taps)[..., ::2, ::2] for p in (x, y))
        mean_x, mean_y = _blurred(x, taps), _blurred(y, taps)
        var_x = (_blurred(x * x, taps) - mean_x.square()).clamp_min(0)
        var_y = (_blurred(y * y, taps) - mean_y.square()).clamp_min(0)
        gain = (_blurred(x * y, taps) - mean_x * mean_y) / (var_x + 1e-4)
        gain = gain.clamp_min(0)
        left = (var_y - gain.square() * var_x).clamp_min(1e-4)
        told = torch.log2(1 + gain.square() * var_x / (left + EYE_NOISE))
        known = torch.log2(1 + var_x / EYE_NOISE)
        scales.append(told.sum((1, 2, 3)) / (known.sum((1, 2, 3)) + 1e-4))
    return torch.stack(scales).mean(0)


def crisp(x: Tensor, share: float) -> Tensor:
    """RGB (N, 3, H, W) 0..255 with `share` of the luma's contrast to its surroundings added."""
    luma = to_ycc(x)[:, :1]
    return (x + share * (luma - _blurred(luma, _gaussian(CRISP_WINDOW).to(x)))).clamp(0, 255)


def _gaussian(side: int) -> Tensor:
    at = torch.arange(side, dtype=torch.float32) - side // 2
    taps = torch.exp(-at.square() / (2 * (side / 5) ** 2))
    return taps / taps.sum()


def _blurred(x: Tensor, taps: Tensor) -> Tensor:
    across, reach = taps.view(1, 1, 1, -1), len(taps) // 2
    x = F.pad(x, (reach, reach, reach, reach), mode="reflect")
    return F.conv2d(F.conv2d(x, across), across.transpose(2, 3))
