"""Mixtures in plain Python, written from spec/mixture.md alone, sharing no code with the core."""

from __future__ import annotations

from coding.twin import Twin

from pauca.coding import Curves, Mixtures


def cumulative(
    weights: list[int], means: list[int], scales: list[int], curves: Curves
) -> tuple[int, list[int]]:
    """The first regular symbol and c[0] ... c[n + 1]."""
    lengths = [2 * int(r) + 1 for r in curves.reach]
    r = [int(curves.reach[s]) for s in scales]
    h = [int(curves.shift[s]) for s in scales]
    wide = [a << b for a, b in zip(r, h, strict=True)]
    first = (min(m - a for m, a in zip(means, wide, strict=True)) + 8) >> 4
    last = (max(m + a for m, a in zip(means, wide, strict=True)) + 8) >> 4
    n = last - first + 1
    share = [int(curves.shares[w]) for w in weights]
    unit = 4096 * (65536 - n) // sum(share)
    part = [0] + [a * unit // 4096 for a in share[1:]]
    part[0] = 65536 - n - sum(part)
    row = []
    for k in range(n + 1):
        total = 0
        for j in range(3):
            g = (16 * (first + k) - 8 - means[j]) >> h[j]
            g = max(-r[j], min(r[j], g))
            total += part[j] * int(curves.values[sum(lengths[: scales[j]]) + r[j] + g])
        row.append(k + total // 65536)
    return first, [*row, 65536]


class MixtureTwin(Twin):
    def __init__(self, data: bytes, curves: Curves) -> None:
        super().__init__(data, [], [])
        self.curves = curves

    def segment(self, mixtures: Mixtures) -> list[int]:
        symbols = []
        for i in range(len(mixtures)):
            rows = (mixtures.weights[i], mixtures.means[i], mixtures.scales[i])
            first, row = cumulative(*(part.tolist() for part in rows), self.curves)
            self.cdf, self.offset = [row], [first]
            symbols.append(self.symbol(i % self.lanes, 0))
        return symbols
