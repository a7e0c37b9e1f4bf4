"""The shipped detector's network: integers in, an exact integer out (spec/ngram.md).

At each position of a name, from one before its first character on, one row of each table is added
to the bias: the row of the n-gram that begins there. The sums are rectified, their maximum and sum
over the positions are taken, and two dense layers follow. A network may have a convolution of
width 3 over the rectified sums, whose outputs are pooled as well. Rows and weights are int8, sums
of the first layer stay below 2**31, those of the second are int64: every machine gives the same
logit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pauca.apps.dga.names import MAX_SCORED, SYMBOLS
from pauca.errors import PackError

MULTIPLIER = 2654435761  # Knuth's multiplicative hash: 2**32 over the golden ratio
WEIGHT_MAX = 127
SUM_SHIFT = 3  # sums over positions count in eighths
MAX_ORDER = 6  # 40**6 < 2**32
MAX_CHANNELS, MAX_HIDDEN, MAX_BITS = 64, 256, 16
BIAS_MAX = 1 << 14
LANES = 16  # channels are a multiple of this
MAX_TABLES = 8
MIX_SHIFT = 7  # weights of the convolution count in 1/128
MIX_BIAS_MAX = 1 << 24
MIXED_MAX = 1023
TYPES = {"bias": np.int16, "first": np.int8, "first_bias": np.int32, "second": np.int8}


def rows_of(order: int, bits: int) -> int:
    """Return the rows of a table: one per n-gram up to two characters, 2**bits for longer ones."""
    return SYMBOLS**order if order < 3 else 1 << bits


NO_MIX = np.zeros((0, 0, 3), np.int8)
NO_MIX_BIAS = np.zeros(0, np.int32)


@dataclass(frozen=True)
class NgramNetwork:
    """The integers of a network.

    `orders`: lengths of n-grams, 1..6. `tables`: int8 (rows, channels) of each. `bias`: int16
    (channels,). `first`: int8 (hidden, 2 channels) and `first_bias` int32 (hidden,). `second`: int8
    (hidden,) and `second_bias`. `scale` turns the sum into a logit. `mix`: int8 (mixed, channels,
    3) and `mix_bias` int32 (mixed,) of the convolution, empty where there is none; `first` then is
    (hidden, 2 (channels + mixed)).
    """

    orders: tuple[int, ...]
    bits: int
    tables: tuple[NDArray[np.int8], ...]
    bias: NDArray[np.int16]
    first: NDArray[np.int8]
    first_bias: NDArray[np.int32]
    second: NDArray[np.int8]
    second_bias: int
    scale: float
    mix: NDArray[np.int8] = field(default_factory=lambda: NO_MIX)
    mix_bias: NDArray[np.int32] = field(default_factory=lambda: NO_MIX_BIAS)

    def check(self) -> None:
        """PackError unless shapes and types fit and no sum can leave its integers."""
        channels, hidden = self.bias.size, self.second.size
        _require(1 <= self.bits <= MAX_BITS, "bits out of range")
        _require(
            channels % LANES == 0 and 0 < channels <= MAX_CHANNELS and hidden <= MAX_HIDDEN, "sizes"
        )
        _require(0 < len(self.orders) == len(self.tables) <= MAX_TABLES, "number of tables")
        for order, table in zip(self.orders, self.tables, strict=True):
            _require(1 <= order <= MAX_ORDER, "order of a table")
            _require(table.shape == (rows_of(order, self.bits), channels), "shape of a table")
            _require(table.dtype == np.int8, "type of a table")
        mixed = self.mix_bias.size
        _require(mixed % LANES == 0 and mixed <= MAX_CHANNELS, "sizes")
        _require(self.mix.shape == ((mixed, channels, 3) if mixed else (0, 0, 3)), "shape of mix")
        _require(self.mix.dtype == np.int8 and self.mix_bias.dtype == np.int32, "type of mix")
        _require(
            int(np.abs(self.mix_bias.astype(np.int64)).max(initial=0)) <= MIX_BIAS_MAX, "mix bias"
        )
        inputs = 2 * (channels + mixed)
        shapes = {"bias": (channels,), "first": (hidden, inputs), "first_bias": (hidden,)}
        for name, shape in {**shapes, "second": (hidden,)}.items():
            _require(getattr(self, name).shape == shape, f"shape of {name}")
            _require(getattr(self, name).dtype == TYPES[name], f"type of {name}")
        _require(0 < self.scale < 1, "scale out of range")
        _require(abs(self.second_bias) < 1 << 52, "bias of the second layer")
        self._check_sums()

    def _check_sums(self) -> None:
        bias = self.bias.astype(np.int64)
        _require(int(np.abs(bias).max(initial=0)) <= BIAS_MAX, "bias out of range")
        reach = bias + sum(table.max(0).astype(np.int64) for table in self.tables)
        most = np.maximum(reach, 0)
        mixed = np.full(self.mix_bias.size, MIXED_MAX, np.int64)
        features = np.concatenate(
            [part for m in (most, mixed) for part in (m, (m * (MAX_SCORED + 1)) >> SUM_SHIFT)]
        )
        sums = np.abs(self.first.astype(np.int64)) @ features
        sums += np.abs(self.first_bias.astype(np.int64))
        _require(int(sums.max(initial=0)) < 1 << 31, "sums of the first layer")


def _require(held: bool, what: str) -> None:
    if not held:
        raise PackError(f"n-gram network: {what}")


def run_plain(network: NgramNetwork, parts: Sequence[NDArray[np.uint8]]) -> NDArray[np.int64]:
    """Sums of strings of codes, one by one in int64: slow, obvious, the oracle of the kernel."""
    found = []
    for codes in parts:
        padded = np.zeros(1 + len(codes) + MAX_ORDER, np.int64)
        padded[1 : 1 + len(codes)] = codes
        y = np.tile(network.bias.astype(np.int64), (len(codes) + 1, 1))
        for order, table in zip(network.orders, network.tables, strict=True):
            y += table[_rows(padded, len(codes) + 1, order, network.bits)]
        y = np.maximum(y, 0)
        pooled = [y] if not network.mix.size else [y, _mixed(network, y)]
        features = np.concatenate(
            [part for m in pooled for part in (m.max(0), m.sum(0) >> SUM_SHIFT)]
        )
        hidden = np.maximum(network.first.astype(np.int64) @ features + network.first_bias, 0)
        found.append(int(hidden @ network.second.astype(np.int64)) + network.second_bias)
    return np.array(found, np.int64)


def _mixed(network: NgramNetwork, y: NDArray[np.int64]) -> NDArray[np.int64]:
    u = np.pad(np.minimum(y, 255), ((1, 1), (0, 0)))
    weight = network.mix.astype(np.int64)
    x = network.mix_bias + sum(u[k : k + len(y)] @ weight[:, :, k].T for k in range(3))
    mixed: NDArray[np.int64] = np.clip(x >> MIX_SHIFT, 0, MIXED_MAX)
    return mixed


def _rows(padded: NDArray[np.int64], n: int, order: int, bits: int) -> NDArray[np.int64]:
    value = padded[:n]
    for k in range(1, order):
        value = value * SYMBOLS + padded[k : k + n]
    return value if order < 3 else ((value * MULTIPLIER) & 0xFFFFFFFF) >> (32 - bits)
