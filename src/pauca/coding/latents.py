"""Latent symbols <-> bytes by rANS (spec/rans.md): a table per symbol, segment by segment."""

from __future__ import annotations

import weakref
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pauca._core import NativeTables, RansDecoder, rans_bits, rans_encode
from pauca.coding.tables import Tables
from pauca.errors import InputError

# A parsed set lives as long as its Tables: codecs ask for it many times per picture.
_native: weakref.WeakKeyDictionary[Tables, NativeTables] = weakref.WeakKeyDictionary()


def native_tables(tables: Tables) -> NativeTables:
    """Return the tables in the core's form, checked; made once per `Tables` object."""
    native = _native.get(tables)
    if native is None:
        native = NativeTables(
            np.ascontiguousarray(tables.cdf, np.uint32),
            np.ascontiguousarray(tables.size, np.int32),
            np.ascontiguousarray(tables.offset, np.int32),
        )
        _native[tables] = native
    return native


def flat_symbols(symbols: NDArray[np.int16]) -> NDArray[np.int16]:
    """Return the symbols in one row; `InputError` unless they are int16."""
    if symbols.dtype != np.int16:
        raise InputError(f"symbols must be int16, not {symbols.dtype}")
    return np.ascontiguousarray(symbols).reshape(-1)


def segment_lengths(segments: Sequence[int] | None, n: int) -> list[int]:
    """Return the lengths of segments, by default one of `n`; `InputError` if one is negative."""
    lengths = [n] if segments is None else [int(length) for length in segments]
    if any(length < 0 for length in lengths):
        raise InputError("segments must not be negative")
    return lengths


def _indexes(indexes: NDArray[np.uint8]) -> NDArray[np.uint8]:
    if indexes.dtype != np.uint8:
        raise InputError(f"indexes must be uint8, not {indexes.dtype}")
    return np.ascontiguousarray(indexes).reshape(-1)


def encode_latents(
    symbols: NDArray[np.int16],
    indexes: NDArray[np.uint8],
    tables: Tables,
    segments: Sequence[int] | None = None,
    lanes: int = 0,
) -> bytes:
    """Return the stream of `symbols` (n,) under tables `indexes` (n,), each of any int16 value.

    `segments` are the lengths of the decoder's later calls and sum to n (default: one call).
    `lanes` is 1, 2, 4, 8, 16 or 32, or 0 to choose by the stream's size. Raises `InputError`.
    """
    flat = flat_symbols(symbols)
    lengths = segment_lengths(segments, flat.size)
    return rans_encode(native_tables(tables), flat, _indexes(indexes), lengths, lanes)


class LatentDecoder:
    """Decodes a stream of `encode_latents`, one segment per call, then checks that it was whole."""

    def __init__(self, data: bytes, tables: Tables, path: str = "auto") -> None:
        """Open `data`; `path` forces scalar, avx2 or avx512 code, all of which agree.

        Raises `TruncatedError` or `EntropyError` if the stream's head is damaged.
        """
        self._decoder = RansDecoder(bytes(data), native_tables(tables), path)

    def decode(self, indexes: NDArray[np.uint8]) -> NDArray[np.int16]:
        """Return the next segment's symbols (n,) for table `indexes` (n,).

        Raises `TruncatedError` or `EntropyError` on a damaged stream; the decoder is then spent.
        """
        return self._decoder.decode(_indexes(indexes))

    def finish(self) -> None:
        """Raise `EntropyError` unless the coder is back in its initial state, every byte used."""
        self._decoder.finish()


def entropy_bits(symbols: NDArray[np.int16], indexes: NDArray[np.uint8], tables: Tables) -> float:
    """Return the ideal code length in bits by the integer tables, escapes included."""
    return rans_bits(native_tables(tables), flat_symbols(symbols), _indexes(indexes))
