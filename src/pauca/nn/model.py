"""A network as data: named tensors, and whatever else its file holds."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pauca.container.files import PathLike, atomic_write, read_file
from pauca.errors import InputError
from pauca.limits import Limits
from pauca.nn.dtypes import Array, normalise

KINDS = ("safetensors", "onnx", "torch", "npz")  # their position is their number in streams
SUFFIXES = {
    ".safetensors": "safetensors",
    ".onnx": "onnx",
    ".pt": "torch",
    ".pth": "torch",
    ".bin": "torch",
    ".npz": "npz",
}


@dataclass(frozen=True)
class Network:
    """A network: `tensors` by name in the file's order, `kind` of the file, and its `rest`.

    Arrays are C-contiguous, of a type in `pauca.nn.dtypes` (bfloat16 is a structured type there).
    `rest` is what the file holds beside tensors (ONNX graph, metadata), in a form private to the
    kind; empty where the file is nothing but tensors.
    """

    tensors: dict[str, Array]
    kind: str = "safetensors"
    rest: bytes = b""

    def __post_init__(self) -> None:
        """Normalise the arrays; `InputError` on an unknown kind, type or name."""
        if self.kind not in KINDS:
            raise InputError(f"unknown kind of network file {self.kind!r}; one of {KINDS}")
        arrays = {name: normalise(np.asarray(array)) for name, array in self.tensors.items()}
        for name in arrays:
            if "\0" in name or any("\ud800" <= letter <= "\udfff" for letter in name):
                raise InputError(f"{name!r} cannot be the name of a tensor")
        object.__setattr__(self, "tensors", arrays)

    @property
    def elements(self) -> int:
        """Elements of all tensors together."""
        return sum(array.size for array in self.tensors.values())

    @property
    def nbytes(self) -> int:
        """Bytes of all tensors together."""
        return sum(array.nbytes for array in self.tensors.values())

    def with_tensors(self, tensors: Mapping[str, Array]) -> Network:
        """Return this network with `tensors` in place of those of the same names."""
        unknown = [name for name in tensors if name not in self.tensors]
        if unknown:
            raise InputError(f"the network has no tensor {unknown[0]!r}")
        return replace(self, tensors={**self.tensors, **tensors})


@dataclass(frozen=True)
class Quantized:
    """A tensor as integers: its value is `step * level`, or `codebook[level]` where one is given.

    `levels`: int32 in the tensor's shape, |level| < 2**31. `step`: positive; streams hold it as
    float32. `codebook`: float32 (k,), levels then lie in 0..k - 1 and `step` means nothing.
    """

    levels: NDArray[np.int32]
    step: float = 1.0
    codebook: NDArray[np.float32] | None = None

    def values(self) -> NDArray[np.float64]:
        """Return the values that a decoder gives before rounding to the tensor's type."""
        if self.codebook is not None:
            return self.codebook.astype(np.float64)[self.levels]
        return np.float64(np.float32(self.step)) * self.levels


def read_network(
    source: PathLike | bytes | memoryview,
    limits: Limits | None = None,
    folder: Path | None = None,
) -> Network:
    """Return the network in a file or in its bytes; the content says which kind of file it is.

    `folder` holds the other files of an ONNX model; by default the folder of a path, none of bytes.
    Tensors may be read-only views of the file's bytes. Raises `InputError` (unreadable, damaged,
    not a network), `UnsupportedError` (tensors or objects that streams cannot hold), `LimitError`.
    """
    from pauca.nn import formats

    limits = limits or Limits()
    if isinstance(source, str | os.PathLike):
        folder = folder or Path(source).resolve().parent
        source = read_file(source, limits)
    view = memoryview(source)
    limits.check_bytes(len(view))
    kind = formats.sniff(view)
    if kind is None:
        raise InputError("not a network: none of safetensors, ONNX, torch state_dict, npz")
    tensors, rest = formats.read(kind, view, limits, folder)
    return Network(tensors, kind, rest)


def network_bytes(network: Network, kind: str | None = None) -> bytes:
    """Return the file of `network`; of another `kind` it holds the tensors alone.

    Raises `InputError` if the file cannot be made of these tensors: an ONNX graph takes only its
    own, and only from an ONNX file. `MissingExtraError` where torch is needed and not installed.
    """
    from pauca.nn import formats

    kind = kind or network.kind
    if kind not in KINDS:
        raise InputError(f"unknown kind of network file {kind!r}; one of {KINDS}")
    return formats.write(kind, network.tensors, network.rest if kind == network.kind else None)


def write_network(
    network: Network, path: PathLike, kind: str | None = None, force: bool = False
) -> None:
    """Write `network_bytes` to `path` whole or not at all; raises what that raises."""
    atomic_write(path, network_bytes(network, kind), force)


def kind_of_path(path: PathLike) -> str:
    """Return the kind of network file that the extension of `path` names, or `InputError`."""
    suffix = Path(path).suffix.lower()
    if suffix not in SUFFIXES:
        known = " ".join(SUFFIXES)
        raise InputError(f"cannot write weights as {suffix!r}; use one of {known}")
    return SUFFIXES[suffix]


def as_network(tensors: Mapping[str, Any]) -> Network:
    """Return plain arrays by name as a network of kind safetensors."""
    return Network(dict(tensors))
