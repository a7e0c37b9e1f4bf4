"""The lossless coders that the network bench compares: of quantized integers, and of floats.

A coder takes all of a network's quantized tensors at once; a size is that of what its decoder
needs, tables included. General-purpose compressors get the integers as one run of the smallest
type that holds them.
"""

import bz2
import gzip
import importlib
import lzma
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pauca.bench.nn_huffman import (
    Levels,
    decode_csr,
    decode_huffman,
    encode_csr,
    encode_huffman,
)
from pauca.errors import InputError, MissingExtraError

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Coder:
    """A lossless coder of integer tensors.

    `encode(levels)` returns the bytes of a list of int32 tensors, `decode(data, shapes)` the
    tensors again. `settings` says in words what was chosen.
    """

    name: str
    settings: str
    encode: Callable[[Sequence[Levels]], bytes]
    decode: Callable[[bytes, Sequence[Shape]], list[Levels]]


@dataclass(frozen=True)
class Packer:
    """A general-purpose compressor: bytes to bytes, and back."""

    name: str
    settings: str
    encode: Callable[[bytes], bytes]
    decode: Callable[[bytes], bytes]


def entropy_bytes(levels: Sequence[Levels]) -> float:
    """Return the first-order entropy of each tensor by itself, summed, in bytes.

    A bound for coders without memory that get their table for nothing.
    """
    bits = 0.0
    for tensor in levels:
        if tensor.size:
            counts = np.unique(tensor, return_counts=True)[1]
            bits -= float((counts * np.log2(counts / tensor.size)).sum())
    return bits / 8


def find_coder(name: str) -> Coder:
    """Return the coder of this name, one of `CODERS`, or `pauca:FORM` for one form of ours.

    Raises `MissingExtraError` without its library.
    """
    if name in _PACKERS:
        return _packed(_PACKERS[name](name))
    if name == "pauca" or name.startswith("pauca:"):
        return _pauca(name)
    if name not in _OWN:
        raise InputError(f"no coder {name!r}; known: {', '.join(CODERS)}, pauca:FORM")
    return _OWN[name](name)


def find_packer(name: str) -> Packer:
    """Return the compressor of bytes of this name, one of `PACKERS` (`zipnn`: of float tensors)."""
    if name not in PACKERS:
        raise InputError(f"no compressor {name!r}; known: {', '.join(PACKERS)}")
    return PACKERS[name](name)


def _huffman(name: str) -> Coder:
    return Coder(
        name,
        "a canonical code per tensor",
        lambda levels: _join([encode_huffman(tensor) for tensor in levels]),
        lambda data, shapes: _shaped([decode_huffman(part) for part in _split(data)], shapes),
    )


def _csr(name: str) -> Coder:
    return Coder(
        name,
        "runs of zeros and values, a Huffman code for either, per tensor (Deep Compression)",
        lambda levels: _join([encode_csr(tensor) for tensor in levels]),
        lambda data, shapes: _shaped([decode_csr(part) for part in _split(data)], shapes),
    )


def _pauca(name: str) -> Coder:
    from pauca.coding.weights import CODERS as FORMS
    from pauca.coding.weights import decode_levels, encode_levels

    form = name.partition(":")[2] or "auto"
    if form not in FORMS:
        raise InputError(f"coder {name!r}: the form is one of {', '.join(FORMS)}")

    def encode(levels: Sequence[Levels]) -> bytes:
        return _join([encode_levels(t, columns_of(t.shape), form) for t in levels])

    def decode(data: bytes, shapes: Sequence[Shape]) -> list[Levels]:
        parts = zip(_split(data), shapes, strict=True)
        return [
            decode_levels(part, int(np.prod(shape, dtype=np.int64)), columns_of(shape)).reshape(
                shape
            )
            for part, shape in parts
        ]

    which = "smallest of its forms per tensor" if form == "auto" else form
    return Coder(name, f"{which}, one thread", encode, decode)


def columns_of(shape: Shape) -> int:
    """Return the width of a tensor as a matrix: its first axis is rows; a vector is one row."""
    width = int(np.prod(shape[1:] if len(shape) > 1 else shape, dtype=np.int64))
    return max(1, width)


def _packed(packer: Packer) -> Coder:
    def encode(levels: Sequence[Levels]) -> bytes:
        low = min((int(t.min()) for t in levels if t.size), default=0)
        high = max((int(t.max()) for t in levels if t.size), default=0)
        kind = next(k for k in "bhi" if np.iinfo(k).min <= low and high <= np.iinfo(k).max)
        raw = b"".join(t.astype(np.dtype(kind).newbyteorder("<")).tobytes() for t in levels)
        return kind.encode() + packer.encode(raw)

    def decode(data: bytes, shapes: Sequence[Shape]) -> list[Levels]:
        dtype = np.dtype(data[:1].decode()).newbyteorder("<")
        flat = np.frombuffer(packer.decode(data[1:]), dtype).astype(np.int32)
        ends = np.cumsum([int(np.prod(shape, dtype=np.int64)) for shape in shapes])
        return _shaped(np.split(flat, ends[:-1]), shapes)

    return Coder(packer.name, packer.settings, encode, decode)


def _gzip(name: str) -> Packer:
    return Packer(name, "level 9", lambda d: gzip.compress(d, 9, mtime=0), gzip.decompress)


def _bzip2(name: str) -> Packer:
    return Packer(name, "level 9", lambda d: bz2.compress(d, 9), bz2.decompress)


def _xz(name: str) -> Packer:
    return Packer(
        name, "preset 9e", lambda d: lzma.compress(d, preset=9 | _EXTREME), lzma.decompress
    )


def _zstd(name: str) -> Packer:
    try:
        import zstandard
    except ImportError as error:
        raise _missing(name, "zstandard") from error
    return Packer(
        name,
        "level 19",
        lambda d: zstandard.ZstdCompressor(level=19).compress(d),
        lambda d: zstandard.ZstdDecompressor().decompress(d),
    )


def _zipnn(name: str) -> Packer:
    try:
        zipnn: Any = importlib.import_module("zipnn")
    except ImportError as error:
        raise MissingExtraError(f"compressor {name} needs zipnn: pip install zipnn") from error

    def packer() -> Any:
        return zipnn.ZipNN(input_format="byte", bytearray_dtype="float32", threads=1)

    # It reorders the bytes that it is given in place: it must get a copy.
    return Packer(
        name,
        "float32, one thread",
        lambda d: bytes(packer().compress(bytearray(d))),
        lambda d: bytes(packer().decompress(bytearray(d))),
    )


def _missing(name: str, library: str) -> MissingExtraError:
    return MissingExtraError(f'coder {name} needs {library}: pip install "pauca[bench]"')


def _join(parts: Sequence[bytes]) -> bytes:
    return b"".join(struct.pack("<I", len(part)) + part for part in parts)


def _split(data: bytes) -> list[bytes]:
    parts, at = [], 0
    while at < len(data):
        (size,) = struct.unpack_from("<I", data, at)
        parts.append(data[at + 4 : at + 4 + size])
        at += 4 + size
    return parts


def _shaped(flat: Sequence[NDArray[Any]], shapes: Sequence[Shape]) -> list[Levels]:
    return [part.reshape(shape) for part, shape in zip(flat, shapes, strict=True)]


_EXTREME = lzma.PRESET_EXTREME
_OWN: dict[str, Callable[[str], Coder]] = {
    "huffman": _huffman,
    "csr-huffman": _csr,
}
_PACKERS: dict[str, Callable[[str], Packer]] = {
    "gzip": _gzip,
    "bzip2": _bzip2,
    "xz": _xz,
    "zstd": _zstd,
}
PACKERS: dict[str, Callable[[str], Packer]] = {**_PACKERS, "zipnn": _zipnn}
CODERS = ("pauca", *_OWN, *_PACKERS)
