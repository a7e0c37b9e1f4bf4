"""Frames as they come out of a video encoder: what networks that mend coded video learn from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pauca.streams.library import check_x265, load_av, steady_x264
from pauca.streams.pictures import frame_of, planes_of

Plane = NDArray[np.uint8]
Planes = tuple[Plane, Plane, Plane]  # Y (H, W), U and V (ceil(H / 2), ceil(W / 2))

DECODERS = {"libx264": "h264", "libx265": "hevc", "libsvtav1": "libdav1d"}


@dataclass(frozen=True)
class Coded:
    """Decoded frames in order of time, and the bytes that each of them took, in order of coding."""

    frames: list[Planes]
    sizes: list[int]


def encoder_options(codec: str, crf: float, preset: str) -> dict[str, str]:
    """Options of a quiet encoder on one thread."""
    options = {"crf": f"{crf:g}", "preset": preset}
    if codec == "libx264":
        options |= steady_x264()
    if codec == "libx265":
        options["x265-params"] = "log-level=none:pools=1:frame-threads=1:info=0"
    if codec == "libsvtav1":
        options["crf"] = f"{round(crf)}"
        options["svtav1-params"] = "lp=1"
    return options


def through_codec(frames: Sequence[Planes], codec: str, crf: float, preset: str) -> Coded:
    """Frames of even sides, 4:2:0, coded by libx264, libx265 or libsvtav1 and decoded again.

    Raises `MissingExtraError` without PyAV, `UnsupportedError` on pictures too small for x265.
    """
    av = load_av()
    height, width = frames[0][0].shape
    if codec == "libx265":
        check_x265(width, height)
    encoder: Any = av.CodecContext.create(codec, "w")
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"
    encoder.framerate, encoder.time_base = 25, Fraction(1, 25)
    encoder.options = encoder_options(codec, crf, preset)
    encoder.thread_count = 1
    decoder: Any = av.CodecContext.create(DECODERS[codec], "r")
    packets: list[Any] = []
    for i, planes in enumerate(frames):
        frame = frame_of(av, planes)
        frame.pts = i
        packets += encoder.encode(frame)
    packets += encoder.encode(None)
    decoded = [frame for packet in packets for frame in decoder.decode(packet)]
    decoded += decoder.decode(None)
    return Coded([three_planes(frame) for frame in decoded], [packet.size for packet in packets])


def three_planes(frame: Any) -> Planes:
    """Copies of the planes of a frame of format yuv420p."""
    y, u, v = (plane.copy() for plane in planes_of(frame))
    return y, u, v
