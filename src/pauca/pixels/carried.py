"""ICC profile, EXIF and XMP in Pillow's images and writers <-> `Metadata`."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from pauca.container.metadata import EXIF_HEAD, Metadata

if TYPE_CHECKING:
    from PIL.Image import Image

# What Pillow can write into a format.
ICC, EXIF, XMP = "icc", "exif", "xmp"
HOLDS = {
    format: {ICC, EXIF, XMP} for format in ("PNG", "JPEG", "MPO", "WEBP", "TIFF", "AVIF", "HEIF")
}
SEGMENT = 65533  # bytes of a JPEG segment; an ICC profile may take 255 of them
JPEG_MAX = {ICC: 255 * (SEGMENT - 14), EXIF: SEGMENT - len(EXIF_HEAD), XMP: SEGMENT - 29}

# Tags of a TIFF file that say something of the picture, not of how the file stores it, and the
# EXIF and GPS directories.
_TIFF_TAGS = (270, 271, 272, 282, 283, 296, 305, 306, 315, 316, 33432)
_TIFF_DIRECTORIES = (0x8769, 0x8825)


def carried_metadata(image: Image) -> Metadata:
    """Return what a loaded image carries; EXIF that was read from a TIFF file is written anew,
    and bytes that are none are left out.
    """
    icc, exif, xmp = (image.info.get(key) for key in ("icc_profile", "exif", "xmp"))
    if exif is None and image.format == "TIFF":
        exif = _tiff_exif(image)
    if exif is None and "Raw profile type exif" in image.info:  # as ImageMagick wrote it in PNG
        exif = _raw_profile(image.info["Raw profile type exif"])
    tags = _bytes(exif).removeprefix(EXIF_HEAD)
    return Metadata(_bytes(icc), tags if tags[:2] in (b"II", b"MM") else b"", _bytes(xmp))


def held_metadata(metadata: Metadata, format: str) -> Metadata:
    """Return as much of `metadata` as Pillow can write into a file of this format."""
    fields = vars(metadata).items()
    kept = {name: data for name, data in fields if name in HOLDS.get(format, ())}
    if format in ("JPEG", "MPO"):
        kept = {name: data for name, data in kept.items() if len(data) <= JPEG_MAX[name]}
    if format in ("TIFF", "AVIF") and not _is_exif(metadata.exif):  # Pillow reads what it writes
        kept.pop(EXIF)
    if format == "PNG" and not _is_utf8(metadata.xmp):  # PNG has text
        kept.pop(XMP)
    return Metadata(**kept)


def save_options(metadata: Metadata, format: str) -> dict[str, Any]:
    """Return the options that make `Image.save` write `metadata`, all of which `format` holds."""
    options: dict[str, Any] = {}
    if metadata.icc:
        options["icc_profile"] = metadata.icc
    if metadata.exif:
        options["exif"] = EXIF_HEAD + metadata.exif
    if metadata.xmp and format == "PNG":
        from PIL.PngImagePlugin import PngInfo

        options["pnginfo"] = PngInfo()
        options["pnginfo"].add_itxt("XML:com.adobe.xmp", metadata.xmp.decode())
    elif metadata.xmp and format == "TIFF":
        options["exif"] = _tiff_tags(metadata)
    elif metadata.xmp:
        options["xmp"] = metadata.xmp
    return options


def _tiff_exif(image: Image) -> bytes | None:
    from PIL import Image as pillow

    tags, kept = image.getexif(), pillow.Exif()
    for tag in _TIFF_TAGS:
        if tag in tags:
            kept[tag] = tags[tag]
    for tag in _TIFF_DIRECTORIES:
        with contextlib.suppress(Exception):  # a parser of foreign bytes
            if directory := tags.get_ifd(tag):
                kept.get_ifd(tag).update(directory)
    with contextlib.suppress(Exception):  # what cannot be written again was damaged
        return kept.tobytes() if len(kept) else None
    return None


def _tiff_tags(metadata: Metadata) -> Any:
    from PIL import Image

    tags = Image.Exif()
    if metadata.exif:
        tags.load(EXIF_HEAD + metadata.exif)
    tags[700] = metadata.xmp
    return tags


def _raw_profile(text: str) -> bytes:
    with contextlib.suppress(ValueError, IndexError):
        return bytes.fromhex("".join(text.split("\n")[3:]))
    return b""


def _bytes(value: object) -> bytes:
    if isinstance(value, str):
        return value.encode()
    return bytes(value) if isinstance(value, bytes | bytearray) else b""


def _is_exif(data: bytes) -> bool:
    from PIL import Image

    try:
        Image.Exif().load(EXIF_HEAD + data)
    except Exception:  # a parser of foreign bytes
        return False
    return True


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
