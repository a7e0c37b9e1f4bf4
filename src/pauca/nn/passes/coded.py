"""What a network takes in our weight codec: tensors of few values as codebooks, others lossless."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from pauca.nn.codec import encode_network
from pauca.nn.dtypes import Array
from pauca.nn.model import Network, Quantized

MOST = 256  # values of a tensor up to which it is coded by a codebook
LEAST = 64  # elements; below, a codebook costs more than it brings


def codebooks_of(tensors: Mapping[str, Array], most: int = MOST) -> dict[str, Quantized]:
    """Return the float32 tensors that hold at most `most` values as levels of a codebook.

    The codebook is ordered by use, the most used value first, so that frequent levels are small.
    """
    found = {}
    for name, array in tensors.items():
        if array.dtype != np.float32 or array.ndim < 2 or array.size < LEAST:
            continue
        # A sample settles most tensors without sorting all of it.
        if len(np.unique(array.reshape(-1)[: 4 * most])) > most:
            continue
        values, inverse, counts = np.unique(array, return_inverse=True, return_counts=True)
        if len(values) > most or not np.isfinite(values).all():
            continue
        order = np.argsort(-counts, kind="stable")
        rank = np.empty(len(order), np.int32)
        rank[order] = np.arange(len(order), dtype=np.int32)
        levels = rank[inverse.reshape(-1)].reshape(array.shape)
        found[name] = Quantized(levels, 1.0, values[order].astype(np.float32))
    return found


def coded_bytes(network: Network) -> int:
    """Return the bytes of the stream that keeps every bit of `network`."""
    return len(encode_network(network, codebooks_of(network.tensors)))


def nonzero_share(matrices: Mapping[str, Array]) -> float:
    """Return the share of elements that are not 0, 1 where there are none."""
    count = sum(array.size for array in matrices.values())
    return sum(int(np.count_nonzero(a)) for a in matrices.values()) / count if count else 1.0


def skipped(name: str, words: tuple[str, ...]) -> bool:
    """Return whether a layer's name holds one of `words`."""
    return any(word in name for word in words)
