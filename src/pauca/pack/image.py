"""A picture pack in memory: networks, tables and steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pauca.coding import Tables, validate
from pauca.errors import PackError
from pauca.pack.intnet import Layer, Program
from pauca.pack.store import (
    PackInfo,
    layers_from_arrays,
    program_from_json,
    read_arrays,
    read_manifest,
)


@dataclass(frozen=True)
class ImagePack:
    """All that coding a picture needs; `runtimes` caches what is built from it."""

    info: PackInfo
    layers: dict[str, Layer]
    programs: dict[str, Program]
    tables: Tables
    steps: NDArray[np.int32]  # (qualities, levels, 3, 3): 1/256 grey levels, unscaled lifting
    low_steps: NDArray[np.int32]  # (qualities,): of the lowest band
    # (qualities, 1 or levels): 1/256 grey levels, of the filters of the picture and of low bands
    filter_steps: NDArray[np.int32]
    # (qualities, 1 + levels): from differences of planes to 1/16 steps, in units of 2**-15
    reciprocals: NDArray[np.int32]
    lmbda: float  # Lagrangian of the training, in squared base steps per bit
    runtimes: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)


def load_image_pack(folder: Path) -> ImagePack:
    """Read and check a picture pack; PackError with the reason otherwise."""
    info, manifest = read_manifest(folder)
    if info.domain != "image":
        raise PackError(f"pack {info.name} is for {info.domain}, not for pictures")
    arrays = read_arrays(info, manifest)
    tables = Tables(*(_array(arrays, f"tables.{name}", dtype) for name, dtype in TABLE_FIELDS))
    validate(tables)
    programs = {str(name): program_from_json(value) for name, value in _programs(manifest).items()}
    steps = _array(arrays, "steps", np.int32)
    low_steps = _array(arrays, "low_steps", np.int32)
    if (
        steps.ndim != 4
        or low_steps.shape != steps.shape[:1]
        or steps.min() < 1
        or low_steps.min() < 1
    ):
        raise PackError(f"pack {info.name}: bad quantization steps")
    reciprocals = _array(arrays, "reciprocals", np.int32)
    filter_steps = _filter_steps(arrays)
    columns = steps.shape[1] if "m2" in programs else 1
    if reciprocals.shape != (len(steps), steps.shape[1] + 1):
        raise PackError(f"pack {info.name}: bad reciprocals")
    if len(filter_steps) != len(steps) or filter_steps.shape[1] < columns:
        raise PackError(f"pack {info.name}: bad steps of filters")
    lmbda = manifest.get("lmbda")
    if not isinstance(lmbda, float):
        raise PackError(f"pack {info.name}: the manifest has no lmbda")
    layers = layers_from_arrays(arrays)
    return ImagePack(
        info, layers, programs, tables, steps, low_steps, filter_steps, reciprocals, lmbda
    )


TABLE_FIELDS: tuple[tuple[str, Any], ...] = (
    ("cdf", np.uint32),
    ("size", np.int32),
    ("offset", np.int32),
)


def _filter_steps(arrays: Mapping[str, NDArray[Any]]) -> NDArray[np.int32]:
    """Packs before 0.3 have the step of the post-filter alone."""
    if "base_steps" in arrays:
        steps = _array(arrays, "base_steps", np.int32)
        return steps[:, None] if steps.ndim == 1 else steps
    steps = _array(arrays, "filter_steps", np.int32)
    if steps.ndim != 2:
        raise PackError("pack array filter_steps has a wrong shape")
    return steps


def _array(arrays: Mapping[str, NDArray[Any]], name: str, dtype: Any) -> NDArray[Any]:
    array = arrays.get(name)
    if array is None or array.dtype != dtype:
        raise PackError(f"pack array {name} is missing or not {np.dtype(dtype).name}")
    return array


def _programs(manifest: Mapping[str, Any]) -> Mapping[str, Any]:
    programs = manifest.get("programs")
    if not isinstance(programs, dict):
        raise PackError("the manifest has no integer networks")
    return programs
