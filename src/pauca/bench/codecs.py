"""The codecs that the picture bench compares: ours, and the peers through their own libraries.

A size is that of the complete file, headers and all, as it would lie on disk.
"""

import functools
import io
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pauca.errors import InputError, MissingExtraError

Pixels = NDArray[np.uint8]  # (H, W, 3) RGB

_WHOLE = tuple(float(q) for q in range(101))


@dataclass(frozen=True)
class Codec:
    """A lossy picture codec with one dial.

    `encode(pixels, quality)` returns the whole file for uint8 (H, W, 3) RGB, `decode(file)` the
    pixels. `qualities` are the bench's settings and `scale` every setting a search may try, both
    from the smallest file to the largest; `settings` says in words what else was chosen.
    """

    name: str
    settings: str
    qualities: tuple[float, ...]
    scale: tuple[float, ...]
    encode: Callable[[Pixels, float], bytes]
    decode: Callable[[bytes], Pixels]


@functools.cache
def find_codec(name: str) -> Codec:
    """Return the codec of this name, ready to run.

    Names: those in `PEERS`, `pauca`, `pauca:PACK` and `pauca:PACK@EFFORT`, where PACK is a name or
    folder. Raises `InputError` for other names, `MissingExtraError` where a library is not
    installed, `PackError` for an unknown pack.
    """
    if name == "pauca" or name.startswith("pauca:"):
        return _pauca(name)
    if name not in PEERS:
        raise InputError(f"no codec {name!r}; known: {', '.join(PEERS)}, pauca[:PACK[@EFFORT]]")
    return PEERS[name](name)


def encode_within(codec: Codec, pixels: Pixels, size: int) -> tuple[float, bytes]:
    """Return (quality, file) of the best setting whose file has at most `size` bytes.

    Where even the smallest setting is larger, that one is returned.
    """
    best = codec.scale[0], codec.encode(pixels, codec.scale[0])
    low, high = 0, len(codec.scale) - 1
    while low < high:  # scale[low] fits, or is the smallest there is
        middle = (low + high + 1) // 2
        data = codec.encode(pixels, codec.scale[middle])
        if len(data) <= size:
            low, best = middle, (codec.scale[middle], data)
        else:
            high = middle - 1
    return best


def _jpeg(name: str) -> Codec:
    return Codec(
        name,
        "Pillow, 4:2:0, baseline, optimized Huffman tables",
        (8, 12, 20, 30, 45, 60, 75, 85),
        _WHOLE[1:96],
        lambda pixels, q: _pillow_encode(
            pixels, "JPEG", quality=int(q), subsampling=2, optimize=True
        ),
        _pillow_decode,
    )


def _webp(name: str) -> Codec:
    return Codec(
        name,
        "Pillow, method 6",
        (1, 10, 25, 40, 55, 68, 78, 85),
        _WHOLE,
        lambda pixels, q: _pillow_encode(pixels, "WEBP", quality=int(q), method=6),
        _pillow_decode,
    )


def _avif(name: str, subsampling: str) -> Codec:
    from PIL import features

    if not features.check("avif"):
        raise _missing(name, "a Pillow >= 11.3 with AVIF")

    def encode(pixels: Pixels, q: float) -> bytes:
        # Several threads or tiles make other and larger files, which would depend on the machine.
        single = {"max_threads": 1, "autotiling": False}
        return _pillow_encode(
            pixels, "AVIF", quality=int(q), subsampling=subsampling, speed=6, **single
        )

    return Codec(
        name,
        f"Pillow, {subsampling}, speed 6, one thread, one tile",
        (15, 25, 35, 45, 55, 65, 74, 82),
        _WHOLE,
        encode,
        _pillow_decode,
    )


def _pillow_encode(pixels: Pixels, format: str, **options: object) -> bytes:
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format, **options)
    return buffer.getvalue()


def _pillow_decode(data: bytes) -> Pixels:
    from PIL import Image

    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("RGB"))


def _jxl(name: str) -> Codec:
    try:
        import imagecodecs
    except ImportError as error:
        raise _missing(name, "imagecodecs") from error

    def encode(pixels: Pixels, distance: float) -> bytes:
        return bytes(imagecodecs.jpegxl_encode(pixels, distance=distance, effort=7, lossless=False))

    def decode(data: bytes) -> Pixels:
        return np.asarray(imagecodecs.jpegxl_decode(data), np.uint8)

    # The dial is Butteraugli distance: the smaller, the larger the file.
    scale = tuple(round(25 - 0.1 * step, 1) for step in range(250))
    return Codec(
        name,
        "libjxl, effort 7, VarDCT; quality is the distance",
        (15, 10, 7, 5, 3.5, 2.4, 1.6, 1.0),
        scale,
        encode,
        decode,
    )


def _heic(name: str, chroma: str) -> Codec:
    try:
        import pillow_heif
    except ImportError as error:
        raise _missing(name, "pillow-heif") from error

    def encode(pixels: Pixels, q: float) -> bytes:
        height, width = pixels.shape[:2]
        buffer = io.BytesIO()
        file = pillow_heif.from_bytes("RGB", (width, height), pixels.tobytes())
        file.save(buffer, quality=int(q), chroma=chroma)
        return buffer.getvalue()

    def decode(data: bytes) -> Pixels:
        return np.asarray(pillow_heif.open_heif(data, convert_hdr_to_8bit=True), np.uint8)

    return Codec(
        name,
        f"pillow-heif (x265), {':'.join(chroma)}",
        (6, 12, 19, 26, 33, 40, 47, 54),
        _WHOLE,
        encode,
        decode,
    )


def _pauca(name: str) -> Codec:
    from pauca.image.codec import decode_image, encode_image
    from pauca.image.coded import EncodeOptions
    from pauca.pack.registry import create_model

    model, effort = parse_pauca(name)
    pack = create_model(model)

    def encode(pixels: Pixels, q: float) -> bytes:
        return encode_image(pixels, pack, EncodeOptions(quality=q, effort=effort))

    def decode(data: bytes) -> Pixels:
        return decode_image(data, packs=(pack.info.path,))

    return Codec(
        name,
        f"pack {model}, effort {effort}",
        (0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100),
        _WHOLE,
        encode,
        decode,
    )


def parse_pauca(name: str) -> tuple[str, int]:
    """Split `pauca[:PACK[@EFFORT]]` into pack and effort; by default `img-psnr` and 3."""
    if name.partition(":")[0] != "pauca":
        raise InputError(f"codec {name!r} is not pauca[:PACK[@EFFORT]]")
    model = name.removeprefix("pauca").removeprefix(":") or "img-psnr"
    head, at, tail = model.rpartition("@")
    if not at:
        return model, 3
    if not (head and tail.isdecimal() and 1 <= int(tail) <= 9):
        raise InputError(f"codec {name!r}: effort is a number from 1 to 9")
    return head, int(tail)


def _missing(name: str, library: str) -> MissingExtraError:
    return MissingExtraError(f'codec {name} needs {library}: pip install "pauca[bench]"')


PEERS: dict[str, Callable[[str], Codec]] = {
    "jpeg": _jpeg,
    "webp": _webp,
    "avif": functools.partial(_avif, subsampling="4:2:0"),
    "avif444": functools.partial(_avif, subsampling="4:4:4"),
    "jxl": _jxl,
    "heic": functools.partial(_heic, chroma="420"),
    "heic444": functools.partial(_heic, chroma="444"),
}
