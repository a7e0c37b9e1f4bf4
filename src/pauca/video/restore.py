"""What a neural filter is to the codec, and what fits one to a scene."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Planes = Sequence[NDArray[np.uint8]]
Sample = tuple[Planes, Planes, int]  # original, decoded, QP

SLOPE = 1.35  # d ln(squared error) / d ln(rate) of encoders at usual rates: 4 dB for twice the rate


class Filter(Protocol):
    """A filter of decoded frames; planes are uint8, y (H, W), u and v (ceil(H/2), ceil(W/2))."""

    @property
    def scale(self) -> int:
        """1, or 2 where the result has twice the width and height."""

    @property
    def pack_id(self) -> bytes:
        """Eight bytes that name the filter: the start of its pack's hash."""

    def updated(self, payload: bytes) -> Filter:
        """Return the filter with an update; a `PaucaError` if `payload` is none of it."""

    def apply(
        self,
        y: NDArray[np.uint8],
        u: NDArray[np.uint8],
        v: NDArray[np.uint8],
        qp: int,
        threads: int = 1,
        codec: str = "h264",
    ) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]:
        """Return the restored planes; `qp`, 0..63, is what `codec` was set to, on its own scale."""


class Fit(Protocol):
    """Fits a filter to a scene."""

    def __call__(
        self,
        filter: Any,
        scene: Iterable[Sample],
        rate_weight: float,
        budget_seconds: float,
        codec: str,
    ) -> bytes | None:
        """Return an update, b"" for the filter as it is, None for no filter: what costs least.

        The cost is the squared error of all samples of all planes plus `rate_weight` times bits.
        """


def price(squared_error: float, bits: float) -> float:
    """Return the squared error that a bit is worth where `bits` gave `squared_error`.

    It is the slope of the encoder's own curve: what one more bit would have bought there.
    """
    return SLOPE * squared_error / max(bits, 1.0)


def squared_error(a: Planes, b: Planes) -> int:
    """Return the sum of squared differences of all samples of all planes."""
    total = 0
    for x, y in zip(a, b, strict=True):
        difference = x.astype(np.int32) - y
        total += int(np.vdot(difference, difference))
    return total
