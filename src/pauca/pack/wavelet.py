"""A picture pack of the wavelet family (spec/image.md)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pauca.errors import PackError
from pauca.pack.image import ImagePack, array_of, common_parts
from pauca.pack.store import PackInfo
from pauca.pixels.lifting import CDF97, WAVELETS

FAMILY = "wavelet"


@dataclass(frozen=True)
class WaveletPack(ImagePack):
    """All that coding a picture by wavelets needs."""

    steps: NDArray[np.int32]  # (qualities, levels, 3, 3): 1/256 grey levels, unscaled lifting
    low_steps: NDArray[np.int32]  # (qualities,): of the lowest band
    wavelets: tuple[str, ...]  # of levels 1, 2, ...


def wavelet_pack(
    info: PackInfo, manifest: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]
) -> WaveletPack:
    """The pack of a manifest and its arrays, checked; PackError with the reason otherwise."""
    parts = common_parts(info, manifest, arrays)
    steps = array_of(arrays, "steps", np.int32)
    low_steps = array_of(arrays, "low_steps", np.int32)
    if (
        steps.ndim != 4
        or low_steps.shape != steps.shape[:1]
        or steps.min() < 1
        or low_steps.min() < 1
    ):
        raise PackError(f"pack {info.name}: bad quantization steps")
    columns = steps.shape[1] if "m2" in parts["programs"] else 1
    if parts["reciprocals"].shape != (len(steps), steps.shape[1] + 1):
        raise PackError(f"pack {info.name}: bad reciprocals")
    if len(parts["filter_steps"]) != len(steps) or parts["filter_steps"].shape[1] < columns:
        raise PackError(f"pack {info.name}: bad steps of filters")
    wavelets = manifest.get("wavelets", [CDF97] * steps.shape[1])
    if not isinstance(wavelets, list) or len(wavelets) != steps.shape[1]:
        raise PackError(f"pack {info.name}: bad wavelets")
    if unknown := [wavelet for wavelet in wavelets if wavelet not in WAVELETS]:
        raise PackError(f"pack {info.name}: unknown wavelet {unknown[0]!r}")
    return WaveletPack(**parts, steps=steps, low_steps=low_steps, wavelets=tuple(wavelets))


def wavelet_of(pack: ImagePack) -> WaveletPack:
    """The pack as one of this family; `PackError` if it is of another."""
    if not isinstance(pack, WaveletPack):
        raise PackError(f"pack {pack.info.name} is not of the wavelet family")
    return pack
