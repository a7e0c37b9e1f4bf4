"""Updates of a filter as bytes (spec/filter.md): which planes it mends, and changes of its head.

The head is a matrix with a row for each residual of a cell; a change is a matrix of small integers
times a power of two, one for each plane.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pauca.coding.weights import decode_levels, encode_levels
from pauca.container.cursor import Cursor
from pauca.errors import FormatError, LimitError, PackError
from pauca.pack.intnet import Layer

MAX_BYTES = 1 << 16
UNIT = 32  # of a feature: what a change of a bias is multiplied by
MAX_EXPONENT = 7
PLANES = 3

Levels = NDArray[np.int32]


@dataclass(frozen=True)
class Update:
    """What a payload says: `mended` planes, and changes of the head by plane.

    A change is an exponent 0..7 and levels (rows of the plane, features + 1); the last column
    belongs to the biases.
    """

    mended: tuple[bool, bool, bool]
    changes: Mapping[int, tuple[int, Levels]]


def encode_update(update: Update) -> bytes:
    """The payload of an update, at most 64 KiB; `LimitError` above."""
    flags = sum(1 << p for p in range(PLANES) if update.mended[p])
    flags |= sum(1 << (PLANES + p) for p in update.changes)
    planes = sorted(update.changes)
    exponents = bytes(update.changes[p][0] for p in planes)
    levels = [update.changes[p][1] for p in planes]
    stream = b""
    if levels:
        matrix = np.concatenate(levels)
        stream = encode_levels(matrix.astype(np.int32).reshape(-1), matrix.shape[1])
    payload = bytes([flags]) + exponents + stream
    if len(payload) > MAX_BYTES:
        raise LimitError(f"an update of {len(payload)} bytes, over the limit of {MAX_BYTES}")
    return payload


def decode_update(payload: bytes, rows: tuple[int, int, int], features: int) -> Update:
    """Inverse of `encode_update` for a head of that shape.

    Raises `FormatError` and its children on bytes that are no update, `LimitError` above 64 KiB.
    """
    if len(payload) > MAX_BYTES:
        raise LimitError(f"an update of {len(payload)} bytes, over the limit of {MAX_BYTES}")
    cursor = Cursor(payload, "filter update")
    flags = cursor.u8()
    mended = tuple(bool(flags >> p & 1) for p in range(PLANES))
    planes = [p for p in range(PLANES) if flags >> (PLANES + p) & 1]
    if flags >> (2 * PLANES) or not any(mended) or any(not mended[p] for p in planes):
        raise FormatError("filter update: flags that have no meaning")
    exponents = [cursor.u8() for _ in planes]
    if any(e > MAX_EXPONENT for e in exponents):
        raise FormatError("filter update: a step that is too large")
    columns = features + 1
    count = sum(rows[p] for p in planes) * columns
    levels = decode_levels(bytes(cursor.take(cursor.remaining)), count, columns)
    parts = np.split(levels.reshape(-1, columns), np.cumsum([rows[p] for p in planes])[:-1])
    changes = dict(zip(planes, zip(exponents, parts, strict=True), strict=True)) if planes else {}
    return Update((mended[0], mended[1], mended[2]), changes)


def changed_head(head: Layer, update: Update, rows: tuple[int, int, int], direct: int) -> Layer:
    """The head with the changes of an update; its first `direct` inputs are samples, which changes
    see less 128. Raises `FormatError` where a change leaves the integers' ranges.
    """
    weight, bias = head.weight.astype(np.int64), head.bias.astype(np.int64)
    starts = np.cumsum([0, *rows])
    for p, (exponent, levels) in update.changes.items():
        if int(np.abs(levels.astype(np.int64)).max(initial=0)) > 1 << 15:
            raise FormatError("filter update: a level that is too large")
        at = slice(starts[p], starts[p + 1])
        moved = levels.astype(np.int64) << exponent
        weight[at] += moved[:, :-1]
        bias[at] += UNIT * moved[:, -1] - 128 * moved[:, :direct].sum(1)
    if int(np.abs(weight).max(initial=0)) > 127 or int(np.abs(bias).max(initial=0)) >= 1 << 24:
        raise FormatError("filter update: a weight outside its range")
    changed = replace(head, weight=weight.astype(np.int8), bias=bias.astype(np.int32))
    try:
        changed.check("head")
    except PackError as error:
        raise FormatError(f"filter update: {error}") from error
    return changed
