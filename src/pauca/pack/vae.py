"""A picture pack of the autoencoder family (spec/vae.md)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pauca.coding import Curves
from pauca.coding.curves import native_curves
from pauca.coding.mixture import PARTS
from pauca.errors import PackError
from pauca.pack.image import ImagePack, array_of, common_parts
from pauca.pack.store import PackInfo

FAMILY = "vae"
SIDE = 16  # pixels along the side of a block
BLOCK = 3 * SIDE * SIDE  # samples of a block
PROGRAMS = ("pre", "ha0", "ha1", "ha2", "hs", "c1", "gs", "post")
CHECKER, QUADTREE = 2, 4  # passes; the second has programs c2 and c3 as well
CURVE_FIELDS: tuple[tuple[str, Any], ...] = (
    ("values", np.uint16),
    ("reach", np.int32),
    ("shift", np.uint8),
    ("shares", np.uint16),
)


@dataclass(frozen=True)
class VaePack(ImagePack):
    """All that coding a picture by an autoencoder needs."""

    analysis: NDArray[np.int16]  # (latents, 768): the linear part of g_a, 2**-14
    synthesis: NDArray[np.int16]  # (768, latents): the linear part of g_s, 2**-14
    steps: NDArray[np.int32]  # (qualities, latents): 1/256 grey levels
    hyper_indexes: NDArray[np.uint8]  # (qualities, hyper-latents): tables of z
    curves: Curves | None  # of mixtures; None where y is coded by tables

    @property
    def heads(self) -> int:
        """Outputs of a head for each latent."""
        return 2 if self.curves is None else 3 * PARTS

    @property
    def passes(self) -> int:
        """In how many passes y is coded."""
        return QUADTREE if "c3" in self.programs else CHECKER

    @property
    def latents(self) -> int:
        """Channels of y."""
        return len(self.analysis)

    @property
    def hyper(self) -> int:
        """Channels of z."""
        return int(self.hyper_indexes.shape[1])


def vae_pack(
    info: PackInfo, manifest: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]
) -> VaePack:
    """The pack of a manifest and its arrays, checked; PackError with the reason otherwise."""
    parts = common_parts(info, manifest, arrays)
    analysis = array_of(arrays, "analysis", np.int16)
    synthesis = array_of(arrays, "synthesis", np.int16)
    steps = array_of(arrays, "steps", np.int32)
    indexes = array_of(arrays, "hyper_indexes", np.uint8)
    if analysis.ndim != 2 or analysis.shape[1] != BLOCK or len(analysis) % 4:
        raise PackError(f"pack {info.name}: bad analysis transform")
    if synthesis.shape != (BLOCK, len(analysis)) or steps.shape != (
        len(parts["filter_steps"]),
        len(analysis),
    ):
        raise PackError(f"pack {info.name}: bad synthesis transform or steps")
    if steps.min() < 1 or steps.max() >= 1 << 17:
        raise PackError(f"pack {info.name}: bad quantization steps")
    if indexes.ndim != 2 or len(indexes) != len(steps) or indexes.max() >= len(parts["tables"]):
        raise PackError(f"pack {info.name}: bad tables of hyper-latents")
    if missing := [name for name in PROGRAMS if name not in parts["programs"]]:
        raise PackError(f"pack {info.name}: no network {missing[0]}")
    return VaePack(
        **parts,
        analysis=analysis,
        synthesis=synthesis,
        steps=steps,
        hyper_indexes=indexes,
        curves=_curves(arrays),
    )


def _curves(arrays: Mapping[str, NDArray[Any]]) -> Curves | None:
    if not any(name.startswith("curves.") for name in arrays):
        return None
    curves = Curves(*(array_of(arrays, f"curves.{name}", kind) for name, kind in CURVE_FIELDS))
    native_curves(curves)  # checked once, and kept
    return curves


def vae_of(pack: ImagePack) -> VaePack:
    """The pack as one of this family; `PackError` if it is of another."""
    if not isinstance(pack, VaePack):
        raise PackError(f"pack {pack.info.name} is not of the autoencoder family")
    return pack
