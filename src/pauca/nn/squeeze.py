"""General bytes made smaller: stored, deflate or LZMA, whichever is smallest (spec/weights.md)."""

from __future__ import annotations

import lzma
import zlib
from typing import Any

from pauca.errors import EntropyError, FormatError, TruncatedError

STORED, DEFLATE, LZMA = range(3)
# Deflate starts as if it had just coded this: small networks are named alike, and a table of a
# hundred bytes has no room to learn that. Part of the format.
DICTIONARY = (
    b'{"flat":"d","flat":"o","metadata":[["",{"version":1}],["num_batches_tracked\0'
    b"embeddings\0encoder.layer.0.attention.self.query.weight\0encoder.layers.0.linear1.weight\0"
    b"layer4.0.downsample.0.weight\0layer1.0.conv1.weight\0bn1.running_mean\0bn1.running_var\0"
    b"features.0.weight\0features.0.bias\0classifier.weight\0classifier.bias\0"
    b"conv1.weight\0conv1.bias\0conv2.weight\0conv2.bias\0"
    b"fc1.weight\0fc1.bias\0fc2.weight\0fc2.bias\0fc3.weight\0fc3.bias\0"
)
MAX_WINDOW = 1 << 24  # bounds a decoder's memory
MAX_LZMA = 1 << 24  # bytes beyond which the encoder, at 2 MB/s, would take too long


def squeeze(data: bytes | memoryview) -> bytes:
    """Return one byte of method and the smallest form of `data`."""
    best = bytes([STORED]) + bytes(data)
    deflater = zlib.compressobj(9, zlib.DEFLATED, -15, 9, zlib.Z_DEFAULT_STRATEGY, DICTIONARY)
    deflated = deflater.compress(data) + deflater.flush()
    if len(deflated) + 1 < len(best):
        best = bytes([DEFLATE]) + deflated
    if len(data) <= MAX_LZMA:
        found = lzma.compress(data, lzma.FORMAT_RAW, filters=_filters(len(data)))
        if len(found) + 1 < len(best):
            best = bytes([LZMA]) + found
    return best


def _filters(size: int) -> list[dict[str, Any]]:
    """Return LZMA2 with a window as large as the data: its allocation is what small data pays.

    The other numbers are LZMA's defaults, spelt out because they are part of the format.
    """
    window = min(MAX_WINDOW, max(1 << 12, 1 << (size - 1).bit_length() if size else 0))
    return [
        {"id": lzma.FILTER_LZMA2, "dict_size": window, "lc": 3, "lp": 0, "pb": 2, "nice_len": 273}
    ]


def unsqueeze(data: bytes | memoryview, size: int) -> bytes:
    """Return the `size` bytes that were squeezed; the caller has checked `size` with its limits.

    Raises `FormatError`, `TruncatedError`, `EntropyError`; memory stays near `size` whatever `data`
    expands to.
    """
    if not len(data):
        raise TruncatedError("squeezed bytes are truncated")
    method, body = data[0], data[1:]
    if method == STORED:
        if len(body) != size:
            raise FormatError("squeezed bytes have another size than declared")
        return bytes(body)
    try:
        if method == DEFLATE:
            return _inflate(body, size)
        if method == LZMA:
            return _unlzma(body, size)
    except (zlib.error, lzma.LZMAError, EOFError) as error:
        raise EntropyError("squeezed bytes are damaged") from error
    raise FormatError(f"unknown method {method} of squeezed bytes")


def _inflate(body: bytes | memoryview, size: int) -> bytes:
    inflater = zlib.decompressobj(-15, DICTIONARY)
    out = inflater.decompress(body, size + 1)  # one more than declared shows what is too long
    return _whole(out, size, inflater.eof, inflater.unused_data)


def _unlzma(body: bytes | memoryview, size: int) -> bytes:
    expander = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=_filters(size))
    out = expander.decompress(bytes(body), size + 1)
    if len(out) == size and not expander.eof:  # the end mark may still be unread
        out += expander.decompress(b"", 1)
    return _whole(out, size, expander.eof, expander.unused_data)


def _whole(out: bytes, size: int, ended: bool, unused: bytes) -> bytes:
    if len(out) != size or not ended or unused:
        raise EntropyError("squeezed bytes have another size than declared")
    return out
