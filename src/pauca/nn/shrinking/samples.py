"""Samples of what a network takes: for calibration, and with labels for training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pauca.errors import InputError

Array = NDArray[Any]


@dataclass(frozen=True)
class Samples:
    """`inputs` by name, first axis the samples; `labels` (n, ...) or None.

    A network of one input takes an array of any name; `y` names the labels.
    """

    inputs: Mapping[str, Array]
    labels: Array | None = None

    def __post_init__(self) -> None:
        """Raise `InputError` unless all arrays hold the same number of samples, at least one."""
        sizes = {len(a) if a.ndim else 0 for a in self.inputs.values()}
        if self.labels is not None:
            sizes.add(len(self.labels) if self.labels.ndim else 0)
        if len(sizes) != 1 or 0 in sizes:
            raise InputError("samples: every array must hold the same number, at least one")

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(next(iter(self.inputs.values())))

    def feeds(self, names: list[str], count: int, batch: int) -> list[dict[str, Array]]:
        """Return up to `count` samples as dicts by the names of a network's inputs."""
        found = self._named(names)
        count = min(count, len(self))
        starts = range(0, count, batch)
        return [{n: a[i : min(i + batch, count)] for n, a in found.items()} for i in starts]

    def _named(self, names: list[str]) -> dict[str, Array]:
        exported = [f"x{i}" for i in range(len(self.inputs))]  # what the pass `export` calls them
        if len(names) == 1 == len(self.inputs) or names == exported:
            return dict(zip(names, self.inputs.values(), strict=True))
        if set(names) != set(self.inputs):
            given, wanted = ", ".join(sorted(self.inputs)), ", ".join(sorted(names))
            raise InputError(f"the data hold {given}; the model takes {wanted}")
        return {name: self.inputs[name] for name in names}


def samples_of(arrays: Mapping[str, Array]) -> Samples:
    """Return arrays by name as samples: `y` are the labels."""
    inputs = {name: np.asarray(a) for name, a in arrays.items() if name != "y"}
    if not inputs:
        raise InputError("the data hold no inputs, only y")
    for name, array in inputs.items():
        if array.dtype.kind == "f":
            inputs[name] = np.ascontiguousarray(array, np.float32)
        elif array.dtype.kind not in "iub":
            raise InputError(f"the data hold {name!r} of {array.dtype}, no numbers")
    return Samples(inputs, arrays.get("y"))


def read_samples(path: Path) -> Samples:
    """Return the samples of an npz file; `InputError` if it holds none."""
    try:
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except Exception as error:  # a parser of foreign bytes: any exception means bad bytes
        raise InputError(f"cannot read data from {path}: {error}") from error
    return samples_of(arrays)
