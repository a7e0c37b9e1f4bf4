"""How far decoders of a stream are from the original: stated in chunk `f`, and checked."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pauca.container.chunks import Chunk
from pauca.container.fidelity import (
    FIDELITY,
    FIDELITY_BYTES,
    MAX_TILES,
    TILE,
    Fidelity,
    encode_fidelity,
)
from pauca.errors import InputError
from pauca.metrics.compare import Comparison, tile_psnr

PLACEHOLDER = Chunk(FIDELITY, bytes(FIDELITY_BYTES))  # for streams to be measured

# Pixels are the same everywhere; the last digit of a logarithm and the order of a sum are not.
PSNR_TOLERANCE = 0.0101  # dB, one unit of the chunk
MS_SSIM_TOLERANCE = 5e-6


def fidelity_chunk(found: Comparison) -> Chunk:
    """Return the chunk that states what was found between a picture and what its stream gives."""
    fidelity = Fidelity(found.psnr, found.ms_ssim, found.tile_psnr, found.tile)
    return Chunk(FIDELITY, encode_fidelity(fidelity))


def check_size(pixels: NDArray[np.uint8]) -> None:
    """Raise `InputError` where the chunk cannot name every tile of the picture."""
    if max(pixels.shape[:2]) > TILE * MAX_TILES:
        raise InputError(f"fidelity is stated of pictures up to {TILE * MAX_TILES} pixels a side")


def untrue(
    stated: Fidelity, found: Comparison, original: NDArray[np.uint8], decoded: NDArray[np.uint8]
) -> str | None:
    """Return what a stream states falsely of its distance from `original`, or None.

    `found`: the comparison of the two pictures. A tile as bad as the worst is as good an answer.
    """
    x, y = stated.tile
    tile = float(tile_psnr(*(p[y : y + TILE, x : x + TILE] for p in (original, decoded))).min())
    if not _close(stated.ms_ssim, found.ms_ssim, MS_SSIM_TOLERANCE):
        return f"MS-SSIM {stated.ms_ssim:.6f} where it is {found.ms_ssim:.6f}"
    for name, said, true in (
        ("PSNR", stated.psnr, found.psnr),
        ("worst tile", stated.tile_psnr, found.tile_psnr),
        (f"tile at ({x}, {y})", stated.tile_psnr, tile),
    ):
        if not _close(said, true, PSNR_TOLERANCE):
            return f"{name} {said:.2f} dB where it is {true:.2f} dB"
    return None


def _close(a: float, b: float, tolerance: float) -> bool:
    return a == b or abs(a - b) <= tolerance  # equal where both are infinite
