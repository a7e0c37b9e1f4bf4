"""Picture files and objects <-> 8-bit RGB or grey arrays, through Pillow."""

import contextlib
import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
from numpy.typing import NDArray

from pauca.container.files import PathLike, atomic_write
from pauca.container.identify import identify
from pauca.errors import InputError, LimitError, PaucaError, UnsupportedError
from pauca.limits import Limits

if TYPE_CHECKING:
    from PIL.Image import Image

Pixels = NDArray[np.uint8]  # (H, W) grey or (H, W, 3) RGB; (H, W, 4) RGBA where alpha is allowed

# Every reader is attack surface, and EPS would even start Ghostscript: only what holds pictures.
_OPEN_FORMATS = (
    "PNG", "JPEG", "WEBP", "TIFF", "PPM", "BMP", "GIF", "AVIF", "JPEG2000", "QOI", "TGA", "HEIF",
)  # fmt: skip

# A decoded picture should lose nothing more, or as little as the format allows.
_SAVE_OPTIONS: dict[str, dict[str, object]] = {
    "JPEG": {"quality": 95, "subsampling": 0},
    "WEBP": {"lossless": True},
    "AVIF": {"quality": 95, "subsampling": "4:4:4"},
}


def read_image(source: object, limits: Limits | None = None, alpha: bool = False) -> Pixels:
    """Return the pixels of a path, array, Pillow image or binary file: uint8, (H, W) or (H, W, 3).

    With `alpha` a picture with transparency gives (H, W, 4), else it is refused. EXIF orientation
    is applied. Raises `InputError` (missing, corrupt, not a picture),
    `UnsupportedError` (alpha, CMYK, 16-bit, 1-bit, animated), `LimitError` (too many pixels).
    """
    from PIL import Image

    limits = limits or Limits()
    if isinstance(source, np.ndarray):
        return check_pixels(source, limits, alpha)
    if isinstance(source, Image.Image):
        with _named_errors("picture"):
            return _image_to_pixels(source, limits, alpha)
    if isinstance(source, str | os.PathLike):
        try:
            with open(source, "rb") as file:
                limits.check_bytes(os.fstat(file.fileno()).st_size)
                return _read_file(file, limits, str(Path(source).name), alpha)
        except OSError as error:
            raise InputError(f"cannot read {source}: {error.strerror or error}") from error
    if hasattr(source, "read"):
        data = bytes(source.read(limits.max_bytes + 1))
        limits.check_bytes(len(data))
        return _read_file(io.BytesIO(data), limits, "input", alpha)
    raise InputError(f"cannot read a picture from {type(source).__name__}")


def write_image(
    path: PathLike, pixels: Pixels, force: bool = False, limits: Limits | None = None
) -> None:
    """Write `pixels` to `path` whole or not at all, in the format of its extension.

    Raises `UnsupportedError` for an extension that Pillow cannot write, `InputError` otherwise.
    """
    atomic_write(path, encode_picture(pixels, Path(path).suffix, limits), force)


def encode_picture(pixels: Pixels, suffix: str = ".png", limits: Limits | None = None) -> bytes:
    """Return `pixels` as a file of the format that `suffix` (".png", ".jpg", ...) names."""
    from PIL import Image

    format = picture_format(suffix)
    image = Image.fromarray(check_pixels(pixels, limits, alpha=True))
    buffer = io.BytesIO()
    try:
        image.save(buffer, format, **_SAVE_OPTIONS.get(format, {}))
    except Exception as error:  # a writer may raise anything on a mode or size it cannot hold
        raise UnsupportedError(f"cannot write this picture as {format}: {_line(error)}") from error
    return buffer.getvalue()


def picture_format(suffix: str) -> str:
    """Return Pillow's name of the format for `suffix`; `UnsupportedError` if it cannot write it."""
    from PIL import Image

    format = Image.registered_extensions().get(suffix.lower())
    if format is None or format not in Image.SAVE:
        raise UnsupportedError(
            f"cannot write pictures as {suffix or 'a file without extension'!r}; use .png"
        )
    return format


def check_pixels(
    array: NDArray[np.generic], limits: Limits | None = None, alpha: bool = False
) -> Pixels:
    """Return `array` as contiguous uint8 (H, W), (H, W, 3) or, with `alpha`, (H, W, 4), or raise a
    line that says why not.
    """
    if array.ndim == 3 and array.shape[2] in (2, 4) and not (alpha and array.shape[2] == 4):
        raise UnsupportedError("array has an alpha channel; flatten it to (H, W) or (H, W, 3)")
    if array.ndim != 2 and (array.ndim != 3 or array.shape[2] not in (3, 4)):
        raise InputError(f"array of shape {array.shape}; (H, W) or (H, W, 3) expected")
    if array.dtype != np.uint8:
        raise UnsupportedError(f"array of {array.dtype}; convert it to uint8, 0..255")
    height, width = array.shape[:2]
    if not height or not width:
        raise InputError(f"array of shape {array.shape} has no pixels")
    (limits or Limits()).check_pixels(width, height)
    return np.ascontiguousarray(array, dtype=np.uint8)


def _read_file(file: BinaryIO, limits: Limits, name: str, alpha: bool) -> Pixels:
    from PIL import Image

    Image.init()
    formats = [format for format in _OPEN_FORMATS if format in Image.OPEN]
    if identify(file.read(16)):
        raise InputError(f"{name} is a pauca stream already; decode it first")
    file.seek(0)
    with _named_errors(name), Image.open(file, formats=formats) as image:
        return _image_to_pixels(image, limits, alpha)


@contextlib.contextmanager
def _named_errors(name: str) -> Iterator[None]:
    from PIL import Image, UnidentifiedImageError

    try:
        yield
    except PaucaError:
        raise
    except UnidentifiedImageError as error:
        raise InputError(f"{name} is not a picture this version can read") from error
    except Image.DecompressionBombError as error:
        raise LimitError(f"{name}: {_line(error)}") from error
    except Exception as error:  # a parser of foreign bytes: any exception means bad bytes
        raise InputError(f"{name} is corrupt or truncated: {_line(error)}") from error


def _image_to_pixels(image: "Image", limits: Limits, alpha: bool) -> Pixels:
    from PIL import ImageOps

    limits.check_pixels(*image.size)
    if not image.width or not image.height:
        raise InputError("picture has no pixels")
    _check_still(image)
    _check_8bit(image)
    image.load()
    with contextlib.suppress(Exception):  # EXIF that cannot be parsed says nothing of orientation
        image = ImageOps.exif_transpose(image)
    return np.asarray(_drop_opaque_alpha(image, alpha), dtype=np.uint8)


def _check_still(image: "Image") -> None:
    # MPO is what cameras write: a JPEG with previews or a second view behind the picture.
    frames = getattr(image, "n_frames", 1)
    if frames > 1 and image.format != "MPO":
        raise UnsupportedError(
            f"picture has {frames} frames or pages; extract one first, e.g. as PNG"
        )


def _check_8bit(image: "Image") -> None:
    if image.mode == "1":
        raise UnsupportedError("picture has 1 bit per pixel; convert it to 8-bit grey first")
    if image.mode[0] in "IF" or _declares_16bit(image):
        raise UnsupportedError(
            "picture has more than 8 bits per sample; convert it to 8-bit RGB or grey first"
        )
    if image.mode not in ("L", "RGB", "P", "PA", "LA", "RGBA"):
        raise UnsupportedError(f"picture is {image.mode}; convert it to 8-bit RGB or grey first")


def _declares_16bit(image: "Image") -> bool:
    # Pillow opens 16-bit RGB as mode RGB and drops the low byte without a word; what it is about
    # to unpack ("RGB;16B", or a PPM maxval) still says so before `load`.
    for tile in getattr(image, "tile", ()):
        args = tile[3] if isinstance(tile[3], tuple) else (tile[3],)
        if args and isinstance(args[0], str) and ";16" in args[0]:
            return True
        if tile[0].startswith("ppm") and isinstance(args[-1], int) and args[-1] > 255:
            return True
    return False


def _drop_opaque_alpha(image: "Image", keep: bool) -> "Image":
    # Only conversions that lose nothing: a palette looked up, an alpha that hides nothing.
    if image.mode in ("PA", "LA", "RGBA") or "transparency" in image.info:
        image = image.convert("LA" if image.mode in ("L", "LA") else "RGBA")
        if image.getchannel("A").getextrema() != (255, 255):
            if keep:
                return image.convert("RGBA")
            raise UnsupportedError(
                "picture has transparency; flatten it onto a background colour first"
            )
    return image.convert("L" if image.mode in ("L", "LA") else "RGB")


def _line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
