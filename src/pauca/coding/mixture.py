"""Latent symbols <-> bytes by rANS, a mixture of three curves per symbol (spec/mixture.md)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pauca import _core
from pauca.coding.curves import Curves, native_curves
from pauca.coding.latents import flat_symbols, segment_lengths
from pauca.errors import InputError

PARTS = 3

_Arrays = tuple[NDArray[np.uint8], NDArray[np.int16], NDArray[np.uint8]]


@dataclass(frozen=True, eq=False)
class Mixtures:
    """What a network says about n symbols: three parts each.

    `weights`: (n, 3) uint8 codes of shares. `means`: (n, 3) int16, in 1/16 steps.
    `scales`: (n, 3) uint8 numbers of curves.
    """

    weights: NDArray[np.uint8]
    means: NDArray[np.int16]
    scales: NDArray[np.uint8]

    def __len__(self) -> int:
        """Return the number of symbols."""
        return int(self.means.shape[0])

    def __getitem__(self, part: slice) -> Mixtures:
        """Return the mixtures of some of the symbols."""
        return Mixtures(self.weights[part], self.means[part], self.scales[part])


def _arrays(mixtures: Mixtures) -> _Arrays:
    parts: tuple[NDArray[Any], ...] = (mixtures.weights, mixtures.means, mixtures.scales)
    for part, kind in zip(parts, (np.uint8, np.int16, np.uint8), strict=True):
        if part.dtype != kind:
            raise InputError("weights and scales must be uint8, means int16")
        if part.ndim != 2 or part.shape[1] != PARTS:
            raise InputError(f"parameters must be (n, {PARTS}), not {part.shape}")
    weights, means, scales = parts
    return np.ascontiguousarray(weights), np.ascontiguousarray(means), np.ascontiguousarray(scales)


def encode_mixture(
    symbols: NDArray[np.int16],
    mixtures: Mixtures,
    curves: Curves,
    segments: Sequence[int] | None = None,
    lanes: int = 0,
) -> bytes:
    """Return the stream of `symbols` (n,) under n `mixtures`, each of any int16 value.

    `segments` and `lanes` are as for `encode_latents`. Raises `InputError`; `PackError` for curves.
    """
    flat = flat_symbols(symbols)
    lengths = segment_lengths(segments, flat.size)
    return _core.mixture_encode(native_curves(curves), flat, *_arrays(mixtures), lengths, lanes)


class MixtureDecoder:
    """Decodes a stream of `encode_mixture`, one segment per call, then checks that it was whole."""

    def __init__(self, data: bytes, curves: Curves, path: str = "auto") -> None:
        """Open `data`; `path` forces scalar or avx512 code, which agree (avx2 is scalar here).

        Raises `TruncatedError` or `EntropyError` if the stream's head is damaged.
        """
        self._decoder = _core.NativeMixtureDecoder(bytes(data), native_curves(curves), path)

    def decode(self, mixtures: Mixtures) -> NDArray[np.int16]:
        """Return the next segment's symbols (n,) under n `mixtures`.

        Raises `TruncatedError` or `EntropyError` on a damaged stream; the decoder is then spent.
        """
        return self._decoder.decode(*_arrays(mixtures))

    def finish(self) -> None:
        """Raise `EntropyError` unless the coder is back in its initial state, every byte used."""
        self._decoder.finish()


def mixture_bits(symbols: NDArray[np.int16], mixtures: Mixtures, curves: Curves) -> float:
    """Return the ideal code length in bits by the integer mixtures, escapes included."""
    return _core.mixture_bits(native_curves(curves), flat_symbols(symbols), *_arrays(mixtures))
