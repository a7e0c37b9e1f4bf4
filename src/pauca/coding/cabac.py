"""Binary arithmetic coding of whole arrays (spec/cabac.md): bins in contexts, or values in bins.

Two engines share every function: `Engine.RANGE`, the 32-bit range coder with two-rate
probabilities that the codecs use, and `Engine.H264`, the state machine of that standard.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from pauca import _core
from pauca._core import Engine, Kind
from pauca.errors import InputError

BYPASS = 0xFFFF  # context number of an equiprobable bin
RATE_UNIT = 1 << 15  # rates are in 1/32768 bit

T = TypeVar("T", bound=np.generic)

__all__ = [
    "BYPASS",
    "RATE_UNIT",
    "Binarization",
    "Engine",
    "Kind",
    "decode_bins",
    "decode_values",
    "encode_bins",
    "encode_values",
    "rate",
    "state_rate",
]


@dataclass(frozen=True)
class Binarization:
    """How a value becomes bins: one of the seven schemes of H.264, 9.3.2, and its parameters.

    `bits`: length of the fixed part (FIXED, FIXED_UNARY), 0 to 31. `c_max`: largest value of the
    truncated unary part (TRUNCATED_UNARY, FIXED_UNARY, UEGK, SIGNED_UEGK), 0 to 65536. `order`: k
    of Exp-Golomb (EXP_GOLOMB, UEGK, SIGNED_UEGK), 0 to 16. `table`: bin strings of values 0, 1,
    ... such as ("0", "10", "11") (MAPPED), none the beginning of another.
    """

    kind: Kind
    bits: int = 0
    c_max: int = 0
    order: int = 0
    table: tuple[str, ...] = ()

    def bins(self, value: int) -> NDArray[np.uint8]:
        """Return the bins of one value; `InputError` if the scheme cannot hold it."""
        if not -(1 << 31) < value < 1 << 31:
            raise InputError("values are 32-bit")
        return _core.cabac_bins_of(value, self._native())

    def _native(self) -> _core.NativeScheme:
        if any(not code or len(code) > 31 or set(code) - {"0", "1"} for code in self.table):
            raise InputError("a table holds strings of 1 to 31 zeros and ones")
        if not all(0 <= p < 1 << 32 for p in (self.bits, self.c_max, self.order)):
            raise InputError("binarization parameters out of range")
        codes = [(int(code, 2), len(code)) for code in self.table]
        return _core.NativeScheme(self.kind, self.bits, self.c_max, self.order, codes)


def encode_bins(
    bins: NDArray[np.uint8],
    contexts: NDArray[np.uint16],
    n_contexts: int,
    engine: Engine = Engine.RANGE,
) -> bytes:
    """Return the stream of `bins` (n,), 0 or not 0, each in its context (n,) or `BYPASS`.

    Contexts are numbered below `n_contexts` and start at probability one half.
    """
    return _core.cabac_encode_bins(
        _flat(bins, np.uint8), _flat(contexts, np.uint16), _count(n_contexts), engine
    )


def decode_bins(
    data: bytes,
    contexts: NDArray[np.uint16],
    n_contexts: int,
    engine: Engine = Engine.RANGE,
) -> NDArray[np.uint8]:
    """Return the bins (n,) of a stream, given the contexts (n,) it was encoded with.

    Raises `TruncatedError` or `EntropyError` unless the stream ends exactly here.
    """
    ids = _flat(contexts, np.uint16)
    return _core.cabac_decode_bins(bytes(data), ids, _count(n_contexts), engine)


def encode_values(
    values: NDArray[np.int32],
    scheme: Binarization,
    n_contexts: int = 16,
    engine: Engine = Engine.RANGE,
) -> bytes:
    """Return the stream of `values` (n,); bin i of a value has context min(i, n_contexts - 1)."""
    flat = _flat(values, np.int32)
    return _core.cabac_encode_values(flat, scheme._native(), _count(n_contexts), engine)


def decode_values(
    data: bytes,
    n: int,
    scheme: Binarization,
    n_contexts: int = 16,
    engine: Engine = Engine.RANGE,
) -> NDArray[np.int32]:
    """Return the `n` values of a stream; the caller has checked `n` against its limits.

    Raises `TruncatedError` or `EntropyError` unless the stream ends exactly here.
    """
    if n < 0:
        raise InputError("n must not be negative")
    native = scheme._native()
    return _core.cabac_decode_values(bytes(data), n, native, _count(n_contexts), engine)


def rate(one: int, value: bool) -> int:
    """Return the cost of a bin, in 1/32768 bit, where a 1 has probability `one` / 65536."""
    return _core.range_rate(one, value)


def state_rate(state: int, less_probable: bool) -> int:
    """Return the cost of a bin, in 1/32768 bit, in state 0 to 62 of the H.264 engine."""
    return _core.h264_rate(state, less_probable)


def _flat(array: NDArray[T], dtype: type[T]) -> NDArray[T]:
    if array.dtype != dtype:
        raise InputError(f"expected {np.dtype(dtype).name}, not {array.dtype}")
    return np.ascontiguousarray(array).reshape(-1)


def _count(n_contexts: int) -> int:
    if not 0 <= n_contexts <= BYPASS:
        raise InputError("0 to 65535 contexts")
    return n_contexts
