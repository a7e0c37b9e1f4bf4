"""Pictures, video and neural networks made smaller by learning.

Importing this package loads neither numpy nor a runtime: every function imports what it needs.
"""

import os
from typing import TYPE_CHECKING, Any

from pauca.container.headers import StreamInfo, read_info
from pauca.container.identify import Kind, identify
from pauca.container.metadata import Metadata
from pauca.errors import (
    ChecksumError,
    EntropyError,
    FormatError,
    InputError,
    LimitError,
    MissingExtraError,
    PackError,
    PaucaError,
    TruncatedError,
    UnsupportedError,
)
from pauca.limits import Limits

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from pauca.image.targets import Trial
    from pauca.nn.calibration import Calibration
    from pauca.nn.model import Network
    from pauca.pack.image import ImagePack
    from pauca.pack.store import PackInfo
    from pauca.pixels.picture import Picture

__version__ = "0.1.0"

__all__ = [
    "ChecksumError",
    "EntropyError",
    "FormatError",
    "InputError",
    "Kind",
    "LimitError",
    "Limits",
    "Metadata",
    "MissingExtraError",
    "PackError",
    "PaucaError",
    "StreamInfo",
    "TruncatedError",
    "UnsupportedError",
    "__version__",
    "create_model",
    "decode",
    "decode_picture",
    "decode_weights",
    "encode",
    "encode_weights",
    "identify",
    "info",
    "list_models",
]


def encode(
    source: Any,
    *,
    model: "str | Path | ImagePack" = "img-psnr",
    quality: float | None = None,
    bpp: float | None = None,
    target_size: int | None = None,
    min_psnr: float | None = None,
    min_ms_ssim: float | None = None,
    min_tile_psnr: float | None = None,
    fidelity: bool | None = None,
    effort: int = 3,
    tile: int | None = None,
    threads: int = 0,
    metadata: Metadata | None = None,
    to_8_bit: bool = False,
    keep_hidden: bool = False,
    content: str = "auto",
    limits: Limits | None = None,
    report: "Callable[[Trial], None] | None" = None,
) -> bytes:
    """Return a picture as a pauca stream; alpha is kept without loss.

    `source`: a path, a uint8 array (H, W) or (H, W, C) of 2 (grey, alpha), 3 (RGB) or 4 (RGB,
    alpha) channels, a Pillow image or a binary file. `model`: name, folder or loaded pack. One of
    these says how good: `quality` (0..100, 50 by default); `bpp` or `target_size` in bytes, not
    passed by the whole stream; `min_psnr` or `min_tile_psnr` (of the worst 64 x 64 tile) in dB or
    `min_ms_ssim` (0..1), reached by the smallest stream found; `report` hears of every trial.
    `fidelity`: state in the stream how far it is from the original (by default with a `min_...`).
    `effort`: 1..9, higher is slower. `tile`: pixels along the side of a tile, a power of two, 0 for
    none, by default 1024 (512 in very wide pictures) above 4 megapixels. `threads`: 0 for all
    cores. `metadata`: instead of the ICC profile, EXIF and XMP of the source; `Metadata()` leaves
    all out. `to_8_bit`: keep the upper 8 of 16 bits, which are refused otherwise. `keep_hidden`:
    keep the colours of fully transparent pixels, which are smoothed otherwise. `content`: "photo"
    for the learned codec, "graphics" for lossless coding, "auto" for what suits each part of the
    picture. Raises `InputError`, `UnsupportedError`, `PackError`, `LimitError`,
    `MissingExtraError`.
    """
    from pauca.image.coded import EncodeOptions
    from pauca.image.compress import Aim, target_of
    from pauca.image.kind import content_of
    from pauca.image.picture import encode_picture
    from pauca.pack.registry import model_of
    from pauca.pixels.files import read_picture
    from pauca.pixels.picture import with_metadata

    target = target_of(bpp, target_size, min_psnr, min_ms_ssim, min_tile_psnr)
    if quality is not None and target:
        raise InputError(f"quality and {target.name} both say how good; give one")
    quality = 50.0 if quality is None else quality
    if not 0 <= quality <= 100:
        raise InputError(f"quality {quality} is outside 0..100")
    if not 1 <= effort <= 9:
        raise InputError(f"effort {effort} is outside 1..9")
    kind = content_of(content)
    picture = read_picture(source, limits, to_8_bit, as_rows=True)
    if metadata is not None:
        picture = with_metadata(picture, metadata)
    options = EncodeOptions(quality, effort, threads, tile=tile)
    aim = Aim(target, fidelity, report)
    return encode_picture(picture, model_of(model), options, aim, keep_hidden, kind)


def decode(
    source: Any,
    *,
    scale: int = 1,
    region: tuple[int, int, int, int] | None = None,
    look: str = "faithful",
    threads: int = 0,
    packs: "Sequence[Path]" = (),
    limits: Limits | None = None,
) -> "NDArray[np.uint8]":
    """Return the pixels in a pauca stream: uint8, (H, W) or (H, W, 3), with alpha (H, W, 2) or
    (H, W, 4); samples as they are stored, which an EXIF orientation may turn on display.

    `source`: the stream's bytes, a path or a binary file. `scale`: 1, 2, 4 or 8 times smaller, from
    a stream that may then end early. `region`: left, top, width and height in pixels of the whole
    picture. `look`: "natural" puts back texture that the faithful look has lost; it is invented.
    `threads`: 0 for all cores. `packs`: folders of model packs that may be needed besides the
    shipped ones. Raises `FormatError` and its children, `UnsupportedError` (another kind of
    stream), `PackError` (unknown pack), `LimitError`, `InputError` (scale or region).
    """
    return decode_picture(
        source, scale=scale, region=region, look=look, threads=threads, packs=packs, limits=limits
    ).pixels


def decode_picture(
    source: Any,
    *,
    scale: int = 1,
    region: tuple[int, int, int, int] | None = None,
    look: str = "faithful",
    threads: int = 0,
    packs: "Sequence[Path]" = (),
    limits: Limits | None = None,
) -> "Picture":
    """Return the picture in a pauca stream: `pixels`, as `decode`, and `metadata`.

    Parameters and errors are those of `decode`.
    """
    limits = limits or Limits()
    data = _stream_bytes(source, limits)
    kind = identify(data)
    if kind is Kind.IMAGE:
        from pauca.image.kind import look_of
        from pauca.image.picture import decode_picture as decode_image_stream
        from pauca.image.view import View

        view = View(scale, region, scale != 1, look_of(look))
        return decode_image_stream(data, limits, packs, view, threads)
    if kind is None:
        read_info(data, limits)  # says which byte is wrong
        raise FormatError("not a pauca stream")
    if kind in (Kind.WEIGHTS, Kind.UPDATE):
        raise UnsupportedError(f"a stream of kind {kind} is for pauca.decode_weights")
    raise UnsupportedError(f"stream of kind {kind}; this version decodes images and networks")


def encode_weights(
    source: Any,
    *,
    bits: int | None = None,
    step: float | None = None,
    max_error: float | None = None,
    lossless: bool = False,
    quantizer: str | None = None,
    calibration: "Calibration | None" = None,
    max_drop: float | None = None,
    target_size: int | None = None,
    bits_per_weight: float | None = None,
    evaluate: "Callable[[Network], float] | None" = None,
    base: "Network | None" = None,
    threads: int = 1,
    limits: Limits | None = None,
) -> bytes:
    """Return a neural network as a pauca stream.

    `source`: a path, a file's bytes, arrays by name or a `Network`. One of these says how: `bits`
    (8 by default), `step`, `max_error` or `lossless`; `quantizer` as NAME=SETTING; or a search,
    by `quantizer` or the strongest one, for the smallest stream that loses at most `max_drop` by
    `evaluate` (a network to its accuracy), the best of `target_size` bytes or of
    `bits_per_weight`. `base`: the older network that an update leads from. Raises `InputError`,
    `UnsupportedError`, `LimitError`.
    """
    from pauca.nn.compress import compress_network, compress_update, options_of
    from pauca.nn.wish import Wish, compress_at, compress_to

    network = _network_of(source, limits)
    wishes = (max_drop, target_size, bits_per_weight)
    if any(wish is not None for wish in wishes):
        wish = Wish(*wishes, evaluate)
        return compress_to(network, wish, quantizer, calibration, threads).stream
    if quantizer is not None:
        return compress_at(network, quantizer, calibration, threads)
    options = options_of(bits, step, max_error, lossless)
    if base is not None:
        return compress_update(network, base, options, threads)
    return compress_network(network, options, threads)


def decode_weights(
    source: Any,
    *,
    names: "Collection[str] | None" = None,
    base: "Network | None" = None,
    threads: int = 1,
    limits: Limits | None = None,
) -> "Network":
    """Return the network in a pauca stream; its arrays are in `tensors`, by name.

    `source`: the stream's bytes, a path or a binary file. `names`: decode these tensors alone.
    `base`: the older network, for a stream of kind update. Raises `FormatError` and its children,
    `UnsupportedError`, `InputError` (unknown name, missing base), `LimitError`.
    """
    from pauca.nn.codec import decode_network

    limits = limits or Limits()
    return decode_network(_stream_bytes(source, limits), limits, names, threads, base)


def info(source: Any, *, limits: Limits | None = None) -> StreamInfo:
    """Return kind, version, header and chunk list of a stream without decoding it.

    `source`: the stream's bytes, a path or a binary file. The pack need not be known. Raises
    `FormatError` and its children, `LimitError`, `InputError`.
    """
    limits = limits or Limits()
    return read_info(_stream_bytes(source, limits), limits)


def create_model(name_or_path: "str | Path") -> "ImagePack":
    """Return the model pack with this name, or the one in this folder; raises `PackError`."""
    from pauca.pack import registry

    return registry.create_model(name_or_path)


def list_models(pattern: str = "*") -> "list[PackInfo]":
    """Return what is known of every shipped model pack whose name matches `pattern` (a glob)."""
    from pauca.pack import registry

    return registry.list_models(pattern)


def _network_of(source: Any, limits: Limits | None) -> "Network":
    from pauca.nn.model import Network, as_network, read_network

    if isinstance(source, Network):
        return source
    if isinstance(source, str | os.PathLike | bytes | memoryview):
        return read_network(source, limits)
    if hasattr(source, "items"):
        return as_network(source)
    raise InputError(f"cannot read a network from {type(source).__name__}")


def _stream_bytes(source: Any, limits: Limits) -> bytes:
    from pauca.container.files import read_file

    if isinstance(source, bytes | bytearray | memoryview):
        return bytes(source)
    if isinstance(source, str | os.PathLike):
        return read_file(source, limits)
    if hasattr(source, "read"):
        data = source.read(limits.max_bytes + 1)
        if isinstance(data, bytes | bytearray | memoryview):
            return bytes(data)
        raise InputError("cannot read a stream from a text file; open it as binary")
    raise InputError(f"cannot read a stream from {type(source).__name__}")
