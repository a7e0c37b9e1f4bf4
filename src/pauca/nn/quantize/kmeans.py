"""Shared values: k-means (Deep Compression, arXiv:1510.00149) and weighted Lloyd with entropy.

Both give a codebook per tensor whose entries are ordered by use, the most used first, so that
frequent levels are small and cheap under any coder.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pauca.errors import InputError
from pauca.nn.model import Quantized
from pauca.nn.quantize.layout import PerTensor, Weights, checked, checked_importance, of_tensor

Floats = NDArray[np.float64]

_CHUNK = 1 << 16  # weights compared with all centres at once


@dataclass(frozen=True)
class KMeansOptions:
    """`clusters` values per tensor, 2 to 65536, started evenly over the tensor's range.

    `keep_zero` holds one centre at 0, so that pruned weights stay pruned.
    """

    clusters: int = 32
    rounds: int = 30
    keep_zero: bool = True


@dataclass(frozen=True)
class LloydOptions:
    """Weighted Lloyd: centres as k-means starts them, distances plus `lmbda` bits of the centre.

    `lmbda` is in units of the tensor's mean importance times its mean squared value.
    """

    lmbda: PerTensor = 0.01
    clusters: int = 64
    rounds: int = 40
    keep_zero: bool = True


def quantize_kmeans(
    weights: Weights, options: KMeansOptions | None = None, importance: Weights | None = None
) -> dict[str, Quantized]:
    """Return every tensor with its values shared; `importance` weighs errors, 1 if not given."""
    options = options or KMeansOptions()
    lloyd = LloydOptions(0.0, options.clusters, options.rounds, options.keep_zero)
    return quantize_lloyd(weights, lloyd, importance)


def quantize_lloyd(
    weights: Weights, options: LloydOptions | None = None, importance: Weights | None = None
) -> dict[str, Quantized]:
    """Return every tensor quantized by entropy-constrained Lloyd iterations.

    Centres that lose all their weights to cheaper ones vanish. Chou, Lookabaugh, Gray, IEEE T-ASSP
    37(1), 1989; with importance, Choi, El-Khamy, Lee, arXiv:1612.01543.
    """
    options = options or LloydOptions()
    if not 2 <= options.clusters <= 65536 or options.rounds < 1:
        raise InputError("clusters must be 2 to 65536, rounds at least 1")
    out = {}
    for name, array in weights.items():
        values = checked(array, name).reshape(-1)
        factor = checked_importance(importance, name, array.shape)
        factors = np.ones(values.size) if factor is None else factor.reshape(-1)
        scale = float(factors.mean() * (values**2).mean()) if values.size else 0.0
        centres, labels = _lloyd(values, factors, of_tensor(options.lmbda, name) * scale, options)
        out[name] = _ordered(centres, labels, array.shape)
    return out


def _lloyd(
    values: Floats, factors: Floats, lmbda: float, options: LloydOptions
) -> tuple[Floats, NDArray[np.int64]]:
    if values.size == 0:
        return np.zeros(1), np.zeros(0, np.int64)
    centres = np.unique(np.linspace(values.min(), values.max(), options.clusters))
    if options.keep_zero:
        centres[np.abs(centres).argmin()] = 0.0
    bits = np.zeros(len(centres))
    labels = _assign(values, factors, centres, bits)
    for _ in range(options.rounds):
        mass = np.bincount(labels, factors, len(centres))
        counts = np.bincount(labels, minlength=len(centres))
        alive = (counts > 0) | ((centres == 0.0) & options.keep_zero)
        mean = np.bincount(labels, factors * values, len(centres)) / np.maximum(mass, 1e-300)
        moved = np.where((centres == 0.0) & options.keep_zero | (mass <= 0), centres, mean)
        centres = moved[alive]
        if lmbda > 0:
            bits = lmbda * -np.log2(np.maximum(counts[alive], 0.5) / values.size)
        else:
            bits = np.zeros(len(centres))
        previous, labels = labels, _assign(values, factors, centres, bits)
        if alive.all() and np.array_equal(previous, labels):
            break
    return centres, labels


def _assign(values: Floats, factors: Floats, centres: Floats, bits: Floats) -> NDArray[np.int64]:
    if not bits.any():  # plain distances: cells end half-way between neighbours
        order = np.argsort(centres, kind="stable")
        sorted_centres = centres[order]
        near = np.searchsorted((sorted_centres[1:] + sorted_centres[:-1]) / 2, values)
        return order[near]
    labels = np.empty(values.size, np.int64)
    for start in range(0, values.size, _CHUNK):
        part = slice(start, start + _CHUNK)
        cost = factors[part, None] * (values[part, None] - centres) ** 2 + bits
        labels[part] = cost.argmin(1)
    return labels


def _ordered(centres: Floats, labels: NDArray[np.int64], shape: tuple[int, ...]) -> Quantized:
    counts = np.bincount(labels, minlength=len(centres))
    order = np.argsort(-counts, kind="stable")[: max(1, int((counts > 0).sum()))]
    rank = np.zeros(len(centres), np.int32)
    rank[order] = np.arange(len(order), dtype=np.int32)
    codebook = centres[order].astype(np.float32)
    return Quantized(rank[labels].astype(np.int32).reshape(shape), 1.0, codebook)
