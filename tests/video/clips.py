"""Synthetic videos, and a filter that is plain arithmetic."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from pauca.errors import FormatError

Planes = list[NDArray[np.uint8]]


def picture(i: int, scene: int, width: int, height: int) -> NDArray[np.uint8]:
    """A moving texture, another one in every scene; (H * 3 / 2, W), 4:2:0."""
    y, x = np.mgrid[:height, :width]
    bright = 60 + 120 * (scene % 2)
    luma = bright + 30 * np.sin((x + 3 * i) / (5 + scene)) + 15 * np.cos(y / 4 - i / 3 + scene)
    chroma = 128 + 40 * np.sin((x[: height // 2, :width] + 2 * i) / 11 + scene)
    planes = [luma, chroma]
    return np.concatenate(planes).clip(16, 235).astype(np.uint8)


def write_clip(
    path: Path, frames: int = 24, size: tuple[int, int] = (96, 64), cuts: Sequence[int] = (),
    audio: bool = False, sound_codec: str = "aac", codec: str = "libx264",
    pix_fmt: str = "yuv420p", even: bool = False,
    setup: Callable[[Any, Any], None] = lambda container, stream: None,
    draw: Callable[[int, int, int, int], NDArray[np.uint8]] = picture,
) -> Path:  # fmt: skip
    """Frames at uneven times unless `even`, cuts before the numbers of `cuts`, and a tone."""
    width, height = size
    with av.open(str(path), "w") as out:
        video = out.add_stream(codec, rate=25)
        video.width, video.height, video.pix_fmt = width, height, pix_fmt
        video.time_base = video.codec_context.time_base = Fraction(1, 1000)
        if codec == "libx264":
            video.options = {"crf": "8", "preset": "ultrafast"}
        sound = out.add_stream(sound_codec, rate=48000) if audio else None
        setup(out, video)
        for i in range(frames):
            scene = sum(i >= cut for cut in cuts)
            array = draw(i, scene, width + width % 2, height + height % 2)
            frame = av.VideoFrame.from_ndarray(array, format="yuv420p")
            if (frame.width, frame.height) != size or pix_fmt != "yuv420p":
                frame = frame.reformat(width, height, pix_fmt)
            frame.pts, frame.time_base = 40 * i + (0 if even else 7 * (i % 3)), Fraction(1, 1000)
            out.mux(video.encode(frame))
        out.mux(video.encode(None))
        if sound is not None:
            for i in range(24):
                wave = (8000 * np.sin((np.arange(1024) + 1024 * i) / 20)).astype(np.int16)[None]
                tone = av.AudioFrame.from_ndarray(wave, format="s16", layout="mono")
                tone.sample_rate, tone.pts, tone.time_base = 48000, 1024 * i, Fraction(1, 48000)
                out.mux(sound.encode(tone))
            out.mux(sound.encode(None))
    return path


def planes_in(path: Path) -> list[Planes]:
    """The planes of all frames, without padding."""
    found = []
    with av.open(str(path)) as file:
        for frame in file.decode(video=0):
            found.append([
                np.frombuffer(p, np.uint8).reshape(-1, p.line_size)[: p.height, : p.width].copy()
                for p in frame.planes
            ])  # fmt: skip
    return found


def times_in(path: Path) -> list[float]:
    with av.open(str(path)) as file:
        return [float(frame.pts * frame.time_base) for frame in file.decode(video=0)]


def packets_in(path: Path, kind: str) -> list[bytes]:
    with av.open(str(path)) as file:
        streams = [stream for stream in file.streams if stream.type == kind]
        return [bytes(p) for p in file.demux(streams) if p.size]


def same(a: list[Planes], b: list[Planes]) -> bool:
    return len(a) == len(b) and all(
        np.array_equal(x, y) for f, g in zip(a, b, strict=True) for x, y in zip(f, g, strict=True)
    )


@dataclass(frozen=True)
class Adder:
    """Adds `amount` to the luma and the QP to U: wrong in a way that tests can repeat."""

    scale: int = 1
    amount: int = 3
    pack_id: bytes = b"ADDER---"

    def updated(self, payload: bytes) -> "Adder":
        if payload[:2] != b"up":
            raise FormatError("not an update of this filter")
        return replace(self, amount=payload[2])

    def apply(self, y: Any, u: Any, v: Any, qp: int, threads: int = 1, codec: str = "h264") -> Any:
        if self.scale == 2:
            y, u, v = (p.repeat(2, 0).repeat(2, 1) for p in (y, u, v))
        y = (y.astype(int) + self.amount).clip(0, 255).astype(np.uint8)
        return y, (u.astype(int) + qp % 7).clip(0, 255).astype(np.uint8), v.copy()


@dataclass(frozen=True)
class Smoother(Adder):
    """Means of whole columns of luma: right for pictures of `stripes`."""

    pack_id: bytes = b"SMOOTH--"

    def apply(self, y: Any, u: Any, v: Any, qp: int, threads: int = 1, codec: str = "h264") -> Any:
        means = np.rint(y.mean(0, keepdims=True)).astype(np.uint8)
        return means.repeat(y.shape[0], 0), u, v


def stripes(i: int, scene: int, width: int, height: int) -> NDArray[np.uint8]:
    """Moving columns, each of one grey level."""
    x = np.arange(width)
    luma = 60 + 120 * (scene % 2) + 30 * np.sin((x + 3 * i) / 3) + 9 * np.sin(x * x + i)
    rows = np.broadcast_to(luma, (height, width))
    return np.concatenate([rows, np.full((height // 2, width), 128)]).astype(np.uint8)
