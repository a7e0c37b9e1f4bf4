"""Picture files and objects <-> 8-bit arrays and what surrounds them, through Pillow."""

import contextlib
import io
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
from numpy.typing import NDArray

from pauca.container.files import PathLike, atomic_write
from pauca.container.identify import identify
from pauca.container.metadata import Metadata
from pauca.errors import InputError, LimitError, MissingExtraError, PaucaError, UnsupportedError
from pauca.limits import Limits
from pauca.pixels.carried import carried_metadata, held_metadata, save_options
from pauca.pixels.depth import sample_bits
from pauca.pixels.modes import DEEP, image_pixels
from pauca.pixels.picture import Picture, Pixels, colours_of, orientation, turn, with_metadata

if TYPE_CHECKING:
    from PIL.Image import Image

# Every reader is attack surface, and EPS would even start Ghostscript: only what holds pictures.
_OPEN_FORMATS = (
    "PNG", "JPEG", "WEBP", "TIFF", "PPM", "BMP", "GIF", "AVIF", "JPEG2000", "QOI", "TGA",
)  # fmt: skip
_bound = threading.RLock()  # Pillow's bound is one for all threads
_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs")

# Formats whose writer refuses an alpha channel, or writes one that no reader takes for it.
_NO_ALPHA = ("JPEG", "MPO", "PPM", "BMP", "DIB", "PCX", "EPS", "MSP", "XBM")
_NO_SOFT_ALPHA = ("GIF",)
_OWN_SIZES = ("ICO", "ICNS")  # their writers make pictures of other sizes
_GREY_ALPHA = ("PNG", "TIFF", "TGA", "JPEG2000")

# A decoded picture should lose nothing more, or as little as the format allows.
_SAVE_OPTIONS: dict[str, dict[str, object]] = {
    "JPEG": {"quality": 95, "subsampling": 0},
    "MPO": {"quality": 95, "subsampling": 0},
    "WEBP": {"lossless": True},
    "AVIF": {"quality": 95, "subsampling": "4:4:4"},
}


def read_picture(
    source: object,
    limits: Limits | None = None,
    to_8_bit: bool = False,
    as_rows: bool = False,
) -> Picture:
    """Return the picture in a path, array, Pillow image or binary file, its samples as stored.

    Arrays are uint8 (H, W), or (H, W, C) of 2 (grey, alpha), 3 (RGB) or 4 (RGB, alpha) channels.
    `to_8_bit` keeps the upper 8 of 16 bits, which are refused otherwise. `as_rows`: the pixels of a
    large file may be `ImageRows` instead of an array. Raises `InputError`
    (missing, corrupt, not a picture), `UnsupportedError` (deep, animated, colours that need a
    profile), `MissingExtraError` (HEIF), `LimitError` (too many pixels).
    """
    from PIL import Image

    limits = limits or Limits()
    if isinstance(source, np.ndarray):
        return Picture(check_pixels(source, limits, to_8_bit))
    if isinstance(source, Image.Image):
        with _named_errors("picture"):
            return _from_image(source, limits, to_8_bit)
    if isinstance(source, str | os.PathLike):
        try:
            with open(source, "rb") as file:
                limits.check_bytes(os.fstat(file.fileno()).st_size)
                return _read_file(file, limits, str(Path(source).name), to_8_bit, as_rows)
        except OSError as error:
            raise InputError(f"cannot read {source}: {error.strerror or error}") from error
        except ValueError as error:  # a name that holds a zero
            raise InputError(f"cannot read {source!r}: {error}") from error
    if hasattr(source, "read"):
        data = bytes(source.read(limits.max_bytes + 1))
        limits.check_bytes(len(data))
        return _read_file(io.BytesIO(data), limits, "input", to_8_bit, as_rows)
    raise InputError(f"cannot read a picture from {type(source).__name__}")


def read_image(
    source: object, limits: Limits | None = None, alpha: bool = False, to_8_bit: bool = False
) -> Pixels:
    """Return the pixels of a picture alone: (H, W) or (H, W, 3), turned as its EXIF says.

    With `alpha` a picture that is transparent somewhere gives (H, W, 4), else it is refused.
    Raises what `read_picture` raises.
    """
    picture = read_picture(source, limits, to_8_bit)
    pixels = without_opaque(turn(picture.pixels, orientation(picture.metadata.exif)))
    if pixels.ndim == 3 and pixels.shape[2] != 3 and not alpha:
        raise UnsupportedError("picture has transparency; flatten it onto a background first")
    return pixels


def without_opaque(pixels: Pixels) -> Pixels:
    """Pixels as (H, W) or (H, W, 3), or (H, W, 4) if something of them is transparent."""
    if pixels.ndim == 2 or pixels.shape[2] == 3:
        return pixels
    if int(pixels[..., -1].min()) == 255:
        return colours_of(pixels)
    return pixels if pixels.shape[2] == 4 else pixels[..., [0, 0, 0, 1]]


def write_image(
    path: PathLike, pixels: Pixels, force: bool = False, limits: Limits | None = None
) -> None:
    """Write `pixels` to `path` whole or not at all, in the format of its extension.

    Raises `UnsupportedError` for an extension that Pillow cannot write, `InputError` otherwise.
    """
    atomic_write(path, encode_picture(pixels, Path(path).suffix, limits), force)


def encode_picture(
    pixels: Pixels,
    suffix: str = ".png",
    limits: Limits | None = None,
    metadata: Metadata | None = None,
) -> bytes:
    """Return `pixels` as a file of the format that `suffix` (".png", ".jpg", ...) names.

    It holds as much of `metadata` as Pillow can write there, see `held_metadata`; where the EXIF
    orientation does not fit in, the samples are turned.
    """
    from PIL import Image

    format, metadata = picture_format(suffix), metadata or Metadata()
    held = held_metadata(metadata, format)
    picture = turned_for(Picture(check_pixels(pixels, limits), metadata), format)
    image = Image.fromarray(_alpha_for(format, picture.pixels))
    if "A" in image.mode and format in _NO_ALPHA:
        raise UnsupportedError(f"{format} cannot hold transparency; use .png, .webp or .tif")
    if image.mode == "LA" and format not in _GREY_ALPHA:
        image = image.convert("RGBA")
    options = _SAVE_OPTIONS.get(format, {}) | save_options(held, format)
    buffer = io.BytesIO()
    try:
        image.save(buffer, format, **options)
    except Exception as error:  # a writer may raise anything on a mode or size it cannot hold
        raise UnsupportedError(f"cannot write this picture as {format}: {_line(error)}") from error
    return buffer.getvalue()


def turned_for(picture: Picture, format: str) -> Picture:
    """A picture with the metadata that `format` holds; turned if its orientation is not in it."""
    return with_metadata(picture, held_metadata(picture.metadata, format))


def _alpha_for(format: str, pixels: Pixels) -> Pixels:
    """Pixels without an alpha that says nothing, where the format has none."""
    if pixels.ndim == 2 or pixels.shape[2] == 3:
        return pixels
    alpha = pixels[..., -1]
    if format in _NO_SOFT_ALPHA and not np.isin(alpha, (0, 255)).all():
        raise UnsupportedError(f"{format} cannot hold what is half transparent; use .png or .webp")
    return colours_of(pixels) if format in _NO_ALPHA and alpha.min() == 255 else pixels


def picture_format(suffix: str) -> str:
    """Return Pillow's name of the format for `suffix`; `UnsupportedError` if it cannot write it."""
    from PIL import Image

    format = Image.registered_extensions().get(suffix.lower())
    if format in (None, "PAUCA", *_OWN_SIZES) or format not in Image.SAVE:  # ours: a plugin
        raise UnsupportedError(
            f"cannot write pictures as {suffix or 'a file without extension'!r}; use .png"
        )
    return format


def check_pixels(
    array: NDArray[np.generic], limits: Limits | None = None, to_8_bit: bool = False
) -> Pixels:
    """Return `array` as contiguous uint8 (H, W) or (H, W, 2..4), or raise a line that says why not.

    With `to_8_bit`, uint16 gives its upper bytes.
    """
    if array.ndim != 2 and (array.ndim != 3 or array.shape[2] not in (2, 3, 4)):
        raise InputError(f"array of shape {array.shape}; (H, W) or (H, W, 2..4) expected")
    if array.dtype == np.uint16:
        if not to_8_bit:
            raise UnsupportedError(DEEP.format("uint16").replace("picture", "array"))
        array = array.astype(np.uint16) >> 8
    elif array.dtype != np.uint8:
        raise UnsupportedError(f"array of {array.dtype}; convert it to uint8, 0..255")
    height, width = array.shape[:2]
    if not height or not width:
        raise InputError(f"array of shape {array.shape} has no pixels")
    (limits or Limits()).check_pixels(width, height)
    return np.ascontiguousarray(array, dtype=np.uint8)


def _read_file(file: BinaryIO, limits: Limits, name: str, to_8_bit: bool, as_rows: bool) -> Picture:
    from PIL import Image

    Image.init()
    formats = [format for format in _OPEN_FORMATS if format in Image.OPEN]
    head = file.read(64)
    if identify(head):
        raise InputError(f"{name} is a pauca stream already; decode it first")
    file.seek(0)
    with _named_errors(name):
        if _is_heif(head):
            with _open_heif(file, name) as image:
                return _from_image(image, limits, to_8_bit)
        with _own_bound(limits):
            opened = Image.open(file, formats=formats)
        with opened as image:
            return _from_image(image, limits, to_8_bit, as_rows)


def _is_heif(head: bytes) -> bool:
    """Whether the brands of a file, main or compatible, say HEVC and not AVIF."""
    brands = [head[at : at + 4] for at in (8, *range(16, len(head), 4))]
    return head[4:8] == b"ftyp" and b"avif" not in brands and any(b in _HEIF_BRANDS for b in brands)


def _open_heif(file: BinaryIO, name: str) -> "Image":
    try:
        from pillow_heif import HeifImageFile
    except ImportError as error:
        raise MissingExtraError(f'{name} is HEIF: pip install "pauca[heif]"') from error
    image: Image = HeifImageFile(file)  # type: ignore[no-untyped-call]
    return image


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
        if "MAX_TEXT" in str(error):  # of a PNG file
            raise LimitError(f"{name}: its text or XMP is larger than this reads") from error
        raise InputError(f"{name} is corrupt or truncated: {_line(error)}") from error


@contextlib.contextmanager
def _own_bound(limits: Limits) -> Iterator[None]:
    """Let Pillow open what `limits` allow, which are checked before any pixel is read."""
    from PIL import Image

    with _bound:
        usual = Image.MAX_IMAGE_PIXELS
        if usual is not None:
            Image.MAX_IMAGE_PIXELS = max(usual, limits.max_pixels)
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = usual


def _from_image(image: "Image", limits: Limits, to_8_bit: bool, as_rows: bool = False) -> Picture:
    limits.check_pixels(*image.size)
    pixels = image_pixels(image, _bits(image), to_8_bit, as_rows)
    return Picture(pixels, carried_metadata(image))


def _bits(image: "Image") -> int:
    """Return what the file of an image says of its depth; 8 where that is not known any more."""
    bits = image.info.get("bit_depth", 8)  # of HEIF
    file = getattr(image, "fp", None)
    if image.format in ("JPEG2000", "AVIF") and file is not None:
        with contextlib.suppress(OSError, ValueError):  # closed, or a pipe
            place = file.tell()
            bits = sample_bits(file)
            file.seek(place)
    return bits if isinstance(bits, int) else 8


def _line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
