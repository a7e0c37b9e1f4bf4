"""Planes of video frames as arrays, without a copy."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def plane_view(plane: Any) -> NDArray[np.uint8]:
    """The (height, width) samples of a PyAV plane, writable where the frame is."""
    rows: NDArray[np.uint8] = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)
    return rows[: plane.height, : plane.width]
