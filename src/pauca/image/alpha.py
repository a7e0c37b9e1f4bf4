"""The alpha plane, without loss, as the payload of chunk `A` (spec/image.md, "Alpha")."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pauca.coding.weights import decode_levels, encode_levels
from pauca.container.cursor import Cursor, encode_varint
from pauca.errors import EntropyError, UnsupportedError
from pauca.limits import Limits
from pauca.pixels.webp import MAX_SIDE, can_write, decode_lossless, encode_lossless

CLASSES, DIFFERENCES, WEBP = 0, 1, 2
OPAQUE = 255
MIDDLE = 128  # what is taken from an alpha that is neither 0 nor 255
MIX = "mix"  # "auto" judges large planes by their first rows, which are often of one value
WEBP_PIXELS = 1 << 26  # below the size that Pillow warns of
BYTES_PER_PIXEL = 16  # of working memory

Plane = NDArray[np.uint8]  # (H, W), 0 transparent, 255 opaque


def encode_alpha(alpha: Plane) -> bytes:
    """Return the payload for a plane: the shortest of three forms, or nothing if all is opaque."""
    if bool((alpha == OPAQUE).all()):
        return b""
    forms = [bytes([CLASSES]) + _encode_classes(alpha)]
    forms.append(bytes([DIFFERENCES]) + _encode_differences(alpha))
    # WebP finds what repeats (letters, patterns), which levels cannot, but takes its time.
    large = max(alpha.shape) > MAX_SIDE or alpha.size > WEBP_PIXELS
    if can_write() and not large and len(min(forms, key=len)) > 64 + alpha.size // 256:
        forms.append(bytes([WEBP]) + encode_lossless(alpha))
    return min(forms, key=len)


def decode_alpha(payload: bytes | memoryview, shape: tuple[int, int], limits: Limits) -> Plane:
    """Return the plane (H, W) of a payload; the caller has checked `shape`.

    Raises `FormatError` and its children, `UnsupportedError` (form), `LimitError`.
    """
    limits.check_memory(shape[0] * shape[1] * BYTES_PER_PIXEL, "decoding alpha")
    if not len(payload):
        return np.full(shape, OPAQUE, np.uint8)
    form, data = payload[0], bytes(payload[1:])
    if form == CLASSES:
        return _decode_classes(data, shape)
    if form == DIFFERENCES:
        return _decode_differences(data, shape)
    if form == WEBP:
        return np.ascontiguousarray(decode_lossless(data, shape, "alpha")[..., 1])
    raise UnsupportedError(f"alpha of form {form}; this version reads 0, 1 and 2")


def _encode_classes(alpha: Plane) -> bytes:
    """Where the picture is opaque (-1), transparent (0) or between (1), and then what is between.

    A cut-out has two classes with a line between them, which the level coder finds.
    """
    classes = np.where(alpha == OPAQUE, -1, np.where(alpha == 0, 0, 1)).astype(np.int32)
    between = alpha[classes == 1].astype(np.int32) - MIDDLE
    first = encode_levels(classes, alpha.shape[1], MIX)
    return encode_varint(len(first)) + first + encode_levels(between, max(1, between.size))


def _decode_classes(data: bytes, shape: tuple[int, int]) -> Plane:
    cursor = Cursor(data, "alpha")
    first = bytes(cursor.take(cursor.varint()))
    classes = decode_levels(first, shape[0] * shape[1], shape[1])
    _check_range(classes, -1, 1)
    count = int(np.count_nonzero(classes == 1))
    between = decode_levels(bytes(cursor.take(cursor.remaining)), count, max(1, count))
    _check_range(between, 1 - MIDDLE, OPAQUE - 1 - MIDDLE)
    alpha = np.where(classes < 0, OPAQUE, 0).astype(np.uint8)
    alpha[classes == 1] = between + MIDDLE
    return alpha.reshape(shape)


def _encode_differences(alpha: Plane) -> bytes:
    """Return what a plane through the neighbours left, above and between misses, modulo 256.

    A gradient comes to almost nothing.
    """
    rows = np.diff(alpha, axis=0, prepend=np.uint8(0))
    both = np.diff(rows, axis=1, prepend=np.uint8(0))
    return encode_levels(both.view(np.int8).astype(np.int32), alpha.shape[1], MIX)


def _decode_differences(data: bytes, shape: tuple[int, int]) -> Plane:
    both = decode_levels(data, shape[0] * shape[1], shape[1]).reshape(shape)
    _check_range(both, -128, 127)
    rows = np.cumsum(both.astype(np.uint8), axis=1, dtype=np.uint8)
    alpha: Plane = np.cumsum(rows, axis=0, dtype=np.uint8)
    return alpha


def _check_range(levels: NDArray[np.int32], low: int, high: int) -> None:
    if levels.size and not low <= int(levels.min()) <= int(levels.max()) <= high:
        raise EntropyError(f"alpha holds levels outside {low}..{high}")
