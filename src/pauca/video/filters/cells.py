"""What a filter sees of a frame (spec/filter.md): cells of 2 x 2 luma samples, and the encoder's
setting.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pauca.errors import InputError
from pauca.pack.filters import CODECS, SIDE

QP_MAX = 63
PRESENT = 64


def side_channels(codec: str, qp: int) -> NDArray[np.uint8]:
    """The constant channels (SIDE,): for the codec that it was 4 qp and a flag, else zeros.

    Raises `InputError` on an unknown codec or a qp outside 0..63.
    """
    if codec not in CODECS:
        raise InputError(f"codec: one of {', '.join(CODECS)}")
    if not 0 <= qp <= QP_MAX:
        raise InputError(f"qp must be 0..{QP_MAX}")
    side = np.zeros(SIDE, np.uint8)
    at = 2 * CODECS.index(codec)
    side[at : at + 2] = 4 * qp, PRESENT
    return side
