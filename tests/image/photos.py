"""Real photographs that scikit-image ships, cut to sizes that test quickly."""

import numpy as np
import pytest
from numpy.typing import NDArray


def photo(height: int = 256, width: int = 384, grey: bool = False) -> NDArray[np.uint8]:
    data = pytest.importorskip("skimage.data")
    pixels = np.ascontiguousarray(data.chelsea()[20 : 20 + height, 30 : 30 + width])
    return np.ascontiguousarray(pixels[..., 1]) if grey else pixels
