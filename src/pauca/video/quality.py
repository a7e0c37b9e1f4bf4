"""The highest CRF that reaches a VMAF, by trials on pieces of the video."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from pauca.errors import InputError
from pauca.metrics.vmaf import ffmpeg_with_vmaf, vmaf
from pauca.streams.library import load_av
from pauca.streams.pictures import frame_of, planes_of, resized
from pauca.streams.source import FORMAT, Traits, open_source
from pauca.video.coders import MAX_CRF, SceneEncoder, Shape, decode_scene
from pauca.video.encode import VideoOptions
from pauca.video.write import Y4m

PIECES = 4  # spread over the video
LENGTH = 24  # frames of a piece
_LOWEST = 4  # below, files grow without anybody seeing why


def find_crf(
    source: str,
    options: VideoOptions,
    target: float,
    report: Callable[[float, float], None] = lambda crf, vmaf: None,
) -> float:
    """Return the highest whole CRF whose pieces of `source` have a mean VMAF of `target`.

    Frames are measured as a decoder shows them, through the filter as it comes. `report` hears of
    every trial. Raises `InputError` if no CRF reaches it, `MissingExtraError` without libvmaf.
    """
    ffmpeg_with_vmaf()
    av = load_av()
    with open_source(av, source, options.rate) as opened, tempfile.TemporaryDirectory() as folder:
        trial = _Trial(av, opened.traits, options, Path(folder))
        trial.take(opened)
        low, high = _LOWEST, MAX_CRF[options.coding.codec]
        best: int | None = None
        while low <= high:
            crf = (low + high) // 2
            reached = trial.measure(crf)
            report(crf, reached)
            if reached >= target:
                best, low = crf, crf + 1
            else:
                high = crf - 1
    if best is None:
        raise InputError(f"no CRF from {_LOWEST} on reaches VMAF {target:g}")
    return float(best)


class _Trial:
    def __init__(self, av: Any, traits: Traits, options: VideoOptions, folder: Path) -> None:
        self._av, self._options, self._folder = av, options, folder
        width, height = traits.padded(2 * options.scale)
        self._traits = replace(traits, width=width, height=height)
        scale = options.scale
        self._shape = Shape(traits, width // scale, height // scale, options.longest)
        self._pieces: list[list[Any]] = []

    def take(self, opened: Any) -> None:
        """Keep the pieces, and write them as the reference."""
        wanted = _places(opened.traits.frames)
        with open(self._folder / "reference.y4m", "wb") as file:
            writer = Y4m(file, self._traits, FORMAT)
            for number, frame in enumerate(opened.frames(2 * self._options.scale)):
                if number in wanted:
                    if wanted[number] or not self._pieces:
                        self._pieces.append([])
                    self._pieces[-1].append(self._coded(frame))
                    writer.frame(frame)
                if number > max(wanted):
                    break

    def measure(self, crf: int) -> float:
        """Return the VMAF of all pieces at `crf`."""
        coding = replace(self._options.coding, crf=float(crf), bitrate=None)
        with open(self._folder / "trial.y4m", "wb") as file:
            writer = Y4m(file, self._traits, FORMAT)
            for piece in self._pieces:
                encoder = SceneEncoder(self._av, coding, self._shape)
                packets = [p for frame in [*piece, None] for p in encoder.encode(frame)]
                for frame in decode_scene(
                    self._av, coding.codec, encoder.extradata, packets, self._traits.time_base
                ):
                    writer.frame(self._restored(frame, crf))
        return vmaf(self._folder / "reference.y4m", self._folder / "trial.y4m")

    def _coded(self, frame: Any) -> Any:
        if self._options.scale == 1:
            return frame
        return resized(frame, self._shape.width, self._shape.height)

    def _restored(self, frame: Any, crf: int) -> Any:
        filter = self._options.filter
        if filter is not None:
            y, u, v = planes_of(frame)
            codec, threads = self._options.coding.codec, self._options.threads
            planes = filter.apply(y, u, v, crf, threads=threads, codec=codec)
            return frame_of(self._av, planes)
        if self._options.scale == 2:
            return resized(frame, self._traits.width, self._traits.height)
        return frame


def _places(frames: int) -> dict[int, bool]:
    """Numbers of the frames that are kept: whether one starts a piece."""
    if frames <= PIECES * LENGTH:
        return {number: number == 0 for number in range(PIECES * LENGTH)}
    step = (frames - LENGTH) / (PIECES - 1)
    starts = [round(i * step) for i in range(PIECES)]
    return {start + i: i == 0 for start in starts for i in range(LENGTH)}
