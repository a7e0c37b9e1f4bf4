"""Pillow images -> 8-bit arrays, where that loses nothing or the caller allows it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, cast

import numpy as np

from pauca.errors import InputError, UnsupportedError
from pauca.pixels.picture import Pixels
from pauca.pixels.rows import ImageRows, can_be_rows

if TYPE_CHECKING:
    from PIL.Image import Image

DEEP = "picture has {} per sample; --to-8-bit (to_8_bit=True) keeps the upper 8"

# What Pillow converts exactly: palettes looked up, samples copied. RGBa and La are premultiplied.
_GREY = {"1": "L", "L": "L", "LA": "LA", "La": "LA"}
_COLOUR = {"P": "RGB", "RGB": "RGB", "RGBX": "RGB", "YCbCr": "RGB", "CMYK": "RGB"}
_BLENDED = {"PA": "RGBA", "RGBA": "RGBA", "RGBa": "RGBA"}
_MODES = _GREY | _COLOUR | _BLENDED


def image_pixels(image: Image, bits: int, to_8_bit: bool, as_rows: bool = False) -> Pixels:
    """Return the samples of an open image: uint8 (H, W), or (H, W, 2..4), as `Picture` has them.

    `bits`: what its file says of a sample. `to_8_bit`: more than 8 may lose their lower ones.
    `as_rows`: large pictures may be `ImageRows`, which need `image` to stay as it is.
    """
    if not image.width or not image.height:
        raise InputError("picture has no pixels")
    _check_still(image)
    _check_mode(image, bits, to_8_bit)
    image.load()
    if image.mode.startswith("I"):
        return _upper_byte(np.asarray(image))
    if as_rows and can_be_rows(image):
        return cast(Pixels, ImageRows(image))
    return np.array(_converted(image), dtype=np.uint8)


def _check_still(image: Image) -> None:
    # MPO is what cameras write: a JPEG with previews or a second view behind the picture.
    frames = getattr(image, "n_frames", 1)
    if frames > 1 and image.format != "MPO":
        raise UnsupportedError(
            f"picture has {frames} frames or pages; extract one first, e.g. as PNG"
        )


def _check_mode(image: Image, bits: int, to_8_bit: bool) -> None:
    mode = image.mode
    if mode == "F":
        raise UnsupportedError("picture has floating-point samples; convert it to 8 bits first")
    if mode == "CMYK" and image.info.get("icc_profile"):
        raise UnsupportedError(
            "picture is CMYK with an ICC profile; convert it to RGB by that profile first"
        )
    if mode not in _MODES and not mode.startswith("I"):
        raise UnsupportedError(f"picture is {mode}; convert it to 8-bit RGB or grey first")
    if bits > 8 and image.format == "JPEG2000" and not mode.startswith("I"):
        # Pillow 13 rounds these to 8 bits without a bound: white comes out black.
        raise UnsupportedError(f"picture has {bits} bits per sample; convert it to 8 bits first")
    deep = mode.startswith("I") or _declares_16bit(image)
    if (deep or bits > 8) and not to_8_bit:
        raise UnsupportedError(DEEP.format(f"{bits} bits" if bits > 8 else "more than 8 bits"))
    if deep and "transparency" in image.info:
        raise UnsupportedError("picture has 16 bits and a transparent colour; convert it first")


def _declares_16bit(image: Image) -> bool:
    # Pillow opens 16-bit RGB as mode RGB and drops the low byte without a word; what it is about
    # to unpack ("RGB;16B", or a PPM maxval) still says so before `load`. "BGR;16" is 5-6-5.
    for tile in getattr(image, "tile", ()):
        args = tile[3] if isinstance(tile[3], tuple) else (tile[3],)
        if args and isinstance(args[0], str) and re.search(r"(?<!BGR);16", args[0]):
            return True
        if tile[0].startswith("ppm") and isinstance(args[-1], int) and args[-1] > 255:
            return True
    return False


def _converted(image: Image) -> Image:
    """Return a loaded image in the mode that holds all of it: L, LA, RGB or RGBA."""
    target = _MODES[image.mode]
    if "transparency" in image.info and target in ("L", "RGB"):  # a palette, or one colour
        blended = image.convert("LA" if target == "L" else "RGBA")
        opaque = blended.getchannel("A").getextrema() == (255, 255)
        return blended.convert(target) if opaque else blended
    return image.convert(target)


def _upper_byte(samples: np.ndarray[tuple[int, ...], np.dtype[np.generic]]) -> Pixels:
    if samples.dtype.itemsize > 2 and (int(samples.min()) < 0 or int(samples.max()) > 0xFFFF):
        raise UnsupportedError("picture has 32 bits per sample; convert it to 8 bits first")
    return (samples.astype(np.uint16) >> 8).astype(np.uint8)
