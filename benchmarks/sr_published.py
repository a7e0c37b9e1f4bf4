"""Parameters and multiply-accumulates of published networks for x4 and of ours, as a table.

    python benchmarks/sr_published.py

A frame of 320 x 180 becomes 1280 x 720. The convolutions are counted, of the layers that papers and
their code give: (inputs, outputs, kernel, positions an input pixel).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pauca.sr.model import SIZES, SrModel

PIXELS = 320 * 180

Layer = tuple[int, int, int, int]


@dataclass(frozen=True)
class Row:
    name: str
    source: str
    macs: float  # an input pixel
    parameters: int


def counted(name: str, source: str, layers: Sequence[Layer]) -> Row:
    macs = sum(a * b * k * k * positions for a, b, k, positions in layers)
    return Row(name, source, macs, sum((a * k * k + 1) * b for a, b, k, _ in layers))


def ours(name: str) -> Row:
    """A network for x4, or one for x2 that is used twice, the second time on four times the
    pixels.
    """
    sizes = SIZES[name]
    parameters = sum(p.numel() for p in SrModel(sizes).parameters())
    twice = sizes.scale == 2
    return Row(name + ", twice" * twice, "-", sizes.macs * (5 if twice else 1), parameters)


def rows() -> list[Row]:
    dense: list[Layer] = [(64 + 32 * i, 32, 3, 1) for i in range(4)] + [(192, 64, 3, 1)]
    large: list[Layer] = [(64, 64, 3, 16), (64, 3, 3, 16)]
    return [
        counted(
            "SRGAN, SRResNet", "arXiv:1609.04802",
            [(3, 64, 9, 1), *[(64, 64, 3, 1)] * 33, (64, 256, 3, 1), (64, 256, 3, 4),
             (64, 3, 9, 16)],
        ),
        counted(
            "MSRResNet", "arXiv:1911.01249",
            [(3, 64, 3, 1), *[(64, 64, 3, 1)] * 32, (64, 256, 3, 1), (64, 256, 3, 4), *large],
        ),
        counted(
            "ESRGAN, Real-ESRGAN", "arXiv:1809.00219, arXiv:2107.10833",
            [(3, 64, 3, 1), *dense * 69, (64, 64, 3, 1), (64, 64, 3, 4), (64, 64, 3, 16), *large],
        ),
        ours("sr-x4-small"),
        ours("sr-x2-nano"),
    ]  # fmt: skip


def main() -> None:
    print("| network | paper | parameters | GMAC, 1280 x 720 |")
    print("|---|---|---:|---:|")
    for row in rows():
        gmacs = row.macs * PIXELS / 1e9
        print(f"| {row.name} | {row.source} | {row.parameters:,} | {gmacs:.2f} |")


if __name__ == "__main__":
    main()
