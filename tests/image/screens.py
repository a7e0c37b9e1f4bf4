"""Graphics that tests draw themselves, and photographs among them."""

import numpy as np
from image.photos import photo
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Pixels = NDArray[np.uint8]

PHOTO_AT, PHOTO_SIZE = (120, 150), (150, 230)  # top, left; height, width


def screen(height: int = 384, width: int = 480, seed: int = 0) -> Pixels:
    """A window with a bar, buttons and lines of antialiased text, (H, W, 3)."""
    rng = np.random.default_rng(seed)
    image = Image.new("RGB", (width, height), (246, 246, 250))
    draw = ImageDraw.Draw(image)
    face = ImageFont.load_default(13)
    draw.rectangle((0, 0, width, 22), (40, 90, 160))
    draw.text((6, 4), "Pauca sed matura", fill="white", font=face)
    for y in range(28, height, 17):
        text = "".join(chr(c) for c in rng.integers(97, 123, width // 9))
        colour = tuple(int(v) for v in rng.integers(0, 120, 3))
        draw.text((6, y), text.replace("e", " "), fill=colour, font=face)
    draw.rounded_rectangle((width - 90, height - 40, width - 10, height - 10), 5, (210, 60, 40))
    return np.asarray(image)


def mixed(height: int = 384, width: int = 480) -> Pixels:
    """`screen` with a photograph in it."""
    pixels = screen(height, width).copy()
    (top, left), size = PHOTO_AT, PHOTO_SIZE
    pixels[top : top + size[0], left : left + size[1]] = photo(*size)
    return pixels


def text_only(pixels: Pixels) -> NDArray[np.bool_]:
    """Pixels (H, W) of `mixed` that are at least two blocks away from the photograph."""
    (top, left), (high, wide) = PHOTO_AT, PHOTO_SIZE
    mask = np.ones(pixels.shape[:2], bool)
    mask[top - 64 : top + high + 64, left - 64 : left + wide + 64] = False
    return mask
