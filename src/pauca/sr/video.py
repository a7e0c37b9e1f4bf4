"""Videos at twice their size: decoder, network and encoder work at the same time.

Audio and subtitles are copied, and every frame keeps its timestamp. Video goes through PyAV
(FFmpeg); frames of 8 bits are taken as they are, 4:2:0 or 4:4:4, without a conversion to RGB.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pauca.container.files import atomic_path
from pauca.errors import InputError, UnsupportedError
from pauca.pixels.frames import plane_view
from pauca.sr.upscale import Upscaler
from pauca.streams.carried import COLOURS, add_copies, carry_tags, copied_streams, main_video
from pauca.streams.library import SUFFIXES, load_av, named, steady_x264
from pauca.streams.pictures import formatted, working_format
from pauca.streams.stages import Stages

__all__ = ["SUFFIXES", "VideoDone", "VideoOptions", "upscale_video"]

TARGETS = (".mp4", ".m4v", ".mkv", ".mov")


@dataclass(frozen=True)
class VideoOptions:
    """How the result is coded: x264's `crf` (lower is better) and `preset`."""

    crf: float = 18.0
    preset: str = "medium"


@dataclass(frozen=True)
class VideoDone:
    """What came out: frames, and the size of the picture."""

    frames: int
    width: int
    height: int


def upscale_video(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    upscaler: Upscaler,
    options: VideoOptions = VideoOptions(),
    force: bool = False,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> VideoDone:
    """Upscale `source` into `target`, whole or not at all.

    `report` hears of frames done and in all (0 if unknown). Raises `InputError` (unreadable, no
    video, damaged), `UnsupportedError` (more than 8 bits, alpha, a container that cannot hold a
    stream), `MissingExtraError` without PyAV.
    """
    suffix = Path(target).suffix.lower()
    if suffix not in TARGETS:
        raise UnsupportedError(f"cannot write video as {suffix!r}; use one of {' '.join(TARGETS)}")
    if upscaler.pack.planes != 1:
        raise UnsupportedError(f"{upscaler.pack.info.name} mends RGB; videos need a luma model")
    av = load_av()
    with named(av, "upscale", source), av.open(os.fspath(source)) as container:
        if main_video(container) is None:
            raise InputError(f"{os.fspath(source)} holds no video")
        with atomic_path(target, force) as path, av.open(os.fspath(path), "w") as output:
            return _Pipeline(av, container, output, upscaler, options).run(report)


class _Pipeline:
    """Reader thread -> network (the calling thread) -> encoder thread."""

    def __init__(
        self, av: Any, container: Any, output: Any, upscaler: Upscaler, options: VideoOptions
    ) -> None:
        self.av, self.container, self.output = av, container, output
        self.upscaler = upscaler
        self.input = main_video(container)
        self.input.thread_type = "AUTO"
        self.format = working_format(self.input.codec_context.format)
        scale = upscaler.scale
        self.width, self.height = self.input.width * scale, self.input.height * scale
        self.stream = self._video_stream(options)
        self.copies = add_copies(av, container, output)
        self.stages = Stages()
        self.frames, self.results = Stages.line(), Stages.line()

    def run(self, report: Callable[[int, int], None]) -> VideoDone:
        """Process everything; the first failure of any stage ends the others and is raised."""
        done = self.stages.run(lambda: self._upscale(report), self._read, self._write)
        if not done:
            raise InputError("the video has no frames that can be decoded")
        return VideoDone(done, self.width, self.height)

    def _upscale(self, report: Callable[[int, int], None]) -> int:
        done = 0
        for item in self.stages.items(self.frames):
            if isinstance(item, self.av.VideoFrame):
                item = self._upscaled(item)
                done += 1
                report(done, self.input.frames)
            self.stages.put(self.results, item)
        self.stages.put(self.results, None)
        return done

    def _read(self) -> None:
        wanted = [self.input, *copied_streams(self.container)]
        for packet in self.container.demux(wanted):
            if self.stages.stopped:
                return
            if packet.stream.index == self.input.index:
                for frame in packet.decode():
                    self.stages.put(self.frames, frame)
            elif packet.dts is not None:
                self.stages.put(self.frames, packet)
        self.stages.put(self.frames, None)

    def _write(self) -> None:
        for item in self.stages.items(self.results):
            if isinstance(item, self.av.VideoFrame):
                self.output.mux(self.stream.encode(item))
            else:
                item = self.copies.packet(item)
                if item is not None:
                    self.output.mux(item)
        if not self.stages.stopped:
            self.output.mux(self.stream.encode(None))

    def _video_stream(self, options: VideoOptions) -> Any:
        source = self.input.codec_context
        rate = self.input.average_rate or self.input.guessed_rate or 25
        stream = self.output.add_stream("libx264", rate=rate)
        stream.width, stream.height, stream.pix_fmt = self.width, self.height, self.format
        stream.time_base = stream.codec_context.time_base = self.input.time_base
        settings = {"crf": f"{options.crf:g}", "preset": options.preset}
        stream.options = settings | steady_x264()
        if source.sample_aspect_ratio:
            stream.codec_context.sample_aspect_ratio = source.sample_aspect_ratio
        for name in COLOURS:
            setattr(stream.codec_context, name, getattr(source, name))
        carry_tags(self.container, self.input, self.output, stream)
        return stream

    def _upscaled(self, frame: Any) -> Any:
        if (frame.width, frame.height) != (self.input.width, self.input.height):
            raise UnsupportedError("the video changes its size on the way")
        pts, time_base = frame.pts, frame.time_base
        frame = formatted(frame, self.format)
        planes = self.upscaler.planes([plane_view(p).astype(np.int16) << 4 for p in frame.planes])
        result = self.av.VideoFrame(self.width, self.height, self.format)
        for plane, values in zip(result.planes, planes, strict=True):
            view = plane_view(plane)
            view[:] = (values[: view.shape[0], : view.shape[1]] + np.int16(8)) >> 4
        result.pts, result.time_base = pts, time_base
        return result
