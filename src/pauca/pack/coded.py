"""Integer arrays of a pack under the coder of weights (spec/filter.md, "Pack").

A file of 17,000 weights is a third smaller than its arrays.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pauca.coding.weights import decode_levels, encode_levels
from pauca.container.cursor import Cursor, encode_varint
from pauca.errors import PackError, PaucaError

CODED = "arrays.levels"
TYPES = {"int8": np.int8, "uint8": np.uint8, "int16": np.int16, "int32": np.int32}
MAX_LEVELS = 1 << 26


def encode_arrays(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Names, types and shapes as JSON, then one stream of levels for each array; in their order."""
    head = json.dumps([[n, a.dtype.name, list(a.shape)] for n, a in arrays.items()]).encode()
    parts = [encode_varint(len(head)), head]
    for array in arrays.values():
        levels = np.ascontiguousarray(array).astype(np.int32)
        stream = encode_levels(levels.reshape(-1), _columns(array.shape))
        parts += [encode_varint(len(stream)), stream]
    return b"".join(parts)


def decode_arrays(data: bytes) -> dict[str, NDArray[Any]]:
    """Inverse of `encode_arrays`; `PackError` on malformed bytes."""
    try:
        cursor = Cursor(data, CODED)
        head = json.loads(bytes(cursor.take(cursor.varint())))
        arrays = {str(name): _decode(cursor, str(kind), shape) for name, kind, shape in head}
        cursor.finish()
    except (PaucaError, ValueError, TypeError, KeyError) as error:
        raise PackError(f"{CODED} is malformed: {error}") from error
    return arrays


def _decode(cursor: Cursor, kind: str, shape: list[int]) -> NDArray[Any]:
    if not all(isinstance(n, int) and 0 < n <= MAX_LEVELS for n in shape) or len(shape) > 4:
        raise ValueError(f"shape {shape}")
    count = int(np.prod(shape, dtype=object))
    if count > MAX_LEVELS:
        raise ValueError(f"{count} levels")
    stream = bytes(cursor.take(cursor.varint()))
    levels = decode_levels(stream, count, _columns(tuple(shape)))
    array = levels.astype(TYPES[kind]).reshape(shape)
    if not np.array_equal(array.reshape(-1), levels):
        raise ValueError(f"a level is outside {kind}")
    return array


def _columns(shape: tuple[int, ...]) -> int:
    """Levels of a row: all that belongs to one output."""
    return int(np.prod(shape[1:])) if len(shape) > 1 else max(shape[0], 1) if shape else 1
