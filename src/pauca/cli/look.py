"""How far the two looks of a decoded picture are apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pauca.cli import files

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BOUND = 20.0  # dB of the worst tile between both looks, below which a warning says so


def compare_looks(
    faithful: NDArray[np.uint8], natural: NDArray[np.uint8], bound: float | None, input: str
) -> None:
    """Warn where the natural look is far from the faithful one: what it adds is invented."""
    from pauca.metrics.compare import tile_psnr

    bound = BOUND if bound is None else bound
    if natural.ndim == 3:  # alpha is the same
        faithful, natural = faithful[..., :3], natural[..., :3]
    worst = float(tile_psnr(faithful, natural).min())
    if worst < bound:
        files.warn(
            f"{input}: the natural look is {worst:.1f} dB from the faithful one in a tile of"
            f" 64 x 64, below {bound:g} dB"
        )
