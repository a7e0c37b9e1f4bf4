"""ONNX files: the graph is kept byte for byte, the values of its tensors are taken out of it.

A file is cut where the values of a tensor lie. The rest is the list of cuts and the bytes between
them; putting values of the same sizes back gives the file, whatever else it holds. So neither side
needs the onnx package, and decoding parses no graph. Values stored otherwise than as bytes (in
other files, or as integers in `int32_data`) are first rewritten as bytes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pauca.container.cursor import Cursor, encode_varint
from pauca.container.files import read_file
from pauca.errors import InputError, LimitError, PaucaError, UnsupportedError
from pauca.limits import Limits
from pauca.nn import protobuf
from pauca.nn.dtypes import BY_ONNX, Array, DType
from pauca.nn.protobuf import Field

# Messages inside messages (onnx.proto): field number -> what it holds.
TENSOR = "tensor"
CHILDREN: dict[str, dict[int, str]] = {
    "model": {7: "graph"},
    "graph": {1: "node", 5: TENSOR},
    "node": {5: "attribute"},
    "attribute": {5: TENSOR, 6: "graph", 10: TENSOR, 11: "graph"},
}
NODE_OUTPUT = 2
DIMS, TYPE, FLOATS, INT32S, NAME, RAW, DOUBLES, EXTERNAL, LOCATION = 1, 2, 4, 5, 8, 9, 10, 13, 14
IR_VERSION, GRAPH = 1, 7
MAX_DEPTH = 64
MIN_CONSTANT = 64  # elements; smaller constants of nodes are shapes and axes: part of the graph


@dataclass
class _Tensor:
    """A TensorProto: what it says of itself, and the field that holds its values as bytes."""

    name: str
    dtype: DType | None
    shape: list[int]
    values: Field | None
    integers: Field | None
    external: dict[str, str]

    @property
    def size(self) -> int:
        return math.prod(self.shape)


def is_onnx(view: memoryview) -> bool:
    """Return whether `view` is a message with the version and graph of an ONNX model."""
    try:
        numbers = {field.number for field in protobuf.fields(view, 0, len(view))}
    except InputError:
        return False
    return {IR_VERSION, GRAPH} <= numbers and max(numbers) < 64


def read(
    view: memoryview, limits: Limits, folder: Path | None = None
) -> tuple[dict[str, Array], bytes]:
    """Return initializers and large constants by name, as views of the file, and rest.

    `folder` holds the files that external tensors name. Raises `InputError`, `LimitError`,
    `UnsupportedError` (external tensors of a model that is not a file).
    """
    if _Walk(view).needs_rewriting:
        view = memoryview(b"".join(_rewrite(view, "model", 0, len(view), _Files(folder, limits))))
    walk = _Walk(view)
    tensors: dict[str, Array] = {}
    cuts, between, end = [encode_varint(len(walk.found))], [], 0
    for tensor in walk.found:
        assert tensor.values and tensor.dtype  # as `_Walk` keeps them
        start, stop = tensor.values.value, tensor.values.end
        name = tensor.name or "constant"
        while name in tensors:  # names need to be unique within one graph alone
            name += "'"
        tensors[name] = np.frombuffer(view[start:stop], tensor.dtype.numpy).reshape(tensor.shape)
        cuts += [encode_varint(start - end), encode_varint(stop - start)]
        between.append(view[end:start])
        end = stop
    return tensors, b"".join([*cuts, *between, view[end:]])


def write(tensors: dict[str, Array], rest: bytes) -> bytes:
    """Return the file; `InputError` if the tensors are not those, in number and size, it had."""
    try:
        cursor = Cursor(rest, "ONNX graph")
        count = cursor.varint()
        if count != len(tensors):
            raise InputError(f"the ONNX graph takes {count} tensors, not {len(tensors)}")
        cuts = [(cursor.varint(), cursor.varint()) for _ in range(count)]
        parts: list[memoryview] = []
        for (gap, size), (name, array) in zip(cuts, tensors.items(), strict=True):
            if array.nbytes != size:
                raise InputError(
                    f"the ONNX graph takes {size} bytes for {name!r}, not {array.nbytes}"
                )
            parts += [cursor.take(gap), array.reshape(-1).view(np.uint8).data]
    except InputError:
        raise
    except PaucaError as error:
        raise InputError("the ONNX graph is malformed") from error
    return b"".join([*parts, cursor.take(cursor.remaining)])


class _Walk:
    """Finds the tensors of a model in the order of their bytes."""

    def __init__(self, view: memoryview) -> None:
        self.view = view
        self.found: list[_Tensor] = []
        self.needs_rewriting = False
        self._message("model", 0, len(view), "", 0)

    def _message(self, kind: str, start: int, end: int, name: str, depth: int) -> None:
        if depth > MAX_DEPTH:
            raise InputError("ONNX: graphs are nested too deeply")
        children = CHILDREN[kind]
        for field in protobuf.fields(self.view, start, end):
            if kind == "node" and field.number == NODE_OUTPUT and not name:
                name = _text(self.view, field)
            child = children.get(field.number)
            if child is None or field.wire != protobuf.BYTES:
                continue
            if child == TENSOR:
                self._tensor(field, name, kind)
            else:
                inherited = name if kind == "node" else ""
                self._message(child, field.value, field.end, inherited, depth + 1)

    def _tensor(self, field: Field, name: str, parent: str) -> None:
        tensor = parse_tensor(self.view, field.value, field.end)
        self.needs_rewriting |= _must_rewrite(tensor)
        if parent != "graph":
            tensor.name = name or tensor.name
            if tensor.size < MIN_CONSTANT:
                return
        if tensor.values and tensor.dtype and tensor.size:
            if tensor.size * tensor.dtype.size != tensor.values.end - tensor.values.value:
                raise InputError(f"ONNX: the size of tensor {tensor.name!r} does not fit its shape")
            self.found.append(tensor)


def parse_tensor(view: memoryview, start: int, end: int) -> _Tensor:
    """Return what the TensorProto in `view[start:end]` says; types we lack have dtype None."""
    tensor = _Tensor("", None, [], None, None, {})
    for field in protobuf.fields(view, start, end):
        if field.number == DIMS:
            tensor.shape += protobuf.integers(view, field)
        elif field.number == TYPE:
            tensor.dtype = BY_ONNX.get(protobuf.integers(view, field)[0])
        elif field.number in (FLOATS, RAW, DOUBLES) and field.wire == protobuf.BYTES:
            tensor.values = field
        elif field.number == INT32S:
            tensor.integers = field
        elif field.number == NAME:
            tensor.name = _text(view, field)
        elif field.number == EXTERNAL:
            pair = {i.number: _text(view, i) for i in protobuf.fields(view, field.value, field.end)}
            tensor.external[pair.get(1, "")] = pair.get(2, "")
    return tensor


def _must_rewrite(tensor: _Tensor) -> bool:
    packed = tensor.integers is not None and tensor.size >= MIN_CONSTANT
    return bool(tensor.external) or bool(packed and tensor.dtype and tensor.dtype.size <= 4)


def _text(view: memoryview, field: Field) -> str:
    if field.wire != protobuf.BYTES:
        raise InputError("ONNX: a text is expected")
    try:
        return bytes(view[field.value : field.end]).decode().replace("\0", "")
    except UnicodeDecodeError as error:
        raise InputError("ONNX: a name is no text") from error


class _Files:
    """Reads the values of external tensors from files beside the model, each file once."""

    def __init__(self, folder: Path | None, limits: Limits) -> None:
        self._folder, self._limits = folder, limits
        self._data: dict[str, memoryview] = {}

    def values(self, tensor: _Tensor) -> memoryview:
        location = tensor.external.get("location", "")
        if self._folder is None:
            raise UnsupportedError("ONNX: tensors lie in other files; read the model by its path")
        path = (self._folder / location).resolve()
        if not path.is_relative_to(self._folder.resolve()):  # a model must not read /etc
            raise InputError(f"ONNX: external file {location!r} is outside the model's folder")
        if location not in self._data:
            self._data[location] = memoryview(read_file(path, self._limits))
        data = self._data[location]
        try:
            start = int(tensor.external.get("offset", "0"))
            size = int(tensor.external.get("length", str(len(data) - start)))
        except ValueError as error:
            raise InputError("ONNX: offset or length of an external tensor is no number") from error
        if start < 0 or size < 0 or start + size > len(data):
            raise InputError(f"ONNX: external file {location!r} is too short")
        return data[start : start + size]


def _rewrite(
    view: memoryview, kind: str, start: int, end: int, files: _Files
) -> list[bytes | memoryview]:
    """Return the message with all values of tensors as bytes inside it."""
    parts: list[bytes | memoryview] = []
    for field in protobuf.fields(view, start, end):
        child = CHILDREN[kind].get(field.number)
        if child is None or field.wire != protobuf.BYTES:
            parts.append(view[field.start : field.end])
            continue
        if child == TENSOR:
            inner = _rewrite_tensor(view, field, files)
        else:
            inner = _rewrite(view, child, field.value, field.end, files)
        size = sum(map(len, inner))
        if size >= 2**31:
            raise LimitError("ONNX: with its external tensors the model exceeds 2 GiB")
        parts += [protobuf.head(field.number, size), *inner]
    return parts


def _rewrite_tensor(view: memoryview, field: Field, files: _Files) -> list[bytes | memoryview]:
    tensor = parse_tensor(view, field.value, field.end)
    if not _must_rewrite(tensor):
        return [view[field.value : field.end]]
    if tensor.external:
        values: bytes | memoryview = files.values(tensor)
    else:
        assert tensor.integers and tensor.dtype  # as `_must_rewrite` says
        numbers = np.array(protobuf.integers(view, tensor.integers), np.uint64)
        values = numbers.astype(f"<u{tensor.dtype.size}").tobytes()
    kept = [
        view[item.start : item.end]
        for item in protobuf.fields(view, field.value, field.end)
        if item.number not in (INT32S, EXTERNAL, LOCATION)
    ]
    return [*kept, protobuf.head(RAW, len(values)), values]
