"""What the super-resolution bench compares: interpolations, packs, and ONNX files of others."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pauca.errors import InputError
from pauca.nn.passes.onnx_graph import count_macs, load_model
from pauca.pack.registry import create_upscaler
from pauca.pixels.ycc601 import rgb_from_ycc16, ycc16_from_rgb
from pauca.sr.upscale import interpolate, upscaler_by

Pixels = NDArray[np.uint8]
HEIGHT, WIDTH = 360, 640  # of the input that times and operations are given for
FILTERS = ("nearest", "bilinear", "bicubic", "lanczos")


@dataclass(frozen=True)
class Method:
    """`picture` turns RGB (H, W, 3) into (s H, s W, 3), `luma` a plane (H, W) of video into
    (s H, s W); `frame` runs the network alone once.

    `macs` are multiply-accumulates for a frame of 640 x 360, `parameters` and `file_bytes` those of
    the network; 0 where there is none.
    """

    name: str
    picture: Callable[[Pixels], Pixels]
    luma: Callable[[Pixels], Pixels]
    frame: Callable[[], object]
    macs: float = 0.0
    parameters: int = 0
    file_bytes: int = 0


def make_method(name: str, scale: int, threads: int) -> Method:
    """A filter by its name, an ONNX file, or a pack (name or folder), with @RUNTIME if wanted."""
    if name in FILTERS:
        return _filter(name, scale)
    if name.endswith(".onnx"):
        return _onnx(Path(name), scale, threads)
    return _pack(name, scale, threads)


def _filter(name: str, scale: int) -> Method:
    from PIL import Image

    kind = Image.Resampling[name.upper()]

    def picture(x: Pixels) -> Pixels:
        size = (x.shape[1] * scale, x.shape[0] * scale)
        return np.asarray(Image.fromarray(x).resize(size, kind))

    frame = Image.fromarray(np.zeros((HEIGHT, WIDTH), np.uint8))
    return Method(
        name, picture, picture, lambda: frame.resize((WIDTH * scale, HEIGHT * scale), kind)
    )


def _pack(name: str, scale: int, threads: int) -> Method:
    base, _, runtime = name.partition("@")
    pack = create_upscaler(base)
    upscaler = upscaler_by(scale, pack, threads, runtime or "native")
    rng = np.random.default_rng(0)
    noise = [(rng.integers(0, 4096, (HEIGHT, WIDTH))).astype(np.int16) for _ in range(pack.planes)]
    size = sum(path.stat().st_size for path in pack.info.path.iterdir())
    return Method(
        pack.info.name + (f"@{runtime}" if runtime else ""),
        upscaler.picture,
        upscaler.picture if pack.planes == 1 else partial(_as_grey, upscaler.picture),
        lambda: upscaler.planes(noise),
        pack.macs * HEIGHT * WIDTH * sum(pack.scale ** (2 * i) for i in range(upscaler.times)),
        pack.parameters,
        size,
    )


def _onnx(path: Path, scale: int, threads: int) -> Method:
    """A network with one input (1, 1 or 3, H, W): luma or RGB in 0..1."""
    from pauca.pack.runtime import float_session

    try:
        data = path.read_bytes()
        session = float_session(data, threads)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    except Exception as error:  # onnxruntime's own errors share no base
        raise InputError(f"{path} is no network that ONNX Runtime can run: {error}") from error
    entry = session.get_inputs()[0]
    channels = entry.shape[1] if len(entry.shape) == 4 else 0
    if not isinstance(channels, int):  # of any number: RGB is more than luma
        channels = 3
    kind = {"tensor(float)": np.float32, "tensor(float16)": np.float16}.get(entry.type)
    if len(session.get_inputs()) != 1 or channels not in (1, 3) or kind is None:
        raise InputError(f"{path} must have one input (1, 1 or 3, H, W) of floats")

    def network(x: NDArray[np.floating]) -> NDArray[np.float32]:
        return _enlarged(path, session, entry.name, x.astype(kind), scale)

    def picture(x: Pixels) -> Pixels:
        if channels == 3:
            y = network(x.transpose(2, 0, 1)[None].astype(np.float32) / 255)[0]
            rgb: Pixels = np.rint(y.transpose(1, 2, 0) * 255).clip(0, 255).astype(np.uint8)
            return rgb
        planes = ycc16_from_rgb(x)
        luma = network(planes[None, :1].astype(np.float32) / (16 * 255))[0, 0]
        interpolated = [interpolate(plane, scale) for plane in planes[1:]]
        mended = np.rint(luma * (16 * 255)).clip(0, 4095).astype(np.int16)
        return rgb_from_ycc16([mended, *interpolated])

    def luma(y: Pixels) -> Pixels:
        found = network(y[None, None].astype(np.float32) / 255)[0, 0]
        plane: Pixels = np.rint(found * 255).clip(0, 255).astype(np.uint8)
        return plane

    noise = np.random.default_rng(0).random((1, channels, HEIGHT, WIDTH), np.float32)
    macs, parameters = count_onnx(data, entry.name, noise.shape)
    plane = luma if channels == 1 else partial(_as_grey, picture)
    return Method(path.stem, picture, plane, lambda: network(noise), macs, parameters, len(data))


def _enlarged(
    path: Path, session: Any, entry: str, x: NDArray[np.floating], scale: int
) -> NDArray[np.float32]:
    """(1, C, H, W) to (1, C, sH, sW) by the network of `path`; `InputError` if it does another."""
    try:
        y: NDArray[np.floating] = session.run(None, {entry: x})[0]
    except Exception as error:  # onnxruntime's own errors share no base
        line = str(error).strip().splitlines()[0]
        raise InputError(f"{path} cannot run on an input of {x.shape}: {line}") from error
    if y.shape != (*x.shape[:2], x.shape[2] * scale, x.shape[3] * scale):
        raise InputError(f"{path} turns {x.shape} into {y.shape}, which is not x{scale}")
    if not np.isfinite(y).all():
        raise InputError(f"{path} gives values that are no numbers")
    return y.astype(np.float32)


def _as_grey(picture: Callable[[Pixels], Pixels], y: Pixels) -> Pixels:
    """A plane by what takes RGB."""
    return picture(np.repeat(y[..., None], 3, 2))[..., 1]


def count_onnx(data: bytes, name: str, shape: tuple[int, ...]) -> tuple[float, int]:
    """Multiply-accumulates of convolutions and matrix products, and parameters, of a graph."""
    model = load_model(data)
    macs = count_macs(model, {name: shape})
    parameters = sum(math.prod(tensor.dims) for tensor in model.graph.initializer)
    return float(macs or 0), parameters
