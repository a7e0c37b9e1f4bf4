"""Network files by content: which kind they are, and the reader and writer of each kind."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

from pauca.errors import InputError
from pauca.limits import Limits
from pauca.nn import formats_npz, formats_onnx, formats_safetensors, formats_torch
from pauca.nn.dtypes import Array

Parts = tuple[dict[str, Array], bytes]  # tensors by name, and the rest of the file


def sniff(data: bytes | memoryview) -> str | None:
    """Return the kind of network file that `data` is (the whole file), or None."""
    view = memoryview(data)
    if bytes(view[:4]) == b"PK\x03\x04":
        return _sniff_zip(view)
    if formats_safetensors.is_safetensors(view):
        return "safetensors"
    if formats_torch.is_legacy(view):
        return "torch"
    return "onnx" if formats_onnx.is_onnx(view) else None


def _sniff_zip(view: memoryview) -> str | None:
    try:
        with zipfile.ZipFile(io.BytesIO(view)) as archive:
            names = archive.namelist()
    except Exception:  # a parser of foreign bytes: any exception means that they are no zip
        return None
    if any(name == "data.pkl" or name.endswith("/data.pkl") for name in names):
        return "torch"
    return "npz" if names and all(name.endswith(".npy") for name in names) else None


def read(kind: str, view: memoryview, limits: Limits, folder: Path | None) -> Parts:
    """Return tensors and rest of a file of `kind`; `folder` holds an ONNX model's other files."""
    if kind == "safetensors":
        return formats_safetensors.read(view)
    if kind == "onnx":
        return formats_onnx.read(view, limits, folder)
    if kind == "torch":
        return formats_torch.read(view, limits)
    return formats_npz.read(view, limits)


def write(kind: str, tensors: dict[str, Array], rest: bytes | None) -> bytes:
    """Return the file of `kind`; `rest` is what `read` gave, None for a file of tensors alone."""
    if kind == "safetensors":
        return formats_safetensors.write(tensors, rest)
    if kind == "torch":
        return formats_torch.write(tensors, rest)
    if kind == "npz":
        return formats_npz.write(tensors, rest)
    if rest is None:
        raise InputError("an ONNX file needs its graph, and this network did not come with one")
    return formats_onnx.write(tensors, rest)
