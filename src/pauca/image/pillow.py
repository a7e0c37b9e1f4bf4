"""Pillow plugin: after `import pauca.image.pillow`, Pillow opens and saves `.pauca` pictures.

    from PIL import Image
    import pauca.image.pillow

    image = Image.open("photo.pauca")      # size, mode and info alone; samples on first use
    image.save("small.pauca", quality=30)

Modes are L, LA, RGB and RGBA; `info` has `icc_profile`, `exif` (also `getexif()`) and `xmp`.

Options of `save`: `quality` 0..100 (50), `effort` 1..9 (3), `model` (name, folder or loaded pack),
`to_8_bit`, `keep_hidden`, `content`, as in `pauca.encode`; `icc_profile`, `exif`, `xmp` instead of
what is in `info`, b"" for none. Samples are never turned. Other modes are converted or refused as
by `pauca.encode`.

A damaged file, or a picture that cannot be coded, is an `OSError`; a bad option is a `ValueError`.
`Image.MAX_IMAGE_PIXELS` holds instead of `Limits.max_pixels`. Streams of packs that are not shipped
need the folders of these in `PACKS`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from PIL import Image, ImageFile

from pauca.container.chunks import Chunk, scan_stream
from pauca.container.head import read_head
from pauca.container.headers import decode_image_header
from pauca.container.identify import Kind, identify
from pauca.container.metadata import EXIF_HEAD, NAMES, Metadata, decode_metadata
from pauca.errors import InputError, PaucaError
from pauca.image.coded import EncodeOptions
from pauca.image.kind import content_of
from pauca.image.parse import ALPHA, CODED
from pauca.image.picture import decode_picture, encode_picture
from pauca.limits import Limits
from pauca.pack.registry import model_of
from pauca.pixels.files import read_picture
from pauca.pixels.picture import Picture

FORMAT, EXTENSION, MIME = "PAUCA", ".pauca", "image/x-pauca"
PACKS: list[Path] = []  # folders of model packs; Pillow cannot hand options to a reader

_MODES = {(1, False): "L", (1, True): "LA", (3, False): "RGB", (3, True): "RGBA"}
_UNBOUNDED = Limits(max_pixels=2**62)  # Pillow has its own bound, and checks it after `_open`


class PaucaImageFile(ImageFile.ImageFile):
    """A picture stream; what stands before its payload is read on opening, the rest on `load`."""

    format = FORMAT
    format_description = "pauca picture"

    def _open(self) -> None:
        assert self.fp is not None
        with _pillow_errors():
            chunks, next_type = read_head(self.fp, ("I", *NAMES), CODED[1:], _UNBOUNDED)
            header = decode_image_header(chunks[0].payload, _UNBOUNDED)
            self.info.update(_info(chunks))
        self._size = (header.width, header.height)
        self._mode = _MODES[header.channels, next_type == ALPHA]
        self.tile = [_tile(self._size)]

    def verify(self) -> None:
        """Check every checksum of the file, without decoding it; `OSError` if one is wrong."""
        assert self.fp is not None
        with _pillow_errors():
            self.fp.seek(0)
            for _ in scan_stream(self.fp.read(), _UNBOUNDED):
                pass
        super().verify()


class PaucaDecoder(ImageFile.PyDecoder):
    """Decodes a whole stream."""

    _pulls_fd = True

    def decode(self, buffer: object) -> tuple[int, int]:
        """Decode the file into the image; `OSError` if it is damaged or its pack is missing."""
        assert self.fd is not None and self.im is not None
        width, height = self.im.size
        self.fd.seek(0)
        with _pillow_errors():
            limits = Limits(max_pixels=width * height)  # which Pillow has allowed
            pixels = decode_picture(self.fd.read(), limits, PACKS).pixels
        channels = Image.getmodebands(self.mode)
        if pixels.shape[:2] != (height, width) or pixels.size != width * height * channels:
            raise OSError("file has changed since it was opened")
        self.set_as_raw(pixels.tobytes())
        return -1, 0


def _save(image: Image.Image, file: IO[bytes], filename: str | bytes) -> None:
    options: dict[str, Any] = image.encoderinfo
    model = options.get("model", "img-psnr")
    coding = _coding(options)
    with _pillow_errors():
        picture = read_picture(image, _UNBOUNDED, options.get("to_8_bit", False))
    picture = Picture(picture.pixels, _metadata(picture.metadata, options))
    hidden = options.get("keep_hidden", False)
    with _pillow_errors(ValueError):
        content = content_of(options.get("content", "auto"))
        data = encode_picture(picture, model_of(model), coding, keep_hidden=hidden, content=content)
    file.write(data)


def _coding(options: dict[str, Any]) -> EncodeOptions:
    try:
        return EncodeOptions(float(options.get("quality", 50)), int(options.get("effort", 3)))
    except TypeError as error:
        raise ValueError(f"quality and effort are numbers: {error}") from error


def _metadata(own: Metadata, options: dict[str, Any]) -> Metadata:
    icc, exif, xmp = (options.get(key) for key in ("icc_profile", "exif", "xmp"))
    if isinstance(exif, Image.Exif):
        exif = exif.tobytes()
    if isinstance(xmp, str):
        xmp = xmp.encode()
    return Metadata(
        own.icc if icc is None else icc,
        own.exif if exif is None else exif.removeprefix(EXIF_HEAD),
        own.xmp if xmp is None else xmp,
    )


def _info(chunks: list[Chunk]) -> dict[str, bytes]:
    metadata = decode_metadata(chunks)
    exif = EXIF_HEAD + metadata.exif if metadata.exif else b""
    fields = {"icc_profile": metadata.icc, "exif": exif, "xmp": metadata.xmp}
    return {key: data for key, data in fields.items() if data}


def _tile(size: tuple[int, int]) -> Any:
    tile = getattr(ImageFile, "_Tile", lambda *fields: fields)  # a plain tuple before Pillow 11
    return tile("pauca", (0, 0, *size), 0, ())


@contextlib.contextmanager
def _pillow_errors(bad_input: type[Exception] = OSError) -> Iterator[None]:
    try:
        yield
    except InputError as error:
        raise bad_input(str(error)) from error
    except PaucaError as error:
        raise OSError(str(error)) from error


def _accept(prefix: bytes) -> bool:
    return identify(prefix) is Kind.IMAGE


Image.register_open(FORMAT, PaucaImageFile, _accept)
Image.register_decoder("pauca", PaucaDecoder)
Image.register_save(FORMAT, _save)
Image.register_extension(FORMAT, EXTENSION)
Image.register_mime(FORMAT, MIME)
