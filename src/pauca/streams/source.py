"""Videos to be coded: files, y4m from a pipe, folders of pictures; frames of 8 bits, 4:2:0."""

from __future__ import annotations

import contextlib
import itertools
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from pauca.errors import InputError, UnsupportedError
from pauca.streams.carried import COLOURS, display_matrix, main_video
from pauca.streams.library import local, named
from pauca.streams.pictures import formatted, frame_of, planes_of, working_format

PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".ppm")
FORMAT = "yuv420p"


@dataclass(frozen=True)
class Traits:
    """What a video is: picture size, times, and tags that a player needs.

    `frames` is 0 if unknown. `colours` as FFmpeg numbers them, by its names.
    """

    width: int
    height: int
    rate: Fraction
    time_base: Fraction
    frames: int = 0
    aspect: Fraction | None = None
    colours: dict[str, int] = field(default_factory=dict)
    matrix: list[int] | None = None

    @property
    def step(self) -> int:
        """Units of `time_base` from one frame to the next at the usual rate, at least 1."""
        return max(1, round(1 / (self.rate * self.time_base)))

    def padded(self, multiple: int) -> tuple[int, int]:
        """Width and height, each the next multiple of `multiple`."""
        return -self.width % multiple + self.width, -self.height % multiple + self.height


class Times:
    """Times of frames that rise from one to the next: raw streams have none, and containers without
    times of their own may give them out of order. `step`: from a frame to the next where unknown.
    """

    def __init__(self, step: int) -> None:
        self._step = step
        self._last: int | None = None

    @property
    def last(self) -> int:
        """The time of the last frame, 0 before the first."""
        return self._last or 0

    def of(self, pts: int | None) -> int:
        """The time of the next frame, which says `pts` of itself."""
        if pts is None:
            pts = 0 if self._last is None else self._last + self._step
        elif self._last is not None and pts <= self._last:
            pts = self._last + 1
        self._last = pts
        return pts


class Source:
    """A video that is read frame by frame: `traits`, then `frames` once."""

    traits: Traits

    def frames(self, multiple: int = 2, skip: int = 0) -> Iterator[Any]:
        """Yield frames, yuv420p, but for the first `skip`, of size `traits.padded(multiple)`.

        `pts` rises from frame to frame and is in `traits.time_base`; borders are repeated.
        """
        raise NotImplementedError


@contextlib.contextmanager
def open_source(av: Any, path: str | Any, rate: Fraction | None = None) -> Iterator[Source]:
    """Open a video file, a folder of pictures, or y4m from a binary file object.

    `rate` is for folders, 25 if not given. Raises `InputError`, `UnsupportedError`.
    """
    if isinstance(path, str) and Path(path).is_dir():
        yield _Folder(av, Path(path), rate or Fraction(25))
        return
    name = path if isinstance(path, str) else "standard input"
    form = None if isinstance(path, str) else "yuv4mpegpipe"
    file = local(path) if isinstance(path, str) else path
    with named(av, "read", name), av.open(file, format=form) as container:
        yield _File(av, container, name)


class _File(Source):
    def __init__(self, av: Any, container: Any, name: str) -> None:
        self._av, self._container = av, container
        self._stream = main_video(container)
        if self._stream is None:
            raise InputError(f"{name} holds no video")
        context = self._stream.codec_context
        working_format(context.format)
        self._stream.thread_type = "AUTO"
        self._decoded = self._decode()
        self._first = next(self._decoded, None)
        if self._first is None:
            raise InputError(f"{name} has no frames that can be decoded")
        self.traits = file_traits(container, self._stream, self._first)

    def frames(self, multiple: int = 2, skip: int = 0) -> Iterator[Any]:
        times = Times(self.traits.step)
        for number, frame in enumerate(itertools.chain([self._first], self._decoded)):
            if (frame.width, frame.height) != (self.traits.width, self.traits.height):
                raise UnsupportedError("the video changes its size on the way")
            pts = times.of(frame.pts)
            if number >= skip:
                result = _padded(self._av, formatted(frame, FORMAT), multiple)
                result.pts, result.time_base = pts, self.traits.time_base
                result.pict_type = 0  # else encoders would repeat the source's choices
                yield result

    def _decode(self) -> Iterator[Any]:
        for packet in self._container.demux(self._stream):
            yield from packet.decode()


class _Folder(Source):
    def __init__(self, av: Any, folder: Path, rate: Fraction) -> None:
        self._av = av
        self._paths = sorted(
            (path for path in folder.iterdir() if path.suffix.lower() in PICTURES), key=_natural
        )
        if not self._paths:
            raise InputError(f"no pictures in {folder}")
        height, width = self._read(self._paths[0]).shape[:2]
        self.traits = Traits(
            width=width,
            height=height,
            rate=rate,
            time_base=1 / rate,
            frames=len(self._paths),
            colours={"color_range": 1, "color_primaries": 1, "color_trc": 1, "colorspace": 1},
        )

    def frames(self, multiple: int = 2, skip: int = 0) -> Iterator[Any]:
        for i, path in enumerate(self._paths[skip:], skip):
            pixels = self._read(path)
            if pixels.shape[:2] != (self.traits.height, self.traits.width):
                raise InputError(f"{path} has another size than the first picture")
            frame = self._av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
            result = _padded(self._av, formatted(frame, FORMAT), multiple)
            result.pts, result.time_base = i, self.traits.time_base
            yield result

    @staticmethod
    def _read(path: Path) -> Any:
        from pauca.pixels.files import read_image

        pixels = read_image(os.fspath(path))
        return pixels if pixels.ndim == 3 else np.repeat(pixels[:, :, None], 3, axis=2)


def file_traits(container: Any, stream: Any, frame: Any) -> Traits:
    """Return the traits of a video `stream` of `container` with the first `frame` of it."""
    return Traits(
        width=frame.width,
        height=frame.height,
        rate=_sane_rate(stream),
        time_base=stream.time_base,
        frames=stream.frames or round(length_of(container, stream) * float(_sane_rate(stream))),
        aspect=stream.sample_aspect_ratio,
        colours=_colours(stream.codec_context, frame),
        matrix=display_matrix(frame),
    )


def _natural(path: Path) -> list[Any]:
    """Sort key: runs of digits by value, so that 10 comes after 9."""
    parts = re.split(r"(\d+)", path.name.lower())
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in parts]


def _sane_rate(stream: Any) -> Fraction:
    for rate in (stream.average_rate, stream.guessed_rate):
        if rate and 0 < rate <= 1000:
            return Fraction(rate)
    return Fraction(25)


def length_of(container: Any, stream: Any) -> float:
    """Seconds that a video has by its stream or its container; 0 if unknown."""
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    return (container.duration or 0) / 1e6


def _colours(context: Any, frame: Any) -> dict[str, int]:
    if frame.format.is_rgb:
        return {"color_range": 1, "color_primaries": 1, "color_trc": 1, "colorspace": 1}
    found = {name: int(getattr(context, name)) for name in COLOURS}
    if frame.format.name.startswith("yuvj"):
        found["color_range"] = 2
    return found


def _padded(av: Any, frame: Any, multiple: int) -> Any:
    """Return `frame` with its last column and row repeated up to multiples of `multiple`."""
    right, below = -frame.width % multiple, -frame.height % multiple
    if not right and not below:
        return frame
    luma, *chroma = planes_of(frame)
    more = [np.pad(luma, ((0, below), (0, right)), "edge")]
    tall, wide = more[0].shape[0] // 2, more[0].shape[1] // 2
    for plane in chroma:
        h, w = plane.shape
        more.append(np.pad(plane, ((0, tall - h), (0, wide - w)), "edge"))
    return frame_of(av, more)
