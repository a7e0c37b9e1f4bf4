"""Integer levels of network weights <-> bytes (spec/levels.md), and rate-distortion quantization.

A tensor is a matrix of integers in row-major order. Five forms exist, and `encode_levels` signals
the one it used: a constant, packed bits, the context coder of DeepCABAC ("cabac"), the same bins
with mixed contexts ("mix": smallest, some 3 million levels a second) and static tables on rANS
("rans": tens of millions). Large tensors are cut into bands of rows that threads work on.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pauca import _core
from pauca.coding.level_forms import (
    CABAC,
    CONSTANT,
    MIX,
    RANS,
    RAW,
    Shape,
    decode_coded,
    decode_constant,
    decode_raw,
    encode_coded,
    encode_constant,
    encode_raw,
)
from pauca.errors import EntropyError, InputError, TruncatedError

CODERS = ("auto", "fast", "cabac", "mix", "rans", "raw")
TRIED = 1 << 20  # levels up to which all forms are tried in full
SAMPLE = 1 << 17  # levels that choose the form of larger ones
SWIFT = 0.998  # static tables decode ten times as fast: worth 0.2 % of the bytes
SMALL = 1 << 16  # levels up to which packed bits can be the smallest form

_FORMS = {"cabac": CABAC, "mix": MIX, "rans": RANS, "raw": RAW}

__all__ = [
    "CODERS",
    "LevelOptions",
    "decode_levels",
    "encode_levels",
    "level_bits",
    "rdoq_levels",
]


@dataclass(frozen=True)
class LevelOptions:
    """Parameters of "cabac" and "mix"; `None` leaves a choice to the statistics of the levels.

    `greater_flags`: n of the flags "greater than 1 ... n", 0 to 15. `order`: of the Exp-Golomb
    remainder, 0 to 15. `pace`: how slowly contexts of "cabac" settle, 0 to 3.
    """

    greater_flags: int | None = None
    order: int | None = None
    pace: int | None = None


def encode_levels(
    levels: NDArray[np.int32],
    columns: int,
    coder: str = "auto",
    threads: int = 1,
    options: LevelOptions | None = None,
) -> bytes:
    """Return the stream of `levels`, row-major (rows, `columns`) or flat, |level| < 2**31.

    `coder`: "auto" is the smallest of all forms, above 2**20 levels nearly so and by some of the
    rows; "fast" is "rans" where it fits and "cabac" elsewhere. The bytes do not depend on
    `threads`. Raises `InputError`.
    """
    flat = _flat(levels)
    _check_columns(flat.size, columns)
    if coder not in CODERS:
        raise InputError(f"coder: one of {', '.join(CODERS)}")
    if flat.size == 0:
        return b""
    low, high = int(flat.min()), int(flat.max())
    if low == -(1 << 31):
        raise InputError("levels must be above -2**31")
    if low == high:
        return encode_constant(low)
    shape = _shape_for(flat, options or LevelOptions())
    forms = _forms(coder, flat.size, max(-low, high) < 1 << 15)
    if len(forms) > 1 and flat.size >= TRIED:
        # Some rows speak for the rest: trying all forms takes ten times as long as the best one.
        some = _some_rows(flat, columns)
        width = min(columns, some.size // 2)
        half = some[: some.size // 2 // width * width]
        # What the second half adds: tables and learning, which few levels pay for, are left out.
        sizes = [
            (len(_encode_as(form, some, width, shape, 1))
             - len(_encode_as(form, half, width, shape, 1)))
            * (SWIFT if form == RANS else 1)
            for form in forms
        ]  # fmt: skip
        forms = [forms[sizes.index(min(sizes))]]
    streams = [_encode_as(form, flat, columns, shape, threads) for form in forms]
    return min(streams, key=len)


def _some_rows(flat: NDArray[np.int32], columns: int) -> NDArray[np.int32]:
    """About SAMPLE levels from four places of the matrix, in whole rows unless these are longer."""
    unit = columns if columns <= SAMPLE // 4 else 1
    size = SAMPLE // 4 // unit * unit
    places = np.linspace(0, flat.size - size, 4) // unit
    return np.concatenate([flat[int(p) * unit : int(p) * unit + size] for p in places])


def decode_levels(data: bytes, count: int, columns: int, threads: int = 1) -> NDArray[np.int32]:
    """Return the `count` levels (count,) of a stream; the caller has checked `count`.

    Raises `TruncatedError` or `EntropyError` unless the stream holds exactly these levels.
    """
    _check_columns(count, columns)
    if count == 0:
        if data:
            raise EntropyError("bytes remain after the last level")
        return np.empty(0, np.int32)
    if not data:
        raise TruncatedError("level stream is empty")
    form = data[0] & 7
    if form == CONSTANT:
        return decode_constant(data, count)
    if form == RAW:
        return decode_raw(data, count)
    return decode_coded(data, count, columns, threads)


def level_bits(levels: NDArray[np.int32], columns: int) -> float:
    """Return what the "cabac" coder takes for `levels`, in bits, by its rate tables."""
    flat = _flat(levels)
    _check_columns(flat.size, columns)
    if flat.size == 0:
        return 0.0
    return _core.levels_bits(flat, columns, _core.levels_shape(flat))


def rdoq_levels(
    weights: NDArray[np.float32],
    importance: NDArray[np.float32] | None,
    step: float,
    lmbda: float,
    options: LevelOptions | None = None,
) -> NDArray[np.int32]:
    """Return levels k that minimise F (w - step k)^2 + lmbda R(k), R in bits, one after the other.

    `weights`: (rows, columns), finite. `importance`: F, of the same shape and not negative, or
    `None` for ones. R is what the "cabac" coder asks for, its contexts advanced by the levels
    chosen so far. Candidates: the nearest level, its neighbour towards zero, zero.
    """
    if weights.ndim != 2 or (importance is not None and importance.shape != weights.shape):
        raise InputError("weights must be (rows, columns), importance of the same shape")
    if weights.size == 0:
        return np.zeros(weights.shape, np.int32)
    w = np.ascontiguousarray(weights, np.float32).reshape(-1)
    f = None if importance is None else np.ascontiguousarray(importance, np.float32).reshape(-1)
    # The first probabilities follow the nearest levels, the contexts learn the rest.
    shape = _shape_for(_nearest(w, step), options or LevelOptions())
    levels = _core.levels_rdoq(w, weights.shape[1], f, step, lmbda, shape.native())
    return levels.reshape(weights.shape)


def _nearest(weights: NDArray[np.float32], step: float) -> NDArray[np.int32]:
    if not 0.0 < step < np.inf:
        raise InputError("the step must be positive")
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        scaled = np.rint(weights / np.float32(step))
    # What is out of range here, the core refuses afterwards.
    levels: NDArray[np.int32] = np.nan_to_num(np.clip(scaled, -(2.0**30), 2.0**30)).astype(np.int32)
    return levels


def _encode_as(
    form: int, flat: NDArray[np.int32], columns: int, shape: Shape, threads: int
) -> bytes:
    if form == RAW:
        return encode_raw(flat, int(flat.min()), int(flat.max()))
    return encode_coded(form, flat, columns, shape, threads)


def _forms(coder: str, count: int, fits: bool) -> list[int]:
    """Return the forms to try; `fits`: all levels lie within +-32767, as "rans" demands."""
    if coder == "auto":
        forms = [MIX, CABAC, RAW] if count <= SMALL else [MIX, CABAC]
        return [*forms, RANS] if fits and count > 1024 else forms
    if coder == "fast":
        return [RANS if fits and count > 4096 else CABAC]
    if coder == "rans" and not fits:
        raise InputError("rans: levels must lie within +-32767")
    return [_FORMS[coder]]


def _shape_for(flat: NDArray[np.int32], options: LevelOptions) -> Shape:
    shape = Shape(*_core.levels_shape(flat))
    greater, order, pace = options.greater_flags, options.order, options.pace
    shape = replace(
        shape,
        greater=shape.greater if greater is None else greater,
        order=shape.order if order is None else order,
        pace=shape.pace if pace is None else pace,
    )
    if not (0 <= shape.greater <= 15 and 0 <= shape.order <= 15 and 0 <= shape.pace <= 3):
        raise InputError("greater_flags and order: 0 to 15, pace: 0 to 3")
    return shape


def _flat(levels: NDArray[np.int32]) -> NDArray[np.int32]:
    if levels.dtype != np.int32:
        raise InputError(f"levels must be int32, not {levels.dtype}")
    return np.ascontiguousarray(levels).reshape(-1)


def _check_columns(count: int, columns: int) -> None:
    if columns < 1 or count < 0 or count % columns != 0:
        raise InputError("levels do not fill whole rows")
