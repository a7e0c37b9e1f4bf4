"""The video bench: standard encoders with and without filters, every byte of the stream counted.

Rate is bits a second of the video packets, messages included. Quality is of luma as a decoder of
ours shows it: mean PSNR and MS-SSIM of all frames, and VMAF where an ffmpeg with libvmaf is there.
"""

from __future__ import annotations

import datetime
import math
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pauca.bench.clips import clip_name, clips_in, unpacked
from pauca.bench.crossover import crossover
from pauca.bench.machine import Machine, describe_machine
from pauca.bench.video_crops import Crop, crop_of, sheet
from pauca.errors import InputError, MissingExtraError
from pauca.metrics.bdrate import bd_rate
from pauca.metrics.psnr import psnr
from pauca.metrics.ssim import ms_ssim, ms_ssim_db
from pauca.metrics.vmaf import ffmpeg_with_vmaf, vmaf
from pauca.pixels.frames import plane_view
from pauca.streams.library import load_av
from pauca.streams.source import FORMAT, open_source
from pauca.video.coders import LIBRARY, Coding, preset_of
from pauca.video.decode import decode_video
from pauca.video.encode import VideoOptions, encode_video
from pauca.video.shipped import finder, shipped_filter, shipped_fit
from pauca.video.write import Y4m

CRFS = {"h264": (24, 29, 34, 39), "hevc": (24, 29, 34, 39), "av1": (30, 40, 50, 60)}
METRICS = ("psnr_y", "ms_ssim", "vmaf")
_PARTS = ("generic", "fitted", "half")


@dataclass(frozen=True)
class Method:
    """An encoder and what is added: `filter` none, generic or fitted, `scale` 2 for half size."""

    name: str
    codec: str
    filter: str
    scale: int


@dataclass(frozen=True)
class VideoRow:
    """One encode of a clip; MS-SSIM in dB, `vmaf` NaN where it was not measured."""

    clip: str
    method: str
    crf: float
    kbps: float
    psnr_y: float
    ms_ssim: float
    vmaf: float
    message_bytes: int
    encode_fps: float
    decode_fps: float


@dataclass(frozen=True)
class VideoDelta:
    """BD-rates of a method against the same encoder alone, in percent; NaN without overlap."""

    clip: str
    method: str
    psnr_y: float
    ms_ssim: float
    vmaf: float


@dataclass(frozen=True)
class Crossover:
    """Rate in kbit/s below which a method of half size is better than its encoder alone."""

    clip: str
    method: str
    psnr_y: float
    ms_ssim: float
    vmaf: float


@dataclass(frozen=True)
class VideoReport:
    """Everything one run found."""

    command: str
    date: str
    machine: Machine
    threads: int
    effort: int
    rows: tuple[VideoRow, ...]
    deltas: tuple[VideoDelta, ...]
    crossovers: tuple[Crossover, ...]


def parse_method(name: str) -> Method:
    """Return the method of "hevc", "hevc+fitted", "h264+half+generic"; `InputError` otherwise."""
    codec, *parts = name.split("+")
    filters = [part for part in parts if part != "half"]
    if codec not in LIBRARY or any(part not in _PARTS for part in parts) or len(filters) > 1:
        raise InputError(f"{name}: h264, hevc or av1, and +generic or +fitted, +half")
    return Method(name, codec, (filters or ["none"])[0], 2 if "half" in parts else 1)


def run(
    folder: Path,
    methods: Sequence[Method],
    crfs: Sequence[float],
    effort: int,
    threads: int,
    command: str,
    say: Callable[[str], None] = lambda text: None,
) -> tuple[VideoReport, Callable[[], bytes]]:
    """Measure every clip of `folder` with every method; `crfs` empty for the usual ones.

    Returns the report, and what draws a sheet of crops (PNG).
    """
    rows: list[VideoRow] = []
    crops: list[Crop] = []
    originals: dict[str, Crop] = {}
    for path in clips_in(folder):
        with tempfile.TemporaryDirectory() as temp:
            clip = _Clip(path, Path(temp))
            originals[clip.name] = crop_of(clip.original, clip.middle)
            for method in methods:
                for crf in crfs or CRFS[method.codec]:
                    say(f"{clip.name}: {method.name}, crf {crf:g}")
                    rows.append(clip.measure(method, float(crf), effort, threads))
                    crops.append(crop_of(clip.restored, clip.middle))
    date = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d")
    deltas = tuple(_deltas(rows, methods))
    crossings = tuple(_crossovers(rows, methods))
    report = VideoReport(
        command, date, describe_machine(), threads, effort, tuple(rows), deltas, crossings
    )
    return report, lambda: sheet(rows, crops, originals)


class _Clip:
    """A clip as y4m, the original of all measurements."""

    def __init__(self, path: Path, folder: Path) -> None:
        self.name, self._folder = clip_name(path), folder
        self.original, self.restored = folder / "original.y4m", folder / "restored.y4m"
        path = unpacked(path, folder)
        with open_source(load_av(), str(path)) as source, open(self.original, "wb") as file:
            self._seconds, count = 0.0, 0
            writer = Y4m(file, source.traits, FORMAT)
            for frame in source.frames(1):
                writer.frame(frame)
                count += 1
            self._seconds = count / float(source.traits.rate)
        self.middle = count // 2

    def measure(self, method: Method, crf: float, effort: int, threads: int) -> VideoRow:
        """Encode, decode, compare."""
        coding = Coding(method.codec, crf, None, preset_of(method.codec, effort))
        filter = None if method.filter == "none" else shipped_filter(None, method.scale)
        options = VideoOptions(
            coding, method.scale, filter, shipped_fit() if method.filter == "fitted" else None,
            seconds=30.0, threads=threads,
        )  # fmt: skip
        coded, restored = self._folder / "coded.mkv", self.restored
        start = time.perf_counter()
        done = encode_video(str(self.original), coded, options, force=True)
        middle = time.perf_counter()
        decode_video(str(coded), str(restored), finder(None), threads, force=True)
        end = time.perf_counter()
        quality, similarity = self._compared(restored)
        return VideoRow(
            clip=self.name,
            method=method.name,
            crf=crf,
            kbps=8 * done.video_bytes / self._seconds / 1000,
            psnr_y=quality,
            ms_ssim=similarity,
            vmaf=_vmaf(self.original, restored),
            message_bytes=done.message_bytes,
            encode_fps=done.frames / (middle - start),
            decode_fps=done.frames / (end - middle),
        )

    def _compared(self, restored: Path) -> tuple[float, float]:
        pairs = zip(_lumas(self.original), _lumas(restored), strict=True)
        values = [(psnr(a, b), ms_ssim(a, b)) for a, b in pairs]
        quality, similarity = (float(np.mean(column)) for column in zip(*values, strict=True))
        return quality, ms_ssim_db(similarity)


def _lumas(path: Path) -> Iterator[NDArray[np.uint8]]:
    with load_av().open(str(path)) as container:
        for frame in container.decode(video=0):
            yield np.ascontiguousarray(plane_view(frame.planes[0]))


def _vmaf(reference: Path, restored: Path) -> float:
    try:
        ffmpeg_with_vmaf()
    except MissingExtraError:
        return math.nan
    return vmaf(reference, restored)


def _deltas(rows: Sequence[VideoRow], methods: Sequence[Method]) -> Iterator[VideoDelta]:
    """BD-rates by clip, then their means."""
    names = {method.name for method in methods}
    for method in methods:
        if method.name == method.codec or method.codec not in names:
            continue
        found = []
        for clip in dict.fromkeys(row.clip for row in rows):
            anchor = [r for r in rows if (r.clip, r.method) == (clip, method.codec)]
            test = [r for r in rows if (r.clip, r.method) == (clip, method.name)]
            values = [_bd_rate(anchor, test, metric) for metric in METRICS]
            found.append(VideoDelta(clip, method.name, *values))
            yield found[-1]
        means = [float(np.mean([getattr(d, metric) for d in found])) for metric in METRICS]
        yield VideoDelta("mean", method.name, *means)


def _bd_rate(anchor: Sequence[VideoRow], test: Sequence[VideoRow], metric: str) -> float:
    curves = [[(r.kbps, float(getattr(r, metric))) for r in rows] for rows in (anchor, test)]
    try:
        return bd_rate(curves[0], curves[1], max_bpp=None)
    except InputError:  # two points of one quality, or no VMAF
        return math.nan


def _crossovers(rows: Sequence[VideoRow], methods: Sequence[Method]) -> Iterator[Crossover]:
    names = {method.name for method in methods}
    for method in methods:
        if method.scale == 1 or method.codec not in names:
            continue
        for clip in dict.fromkeys(row.clip for row in rows):
            pair = [
                [r for r in rows if (r.clip, r.method) == (clip, name)]
                for name in (method.codec, method.name)
            ]
            values = [
                crossover(*([(r.kbps, float(getattr(r, metric))) for r in part] for part in pair))
                for metric in METRICS
            ]
            yield Crossover(clip, method.name, *values)
