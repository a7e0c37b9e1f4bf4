"""torch checkpoints: nested dicts and lists of tensors, read with `weights_only=True`.

The rest is a JSON tree of everything but the tensors; for a plain state_dict only its metadata.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections import OrderedDict
from typing import Any

import numpy as np

from pauca.errors import InputError, MissingExtraError, UnsupportedError
from pauca.limits import Limits
from pauca.nn.dtypes import BY_NAME, Array, dtype_of

# The protocol-2 pickle of torch's magic number, with which files of the old format start.
LEGACY = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."
MAX_DEPTH = 64
PLAIN = (type(None), bool, int, float, str)


def is_legacy(view: memoryview) -> bool:
    """Return whether `view` starts as a torch file from before its zip format (2020)."""
    return bytes(view[: len(LEGACY)]) == LEGACY


def read(view: memoryview, limits: Limits) -> tuple[dict[str, Array], bytes]:
    """Return tensors, named by their path with dots, and rest.

    Raises `InputError` (damaged, or holds code), `UnsupportedError` (objects that are neither
    tensors, numbers, texts, dicts nor lists), `MissingExtraError` (no torch).
    """
    torch = _torch()
    if not is_legacy(view):
        limits.check_memory(_unpacked_size(view), "reading a torch file")
    try:
        value = torch.load(io.BytesIO(view), map_location="cpu", weights_only=True)
    except Exception as error:  # a parser of foreign bytes: any exception means bad bytes
        reason = str(error).split("\n")[0]
        raise InputError(f"torch cannot load this file with weights_only=True: {reason}") from error
    reader = _Reader(torch)
    tree = reader.tree(value, "", 0)
    if reader.flat and isinstance(value, dict):
        return reader.tensors, _flat_rest(value, tree)
    return reader.tensors, json.dumps({"tree": tree}, separators=(",", ":")).encode()


def write(tensors: dict[str, Array], rest: bytes | None) -> bytes:
    """Return the checkpoint; without `rest` an ordered dict of the tensors."""
    torch = _torch()
    made = {name: _to_torch(torch, array) for name, array in tensors.items()}
    value: Any = OrderedDict(made)
    if rest:
        value = _rebuild(torch, _load(rest), made)
    buffer = io.BytesIO()
    torch.save(value, buffer)
    return buffer.getvalue()


def _unpacked_size(view: memoryview) -> int:
    try:
        with zipfile.ZipFile(io.BytesIO(view)) as archive:
            return sum(member.file_size for member in archive.infolist())
    except Exception as error:  # a parser of foreign bytes: any exception means bad bytes
        raise InputError("torch: the file is damaged") from error


class _Reader:
    """Walks a checkpoint: collects its tensors, and returns the tree that names them."""

    def __init__(self, torch: Any) -> None:
        self.torch = torch
        self.tensors: dict[str, Array] = {}
        self.flat = True  # one dict of distinct plain tensors: its keys are the whole tree
        self._seen: dict[tuple[Any, ...], str] = {}

    def tree(self, value: Any, path: str, depth: int) -> Any:
        if depth > MAX_DEPTH:
            raise UnsupportedError("torch: the checkpoint is nested too deeply")
        if isinstance(value, self.torch.Tensor):
            if depth != 1:
                self.flat = False
            return self._tensor(value, path)
        if isinstance(value, dict):
            self.flat &= depth == 0 and all(isinstance(key, str) for key in value)
            return self._dict(value, path, depth)
        self.flat = False
        if type(value) in (list, tuple):
            items = [self.tree(v, _join(path, k), depth + 1) for k, v in enumerate(value)]
            return ["l" if type(value) is list else "u", items]
        if type(value) in PLAIN:
            return ["v", value]
        raise UnsupportedError(f"torch: {path or 'the checkpoint'} is a {type(value).__name__}")

    def _dict(self, value: dict[Any, Any], path: str, depth: int) -> Any:
        items = []
        for key, child in value.items():
            if type(key) not in PLAIN:
                raise UnsupportedError(f"torch: a key of {path or 'the checkpoint'} is no text")
            items.append([key, self.tree(child, _join(path, key), depth + 1)])
        ordered = isinstance(value, OrderedDict)
        return ["o" if ordered else "d", items, *_metadata(value)]

    def _tensor(self, tensor: Any, path: str) -> Any:
        if tensor.layout != self.torch.strided or tensor.is_quantized or tensor.is_meta:
            raise UnsupportedError(f"torch: {path!r} is not a plain tensor")
        parameter = isinstance(tensor, self.torch.nn.Parameter)
        self.flat &= not parameter
        tensor = tensor.detach()
        # Tied weights are one tensor under two names: they are stored once and tied again.
        key = (tensor.data_ptr(), tuple(tensor.shape), tensor.stride(), tensor.dtype)
        name = self._seen.get(key) if tensor.numel() else None
        if name is None:
            name = path
            while name in self.tensors:
                name += "'"
            self.tensors[name] = _to_numpy(self.torch, tensor, path)
            self._seen[key] = name
        else:
            self.flat = False
        return ["t", name, 1] if parameter else ["t", name]


def _join(path: str, key: Any) -> str:
    return f"{path}.{key}" if path else str(key)


def _metadata(value: dict[Any, Any]) -> list[Any]:
    # `Module.state_dict` leaves versions of modules in an attribute, and loading heeds them.
    found = getattr(value, "_metadata", None)
    if found is None:
        return []
    try:
        json.dumps(found)
    except (TypeError, ValueError) as error:
        raise UnsupportedError("torch: metadata of the state_dict is no plain data") from error
    return [list(map(list, found.items()))]


def _flat_rest(value: dict[Any, Any], tree: Any) -> bytes:
    metadata = tree[2] if len(tree) > 2 else None
    if tree[0] == "o" and metadata is None:
        return b""
    flat: dict[str, Any] = {"flat": tree[0]}
    if metadata is not None:
        # One version for every module is the rule, so that the rest is nearly a list of names.
        flat["metadata"] = metadata
    return json.dumps(flat, separators=(",", ":")).encode()


def _rebuild(torch: Any, value: Any, tensors: dict[str, Any]) -> Any:
    try:
        if "flat" in value:
            made: dict[Any, Any] = OrderedDict(tensors) if value["flat"] == "o" else dict(tensors)
            return _with_metadata(made, value.get("metadata"))
        return _node(torch, value["tree"], tensors, 0)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise InputError("torch: the rest of the checkpoint is malformed") from error


def _node(torch: Any, node: Any, tensors: dict[str, Any], depth: int) -> Any:
    if depth > MAX_DEPTH:
        raise InputError("torch: the rest of the checkpoint is nested too deeply")
    tag = node[0]
    if tag == "t":
        tensor = tensors[node[1]]
        return torch.nn.Parameter(tensor, tensor.is_floating_point()) if len(node) > 2 else tensor
    if tag == "v":
        return node[1]
    if tag in ("l", "u"):
        items = [_node(torch, child, tensors, depth + 1) for child in node[1]]
        return items if tag == "l" else tuple(items)
    pairs = [(key, _node(torch, child, tensors, depth + 1)) for key, child in node[1]]
    made: dict[Any, Any] = OrderedDict(pairs) if tag == "o" else dict(pairs)
    return _with_metadata(made, node[2] if len(node) > 2 else None)


def _with_metadata(made: Any, metadata: Any) -> Any:
    if metadata is not None:
        made._metadata = OrderedDict((key, value) for key, value in metadata)
    return made


def _load(rest: bytes) -> Any:
    try:
        return json.loads(rest)
    except (ValueError, RecursionError) as error:
        raise InputError("torch: the rest of the checkpoint is malformed") from error


def _to_numpy(torch: Any, tensor: Any, path: str) -> Array:
    dtype = BY_NAME.get(str(tensor.dtype).removeprefix("torch."))
    if dtype is None:
        raise UnsupportedError(f"torch: {path!r} has type {tensor.dtype}")
    tensor = tensor.resolve_conj().resolve_neg().contiguous()
    if not dtype.numpy.names:
        return np.asarray(tensor.numpy())
    plain = tensor.view(torch.int16 if dtype.size == 2 else torch.uint8).numpy()
    return np.asarray(plain.view(dtype.numpy))


def _to_torch(torch: Any, array: Array) -> Any:
    dtype = dtype_of(array)
    if not dtype.numpy.names:
        return torch.from_numpy(array.copy())
    plain = array.view(np.int16 if dtype.size == 2 else np.uint8)
    return torch.from_numpy(plain.copy()).view(getattr(torch, dtype.name))


def _torch() -> Any:
    try:
        import torch
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            "torch files need torch; pip install 'pauca[train]', or use safetensors"
        ) from error
    return torch
