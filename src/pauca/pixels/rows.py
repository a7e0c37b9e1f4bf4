"""Pictures whose rows are taken out of Pillow's memory when asked for, not all at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pauca.pixels.picture import Pixels

if TYPE_CHECKING:
    from PIL.Image import Image

LARGE = 1 << 25  # pixels from which on a second copy of a picture is too much


class ImageRows:
    """Rows of a loaded Pillow image of mode L or RGB, as those of an array."""

    dtype = np.dtype(np.uint8)

    def __init__(self, image: Image) -> None:
        self._image = image
        size = (image.height, image.width)
        self.shape: tuple[int, ...] = size if image.mode == "L" else (*size, 3)
        self.ndim = len(self.shape)

    def __getitem__(self, index: slice | tuple[slice, slice]) -> Pixels:
        """Consecutive rows, or rows and columns."""
        rows, columns = index if isinstance(index, tuple) else (index, slice(None))
        top, bottom, _ = rows.indices(self.shape[0])
        left, right, _ = columns.indices(self.shape[1])
        return np.asarray(self._image.crop((left, top, right, bottom)))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Pixels:
        """All of it."""
        return np.array(self._image, dtype=dtype or np.uint8)


def can_be_rows(image: Image) -> bool:
    """Whether an opened image is large, and of a kind that `ImageRows` serves."""
    large = image.width * image.height > LARGE
    return large and image.mode in ("L", "RGB") and "transparency" not in image.info
