"""A picture pack in memory: what packs of every family hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pauca.coding import Tables, validate
from pauca.errors import PackError
from pauca.pack.intnet import Layer, Program
from pauca.pack.store import PackInfo, layers_from_arrays, program_from_json

DOMAIN = "image"
MEASURES = ("psnr", "ssim", "mix")  # squared error, MS-SSIM, half of each
TABLE_FIELDS: tuple[tuple[str, Any], ...] = (
    ("cdf", np.uint32),
    ("size", np.int32),
    ("offset", np.int32),
)


@dataclass(frozen=True)
class ImagePack:
    """What coding a picture needs in every family; `runtimes` caches what is built from it."""

    info: PackInfo
    layers: dict[str, Layer]
    programs: dict[str, Program]
    tables: Tables
    # (qualities, 1 or levels): 1/256 grey levels, of the filters of the picture and of low bands
    filter_steps: NDArray[np.int32]
    # (qualities, 1 or 1 + levels): from differences of planes to 1/16 steps, in units of 2**-15
    reciprocals: NDArray[np.int32]
    lmbda: float  # Lagrangian of the training, in squared base steps per bit
    measure: str  # what it was trained for: one of MEASURES
    runtimes: dict[str, Any] = field(default_factory=dict, compare=False, repr=False, kw_only=True)

    @property
    def qualities(self) -> int:
        """How many quality codes there are, from 0."""
        return len(self.filter_steps)


def common_parts(
    info: PackInfo, manifest: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]
) -> dict[str, Any]:
    """The fields of `ImagePack`, each checked; PackError with the reason otherwise."""
    tables = Tables(*(array_of(arrays, f"tables.{name}", dtype) for name, dtype in TABLE_FIELDS))
    validate(tables)
    programs = {str(name): program_from_json(value) for name, value in _programs(manifest).items()}
    filter_steps = _filter_steps(arrays)
    reciprocals = array_of(arrays, "reciprocals", np.int32)
    if reciprocals.ndim != 2 or len(reciprocals) != len(filter_steps) or not filter_steps.size:
        raise PackError(f"pack {info.name}: bad steps of filters")
    lmbda = manifest.get("lmbda")
    if not isinstance(lmbda, float):
        raise PackError(f"pack {info.name}: the manifest has no lmbda")
    measure = manifest.get("measure", MEASURES[0])
    if measure not in MEASURES:
        raise PackError(f"pack {info.name}: unknown measure {measure}")
    return {
        "info": info,
        "layers": layers_from_arrays(arrays),
        "programs": programs,
        "tables": tables,
        "filter_steps": filter_steps,
        "reciprocals": reciprocals,
        "lmbda": lmbda,
        "measure": measure,
    }


def _filter_steps(arrays: Mapping[str, NDArray[Any]]) -> NDArray[np.int32]:
    """Packs before 0.3 have the step of the post-filter alone."""
    if "base_steps" in arrays:
        steps = array_of(arrays, "base_steps", np.int32)
        return steps[:, None] if steps.ndim == 1 else steps
    steps = array_of(arrays, "filter_steps", np.int32)
    if steps.ndim != 2:
        raise PackError("pack array filter_steps has a wrong shape")
    return steps


def array_of(arrays: Mapping[str, NDArray[Any]], name: str, dtype: Any) -> NDArray[Any]:
    """The array of this name; PackError if it is missing or of another type."""
    array = arrays.get(name)
    if array is None or array.dtype != dtype:
        raise PackError(f"pack array {name} is missing or not {np.dtype(dtype).name}")
    return array


def _programs(manifest: Mapping[str, Any]) -> Mapping[str, Any]:
    programs = manifest.get("programs")
    if not isinstance(programs, dict):
        raise PackError("the manifest has no integer networks")
    return programs
