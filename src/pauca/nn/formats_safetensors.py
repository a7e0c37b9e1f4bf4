"""safetensors files: length, JSON header, tensors without holes.

The rest of such a file is its `__metadata__` where the header is spelt as the reference writer
spells it, which can then be made anew, and the literal header otherwise: files survive byte by
byte.
"""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np

from pauca.errors import InputError, UnsupportedError
from pauca.nn.dtypes import BY_SAFETENSORS, Array, dtype_of

MAX_HEADER = 100_000_000  # the cap of the reference reader
LENGTH_BYTES = 8
CANONICAL, LITERAL = b"\0", b"\1"


def is_safetensors(view: memoryview) -> bool:
    """Return whether `view` starts as a safetensors file: a length that fits, then JSON."""
    size = int.from_bytes(view[:LENGTH_BYTES], "little")
    fits = 2 <= size <= min(MAX_HEADER, len(view) - LENGTH_BYTES)
    return fits and bytes(view[LENGTH_BYTES : LENGTH_BYTES + 1]) == b"{"


def read(view: memoryview) -> tuple[dict[str, Array], bytes]:
    """Return tensors, as views of the file, and rest; `InputError` if the file is malformed."""
    size = int.from_bytes(view[:LENGTH_BYTES], "little")
    if len(view) < LENGTH_BYTES or not 2 <= size <= min(MAX_HEADER, len(view) - LENGTH_BYTES):
        raise InputError("safetensors: the header does not fit the file")
    head, body = bytes(view[LENGTH_BYTES : LENGTH_BYTES + size]), view[LENGTH_BYTES + size :]
    entries, metadata = _parse(head)
    tensors: dict[str, Array] = {}
    end = 0
    for name, entry in sorted(entries.items(), key=lambda item: _span(*item)):
        start, stop = _span(name, entry)
        if start != end or stop > len(body):
            raise InputError(f"safetensors: {name!r} leaves a hole, overlaps or exceeds the file")
        tensors[name] = _tensor(name, entry, body[start:stop])
        end = stop
    if end != len(body):
        raise InputError(f"safetensors: {len(body) - end} bytes belong to no tensor")
    canonical = _header(tensors, metadata) == head
    text = b"" if metadata is None else _utf8(json.dumps(metadata, ensure_ascii=False))
    return tensors, CANONICAL + text if canonical else LITERAL + head


def write(tensors: dict[str, Array], rest: bytes | None) -> bytes:
    """Return the file of `tensors`; with their first shapes and types, the very file read."""
    metadata: dict[str, str] | None = None
    head: bytes | None = None
    if rest and rest[:1] == LITERAL:
        entries, metadata = _parse(rest[1:])
        if _matches(tensors, entries):
            head = rest[1:]
    elif rest and rest[:1] == CANONICAL and len(rest) > 1:
        metadata = _metadata(_load(rest[1:]))
    if head is None:
        head = _header(tensors, metadata)
    parts = [len(head).to_bytes(LENGTH_BYTES, "little"), head]
    return b"".join([*parts, *(a.reshape(-1).view(np.uint8).data for a in tensors.values())])


def _load(text: bytes) -> Any:
    try:
        return json.loads(text.decode())
    except (ValueError, RecursionError) as error:
        raise InputError("safetensors: the header is not JSON") from error


def _utf8(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:  # half of a surrogate pair, which JSON can spell
        raise InputError("safetensors: a name or text is not Unicode") from error


def _parse(head: bytes) -> tuple[dict[str, Any], dict[str, str] | None]:
    value = _load(head)
    if not isinstance(value, dict):
        raise InputError("safetensors: the header is not an object")
    metadata = _metadata(value.pop("__metadata__", None))
    return value, metadata


def _metadata(value: Any) -> dict[str, str] | None:
    if value is None:
        return None
    if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
        raise InputError("safetensors: metadata must be texts by name")
    return value


def _span(name: str, entry: Any) -> tuple[int, int]:
    try:
        start, stop = entry["data_offsets"]
        if type(start) is int and type(stop) is int and 0 <= start <= stop:
            return start, stop
    except (TypeError, KeyError, ValueError):
        pass
    raise InputError(f"safetensors: bad offsets of {name!r}")


def _tensor(name: str, entry: Any, data: memoryview) -> Array:
    shape = entry.get("shape")
    if not isinstance(shape, list) or not all(type(side) is int and side >= 0 for side in shape):
        raise InputError(f"safetensors: bad shape of {name!r}")
    dtype = BY_SAFETENSORS.get(str(entry.get("dtype")))
    if dtype is None:
        raise UnsupportedError(f"safetensors: {name!r} has type {entry.get('dtype')}")
    if math.prod(shape) * dtype.size != len(data):
        raise InputError(f"safetensors: the size of {name!r} does not fit its shape")
    return np.frombuffer(data, dtype.numpy).reshape(shape)


def _matches(tensors: dict[str, Array], entries: dict[str, Any]) -> bool:
    """Return whether a literal header describes exactly these tensors, in this order."""
    order = sorted(entries, key=lambda name: _span(name, entries[name]))
    return order == list(tensors) and all(
        entries[name].get("shape") == list(array.shape)
        and entries[name].get("dtype") == dtype_of(array).safetensors
        for name, array in tensors.items()
    )


def _header(tensors: dict[str, Array], metadata: dict[str, str] | None) -> bytes:
    """Return the header as the reference writer spells it: compact JSON, spaces to 8 bytes."""
    entries: dict[str, Any] = {} if metadata is None else {"__metadata__": metadata}
    end = 0
    for name, array in tensors.items():
        dtype = dtype_of(array)
        if not dtype.safetensors:
            raise UnsupportedError(f"safetensors cannot hold {dtype.name} ({name!r})")
        start, end = end, end + array.nbytes
        entries[name] = {
            "dtype": dtype.safetensors,
            "shape": list(array.shape),
            "data_offsets": [start, end],
        }
    text = _utf8(json.dumps(entries, separators=(",", ":"), ensure_ascii=False))
    return text + b" " * (-len(text) % 8)
