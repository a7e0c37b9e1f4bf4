"""Frames of video as arrays: which formats are handled, planes in and out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pauca.errors import InputError, UnsupportedError
from pauca.pixels.frames import plane_view

# Full-range 4:2:0 and 4:4:4 under their old names: same planes, the range is a tag of its own.
_SAME = {"yuvj420p": "yuv420p", "yuvj444p": "yuv444p"}
_RGB_TO_YUV = {"dst_colorspace": 1, "dst_color_range": 1}  # BT.709, limited

Planes = list[NDArray[np.uint8]]


def working_format(format: Any) -> str:
    """The pixel format (yuv420p, yuv444p) that frames of `format` lose nothing in.

    Raises `UnsupportedError` for more than 8 bits and for transparency.
    """
    if format is None:
        raise InputError("the video's pixel format is unknown")
    if any(component.bits > 8 for component in format.components):
        raise UnsupportedError(f"video of more than 8 bits ({format.name}); convert it first")
    if any(component.is_alpha for component in format.components):
        raise UnsupportedError(f"video with transparency ({format.name}); flatten it first")
    luma, chroma = format.components[0], format.components[-1]
    half = 2 * chroma.width <= luma.width + 1 and 2 * chroma.height <= luma.height + 1
    if len(format.components) == 1 or half:
        return "yuv420p"
    return "yuv444p"


def formatted(frame: Any, format: str) -> Any:
    """Return `frame` in `format`; the same frame where its planes already are."""
    name = frame.format.name
    if _SAME.get(name, name) == format:
        return frame
    if frame.format.is_rgb:
        return frame.reformat(format=format, **_RGB_TO_YUV)
    return frame.reformat(format=format)


def resized(frame: Any, width: int, height: int, format: str = "yuv420p") -> Any:
    """Return `frame` at another size by Lanczos, shown at the same time."""
    result = frame.reformat(width, height, format, interpolation="LANCZOS")
    result.pts, result.time_base = frame.pts, frame.time_base
    return result


def planes_of(frame: Any) -> Planes:
    """Return the planes of a planar frame as contiguous copies, (H, W) uint8 each."""
    return [np.ascontiguousarray(plane_view(plane)) for plane in frame.planes]


def frame_of(av: Any, planes: Sequence[NDArray[np.uint8]], format: str = "yuv420p") -> Any:
    """Return a frame with copies of `planes`."""
    height, width = planes[0].shape
    frame = av.VideoFrame(width, height, format)
    for plane, values in zip(frame.planes, planes, strict=True):
        plane_view(plane)[:] = values
    return frame
