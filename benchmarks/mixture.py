"""Mixtures beside tables: Msymbol/s on one core, and size against the entropy of real numbers.

    python benchmarks/mixture.py [--symbols N] [--json FILE]

Symbols are drawn from mixtures of three Gaussians. Two rows show what is lost without: one
Gaussian a symbol, of the mixture's mean and deviation, coded as a mixture of equal parts; and the
table coder with the table of that deviation, around the nearest integer to the mean (the picture
codec rounds around the mean itself, so that the rest of this row's excess is not its own).
`excess` is over the code length of the mixtures in real numbers.
"""

from __future__ import annotations

import argparse
import json
import math
import platform
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from entropy import fastest, processor
from numpy.typing import NDArray

from pauca._core import rans_paths
from pauca.coding import (
    LatentDecoder,
    MixtureDecoder,
    Mixtures,
    encode_latents,
    encode_mixture,
    gaussian_curves,
    gaussian_tables,
    mixture_bits,
)

SCALES = 0.04 * np.exp(np.arange(64) * math.log(4000) / 63)
CURVES = gaussian_curves(SCALES.tolist())
TABLES = gaussian_tables(SCALES.tolist())

erfc = np.frompyfunc(math.erfc, 1, 1)


@dataclass(frozen=True)
class Data:
    """One message, its mixtures, and its ideal length in bits."""

    name: str
    symbols: NDArray[np.int16]
    mixtures: Mixtures
    bits: float

    def moments(self) -> tuple[NDArray[np.float64], NDArray[np.uint8]]:
        """Mean of every mixture and the index of the scale nearest to its deviation."""
        share, means = shares(self.mixtures), self.mixtures.means / 16
        mean = (share * means).sum(1)
        power = (share * (means**2 + SCALES[self.mixtures.scales] ** 2)).sum(1)
        deviation = np.sqrt(np.maximum(power - mean**2, SCALES[0] ** 2))
        indexes = np.rint(np.log(deviation / SCALES[0]) / math.log(4000) * 63).clip(0, 63)
        return mean, indexes.astype(np.uint8)


@dataclass(frozen=True)
class Row:
    """Speeds in million symbols per second; excess of the size over the ideal in %."""

    data: str
    coder: str
    encode: float
    decode: float
    bytes: int
    excess: float


def shares(mixtures: Mixtures) -> NDArray[np.float64]:
    share: NDArray[np.float64] = 2.0 ** (mixtures.weights / -8)
    return share / share.sum(1, keepdims=True)


def draw(mixtures: Mixtures, rng: np.random.Generator) -> NDArray[np.int16]:
    n = len(mixtures)
    part = (rng.random((n, 1)) > np.cumsum(shares(mixtures), 1)).sum(1).clip(0, 2)
    at = np.arange(n), part
    real = rng.normal(size=n) * SCALES[mixtures.scales[at]] + mixtures.means[at] / 16
    return np.rint(real).astype(np.int16)


def ideal_bits(symbols: NDArray[np.int16], mixtures: Mixtures) -> float:
    """Code length under the mixtures themselves, by upper tails: their differences keep digits."""
    away = np.abs(symbols[:, None] - mixtures.means / 16)
    unit = SCALES[mixtures.scales] * math.sqrt(2.0)
    mass = (erfc((away - 0.5) / unit) - erfc((away + 0.5) / unit)).astype(np.float64) / 2
    return float(-np.log2((shares(mixtures) * mass).sum(1)).sum())


def make(name: str, base: NDArray[np.float64], spread: int, apart: float, seed: int) -> Data:
    """Scale indexes of parts within `spread` of `base`, means within about `apart` deviations."""
    rng = np.random.default_rng(seed)
    n = len(base)
    scales = np.clip(base[:, None] + rng.integers(-spread, spread + 1, (n, 3)), 0, 63)
    scales = scales.astype(np.uint8)
    weights = rng.integers(0, 40, (n, 3)).astype(np.uint8)
    means = np.rint(rng.normal(size=(n, 3)) * SCALES[scales] * 16 * apart)
    mixtures = Mixtures(weights, means.clip(-32768, 32767).astype(np.int16), scales)
    symbols = draw(mixtures, rng)
    return Data(name, symbols, mixtures, ideal_bits(symbols, mixtures))


def datasets(n: int) -> list[Data]:
    rng = np.random.default_rng(3)
    flat = rng.integers(0, 64, n).astype(np.float64)
    # Pictures: most scales are small, few are large.
    skewed = np.minimum(rng.exponential(14.0, n), 63.0)
    return [
        make("all scales, no mixture", flat, 0, 0.0, 1),
        make("all scales, parts near", flat, 6, 0.5, 2),
        make("all scales, parts apart", flat, 6, 2.0, 3),
        make("small scales often, parts near", skewed, 6, 0.5, 4),
        make("the same, one small picture", skewed[: min(n, 60_000)], 6, 0.5, 5),
    ]


def measure(
    data: Data,
    coder: str,
    encode: Callable[[], bytes],
    decode: Callable[[bytes], NDArray[np.int16]],
    expected: NDArray[np.int16],
) -> Row:
    encode_s, stream = fastest(encode, 5)
    decode_s, decoded = fastest(lambda: decode(stream), 5)
    if not np.array_equal(decoded, expected):
        raise SystemExit(f"{coder}: decoded symbols differ")
    million = len(expected) / 1e6
    excess = 100 * (8 * len(stream) / data.bits - 1)
    return Row(data.name, coder, million / encode_s, million / decode_s, len(stream), excess)


def bench_mixture(data: Data, mixtures: Mixtures, coder: str, path: str) -> Row:
    def decode(stream: bytes) -> NDArray[np.int16]:
        decoder = MixtureDecoder(stream, CURVES, path)
        symbols = decoder.decode(mixtures)
        decoder.finish()
        return symbols

    return measure(
        data,
        coder,
        lambda: encode_mixture(data.symbols, mixtures, CURVES),
        decode,
        data.symbols,
    )


def bench_gaussian(data: Data) -> Row:
    mean, indexes = data.moments()
    means = np.rint(16 * mean).astype(np.int16)
    three = [
        np.repeat(part[:, None], 3, axis=1) for part in (np.zeros_like(indexes), means, indexes)
    ]
    return bench_mixture(data, Mixtures(*three), "one Gaussian a symbol", "auto")


def bench_tables(data: Data) -> Row:
    mean, indexes = data.moments()
    symbols = (data.symbols - np.rint(mean)).astype(np.int16)

    def decode(stream: bytes) -> NDArray[np.int16]:
        decoder = LatentDecoder(stream, TABLES)
        decoded = decoder.decode(indexes)
        decoder.finish()
        return decoded

    return measure(
        data, "tables", lambda: encode_latents(symbols, indexes, TABLES), decode, symbols
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="Mixtures beside tables.")
    parser.add_argument("--symbols", type=int, default=1_000_000, help="symbols per message")
    parser.add_argument("--json", type=Path, help="write the rows to this file too")
    arguments = parser.parse_args()
    rows: list[Row] = []
    print(f"{processor()}, {platform.system()}, Python {platform.python_version()}, one core")
    print(f"{'coder':24}{'encode':>9}{'decode':>9}{'bytes':>10}{'excess':>10}")
    for data in datasets(arguments.symbols):
        integers = mixture_bits(data.symbols, data.mixtures, CURVES)
        print(
            f"-- {data.name}: {data.bits / len(data.symbols):.3f} bits a symbol,"
            f" integers {100 * (integers / data.bits - 1):+.3f}%"
        )
        # The AVX2 path of mixtures is the scalar one.
        done = [
            bench_mixture(data, data.mixtures, f"mixtures, {path}", path)
            for path in rans_paths()
            if path != "avx2"
        ]
        for r in [*done, bench_gaussian(data), bench_tables(data)]:
            rows.append(r)
            print(f"{r.coder:24}{r.encode:9.1f}{r.decode:9.1f}{r.bytes:10}{r.excess:+9.3f}%")
    if arguments.json is not None:
        arguments.json.write_text(json.dumps([asdict(r) for r in rows], indent=1))


if __name__ == "__main__":
    main()
