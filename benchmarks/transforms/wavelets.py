"""Which wavelet for which measure, without a network: bits of luma at equal MS-SSIM or PSNR.

    python benchmarks/transforms/wavelets.py --data kodak --target 15

Steps of every level and, for MS-SSIM, the power of local deviation that steps grow with are
searched for each transform. Values lose what a linear prediction from the low band says; the rest
is counted by its entropy given the magnitudes of decided neighbours. All pictures must have the
same size or be its turn, and sides must be multiples of 64.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from pauca.nets.lifting import joined, merge, pair, shifted, split
from pauca.nets.msssim import ms_ssim
from pauca.pixels.folders import find_pictures
from pauca.pixels.lifting import WAVELETS

LEVELS = 6
BINS, CLIP = 24, 60
TRANSFORMS = (
    ("9/7",) * 6, ("2/6",) * 6, ("2/10",) * 6, ("haar",) * 6,
    ("2/6",) + ("9/7",) * 5, ("2/6",) * 2 + ("9/7",) * 4, ("2/6",) * 3 + ("9/7",) * 3,
)  # fmt: skip


def slope(s: Tensor, axis: int, wavelet: str) -> Tensor | float:
    """What means say of the difference within their pair, in wavelets whose low band are means."""
    if wavelet == "haar":
        return 0.0
    near = shifted(s, 1, axis) - shifted(s, -1, axis)
    far = shifted(shifted(s, 1, axis), 1, axis) - shifted(shifted(s, -1, axis), -1, axis)
    return (22 * near - 3 * far) / 64


def split_any(x: Tensor, axis: int, wavelet: str) -> tuple[Tensor, Tensor]:
    """One analysis step along an axis."""
    if wavelet in WAVELETS:
        return split(x, axis, wavelet)
    even, odd = pair(x, axis)
    s, h = (even + odd) / 2, odd - even
    return s, h - slope(s, axis, wavelet)


def merge_any(s: Tensor, h: Tensor, axis: int, wavelet: str) -> Tensor:
    """Inverse of `split_any`."""
    if wavelet in WAVELETS:
        return merge(s, h, axis, wavelet)
    h = h + slope(s, axis, wavelet)
    return joined(s - h / 2, s + h / 2, axis)


def synthesised(low: Tensor, details: Tensor, wavelet: str) -> Tensor:
    """Low band (N, h, w) and details (N, 3, h, w) to (N, 2h, 2w)."""
    horizontal, vertical, diagonal = details.unbind(1)
    low_w = merge_any(low, vertical, -2, wavelet)
    return merge_any(low_w, merge_any(horizontal, diagonal, -2, wavelet), -1, wavelet)


def entropy(symbols: Tensor, context: Tensor) -> float:
    """Bits of integers given the bin that their context is in."""
    edges = torch.quantile(
        context.flatten()[:: context.numel() // 20000 + 1], torch.arange(1, BINS) / BINS
    )
    place = torch.bucketize(context.flatten(), edges.unique())
    known = (symbols.flatten().clamp(-CLIP, CLIP) + CLIP).long()
    width = 2 * CLIP + 1
    counts = torch.bincount(place * width + known, minlength=width * BINS).view(-1, width).double()
    share = counts / counts.sum(1, keepdim=True).clamp_min(1)
    return -float((counts * share.clamp_min(1e-12).log2()).sum())


def around(magnitudes: Tensor) -> Tensor:
    """Weighted magnitudes (N, h, w) to the left and above."""
    h, w = magnitudes.shape[1:]
    p = F.pad(magnitudes, (2, 1, 2, 0))
    near = p[:, 2:, 1 : w + 1] + p[:, 1 : h + 1, 2 : w + 2]
    corners = p[:, 1 : h + 1, 1 : w + 1] + p[:, 1 : h + 1, 3 : w + 3]
    return 2 * near + corners + (p[:, 2:, :w] + p[:, :h, 2 : w + 2]) / 2


def smooth(x: Tensor, reach: int) -> Tensor:
    """Means of (2 reach + 1)**2 samples of (N, h, w)."""
    padded = F.pad(x[:, None], (reach,) * 4, mode="replicate")
    return F.avg_pool2d(padded, 2 * reach + 1, 1)[:, 0]


def predicted(low: Tensor, details: Tensor) -> Tensor:
    """Details (N, 3, h, w) as the best linear prediction from nine low samples has them."""
    n, _, h, w = details.shape
    seen = F.unfold(F.pad(low[:, None], (1,) * 4, mode="replicate"), 3)  # (N, 9, h w)
    seen = (seen - seen[:, 4:5])[:, [0, 1, 2, 3, 5, 6, 7, 8]].transpose(1, 2).reshape(-1, 8)
    wanted = details.flatten(2).transpose(1, 2).reshape(-1, 3)
    square = seen.T @ seen + 0.01 * len(seen) * torch.eye(8)
    found = seen @ torch.linalg.solve(square, seen.T @ wanted)
    return found.view(n, h * w, 3).transpose(1, 2).reshape(n, 3, h, w)


@dataclass
class Point:
    """Steps (log2, LEVELS x 3), power of deviation, and what they give."""

    steps: np.ndarray
    power: float
    bpp: float = 0.0
    db: float = 0.0  # of the measure
    psnr: float = 0.0


@dataclass
class Trial:
    """A transform on luma (N, H, W): `wavelets` of levels 1 to 6."""

    luma: Tensor
    wavelets: Sequence[str]
    measure: str
    details: list[Tensor] = field(init=False)
    deviation: list[Tensor] = field(init=False)

    def __post_init__(self) -> None:
        """Split, and measure how much there is of every place and band."""
        low, mean, self.details, self.deviation = self.luma, self.luma, [], []
        for wavelet in self.wavelets:
            low_w, high_w = split_any(low, -1, wavelet)
            low, vertical = split_any(low_w, -2, wavelet)
            bands = (vertical, *split_any(high_w, -2, wavelet))
            self.details.append(torch.stack([bands[1], bands[0], bands[2]], 1))
            local = (smooth(mean.square(), 4) - smooth(mean, 4).square()).clamp_min(0).sqrt()
            self.deviation.append(F.avg_pool2d(local[:, None], 2))
            mean = F.avg_pool2d(mean[:, None], 2)[:, 0]
        self.low = low.round()
        self.gains = self._gains()

    def _gains(self) -> np.ndarray:
        """Norm of what a unit of every band becomes, (LEVELS, 3)."""
        gains = np.empty((LEVELS, 3))
        side = 2 << LEVELS
        for level in range(LEVELS):
            for band in range(3):
                x = torch.zeros(1, side >> LEVELS, side >> LEVELS)
                for number in range(LEVELS - 1, -1, -1):
                    details = torch.zeros(1, 3, *x.shape[1:])
                    if number == level:
                        details[0, band, x.shape[1] // 2, x.shape[2] // 2] = 1
                    x = synthesised(x, details, self.wavelets[number])
                gains[level, band] = float(x.norm())
        return gains

    def run(self, steps: np.ndarray, power: float) -> Point:
        """Code by these steps."""
        low, bits, coarser = self.low, 0.0, None
        for level in range(LEVELS - 1, -1, -1):
            size = (
                torch.from_numpy(2.0 ** steps[level] / self.gains[level]).float().view(1, 3, 1, 1)
            )
            size = size * ((self.deviation[level] + 4) / 16) ** power
            q = (self.details[level] / size).round()
            rest = q - (predicted(low, self.details[level]) / size).round()
            for band in range(3):
                context = around(q[:, band].abs())
                if coarser is not None:
                    context = context + F.interpolate(coarser, scale_factor=2)[:, band]
                for other in range(band):
                    context = context + 0.7 * smooth(q[:, other].abs(), 1)
                bits += entropy(rest[:, band], context)
            coarser, low = q.abs(), synthesised(low, q * size, self.wavelets[level])
        out = low.clamp(0, 255)
        psnr = 10 * torch.log10(255.0**2 / (out - self.luma).square().mean((1, 2))).mean()
        lost = -10 * torch.log10(1 - ms_ssim(self.luma[:, None], out[:, None])).mean()
        db = lost if self.measure == "ssim" else psnr
        return Point(steps, power, bits / self.luma.numel(), float(db), float(psnr))

    def settled(self, point: Point, target: float) -> Point:
        """The same with all steps moved until the target is met within 0.02 dB."""
        found = [(0.0, self.run(point.steps, point.power))]
        move = (found[0][1].db - target) / 3
        while abs(found[-1][1].db - target) > 0.02 and len(found) < 7:
            found.append((move, self.run(point.steps + move, point.power)))
            (a, first), (b, last) = found[-2:]
            move = b + (target - last.db) * (b - a) / (last.db - first.db)
        return found[-1][1]

    def best(self, target: float, rounds: int) -> Point:
        """Steps that need the fewest bits for the target."""
        power = 0.6 if self.measure == "ssim" else 0.0
        best, by = Point(np.full((LEVELS, 3), 5.0), power), 0.6
        for _ in range(rounds):
            best = self.settled(best, target)
            near = self.run(best.steps + 0.3, best.power)
            slope_of = np.log2(best.bpp / near.bpp) / (best.db - near.db)

            def cost(point: Point, slope_of: float = slope_of) -> float:
                return float(np.log2(point.bpp) - slope_of * (point.db - target))

            for level in range(LEVELS):
                for bands in ([0, 1], [2]):
                    best = self._better(best, cost, level, bands, by)
            if power:
                tries = [self.run(best.steps, best.power + change) for change in (0.15, -0.15)]
                best = min([best, *tries], key=cost)
            by *= 0.6
        return self.settled(best, target)

    def _better(
        self, best: Point, cost: Callable[[Point], float], level: int, bands: list[int], by: float
    ) -> Point:
        for change in (by, -by):
            steps = best.steps.copy()
            steps[level, bands] += change
            point = self.run(steps, best.power)
            if cost(point) < cost(best):
                return point
        return best


def load_luma(folder: Path) -> Tensor:
    """Luma (N, H, W) of the pictures of a folder, upright ones turned."""
    planes = []
    for path in find_pictures([folder]):
        with Image.open(path) as image:
            plane = np.asarray(image.convert("L"), np.float32)
        planes.append(plane.T.copy() if plane.shape[0] > plane.shape[1] else plane)
    return torch.from_numpy(np.stack(planes))


@torch.no_grad()
def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--measure", choices=["ssim", "psnr"], default="ssim")
    parser.add_argument("--target", type=float, default=15.0, help="dB")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(1)
    luma, first = load_luma(options.data), 0.0
    print("| wavelets of levels 1 to 6 | bpp | | dB | PSNR |\n|---|---:|---:|---:|---:|")
    for wavelets in TRANSFORMS:
        point = Trial(luma, wavelets, options.measure).best(options.target, options.rounds)
        first = first or point.bpp
        change = f"{100 * (point.bpp / first - 1):+.1f} %"
        name = " ".join(wavelets)
        print(
            f"| {name} | {point.bpp:.4f} | {change} | {point.db:.2f} | {point.psnr:.2f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
