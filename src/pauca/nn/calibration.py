"""What a network minds, in a file: importances of weights and statistics of layers.

Only the running network can tell them (`pauca.nn.train`), which the bench does not run: a script
that knows the network and its data writes the file once. An npz with `importance/NAME`,
`deviation/NAME`, and for each layer `moments/WEIGHT`, `output/WEIGHT` and, where it has one,
`bias/WEIGHT`, the bias's name.
"""

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from pauca.errors import InputError
from pauca.nn.quantize.second_order import Layer
from pauca.nn.sensitivity import LayerStatistics

Weights = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Calibration:
    """Importances and posterior deviations in the tensors' shapes, and the statistics of layers."""

    importance: Weights
    deviations: Weights
    layers: Mapping[Layer, LayerStatistics]


def save_calibration(path: Path, calibration: Calibration) -> None:
    """Write a calibration, in float32; an existing file is replaced."""
    arrays: dict[str, NDArray[Any]] = {
        f"importance/{name}": array.astype(np.float32)
        for name, array in calibration.importance.items()
    }
    for name, array in calibration.deviations.items():
        arrays[f"deviation/{name}"] = array.astype(np.float32)
    for layer, statistics in calibration.layers.items():
        arrays[f"moments/{layer.weight}"] = statistics.moments.astype(np.float32)
        arrays[f"output/{layer.weight}"] = statistics.output.astype(np.float32)
        if layer.bias is not None and statistics.has_bias:
            arrays[f"bias/{layer.weight}"] = np.array(layer.bias)
    with path.open("wb") as file:
        cast(Any, np.savez)(file, **arrays)


def load_calibration(path: Path) -> Calibration:
    """Read what `save_calibration` wrote; `InputError` if the file is not such a thing."""
    try:
        # Opened here: numpy forgets to close a file of its own that is no archive.
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except (OSError, ValueError, EOFError, AttributeError, zipfile.BadZipFile) as error:
        raise InputError(f"{path} is no calibration: {error}") from error
    importance, deviations = _named(arrays, "importance/"), _named(arrays, "deviation/")
    layers = {}
    for key, array in arrays.items():
        kind, _, weight = key.partition("/")
        if kind != "moments":
            continue
        if f"output/{weight}" not in arrays:
            raise InputError(f"{path}: layer {weight!r} has moments but no output")
        output = arrays[f"output/{weight}"].astype(np.float64)
        bias = str(arrays[f"bias/{weight}"]) if f"bias/{weight}" in arrays else None
        layers[Layer(weight, bias)] = LayerStatistics(
            array.astype(np.float64), output, None, bias is not None
        )
    if not (importance or deviations or layers):
        raise InputError(f"{path} is no calibration: it holds nothing of one")
    return Calibration(importance, deviations, layers)


def _named(arrays: Weights, prefix: str) -> dict[str, NDArray[Any]]:
    return {k.removeprefix(prefix): array for k, array in arrays.items() if k.startswith(prefix)}
