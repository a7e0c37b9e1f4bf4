"""Videos at twice their size: decoder, network and encoder work at the same time.

Audio and subtitles are copied, and every frame keeps its timestamp. Video goes through PyAV
(FFmpeg); frames of 8 bits are taken as they are, 4:2:0 or 4:4:4, without a conversion to RGB.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pauca.container.files import atomic_path
from pauca.errors import InputError, UnsupportedError
from pauca.pixels.frames import plane_view
from pauca.sr.upscale import Upscaler
from pauca.streams.carried import (
    add_copies,
    carry_tags,
    copied_streams,
    left_out,
    main_video,
    start,
)
from pauca.streams.library import SUFFIXES, X26_PRESETS, load_av, local, named, steady_x264
from pauca.streams.pictures import formatted, working_format
from pauca.streams.source import Times, Traits, file_traits, length_of
from pauca.streams.stages import Stages

__all__ = ["SUFFIXES", "VideoDone", "VideoOptions", "upscale_video"]

TARGETS = (".mp4", ".m4v", ".mkv", ".mov")
ENOUGH = 0.9  # of a video's length that has frames; audio may be somewhat longer


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
    warn: Callable[[str], None] = lambda text: None,
) -> VideoDone:
    """Upscale `source` into `target`, whole or not at all.

    `report` hears of frames done and in all (0 if unknown), `warn` of what does not go along and of
    frames that are missing. Raises `InputError` (unreadable, no video, no frame that can be
    decoded, settings), `UnsupportedError` (more than 8 bits, alpha, a container that cannot hold a
    stream), `MissingExtraError` without PyAV.
    """
    suffix = Path(target).suffix.lower()
    if suffix not in TARGETS:
        raise UnsupportedError(f"cannot write video as {suffix!r}; use one of {' '.join(TARGETS)}")
    if upscaler.pack.planes != 1:
        raise UnsupportedError(f"{upscaler.pack.info.name} mends RGB; videos need a luma model")
    if options.preset not in X26_PRESETS:
        raise InputError(f"no preset {options.preset!r}; x264 has {', '.join(X26_PRESETS)}")
    av = load_av()
    with named(av, "upscale", source), av.open(local(source)) as container:
        if main_video(container) is None:
            raise InputError(f"{os.fspath(source)} holds no video")
        with atomic_path(target, force) as path, av.open(local(path), "w") as output:
            for name in left_out(container, output):
                warn(f"{name} does not go along to {os.fspath(target)}")
            return _Pipeline(av, container, output, upscaler, options, warn).run(report)


class _Pipeline:
    """Reader thread -> network (the calling thread) -> encoder thread."""

    def __init__(
        self,
        av: Any,
        container: Any,
        output: Any,
        upscaler: Upscaler,
        options: VideoOptions,
        warn: Callable[[str], None],
    ) -> None:
        self.av, self.container, self.output = av, container, output
        self.upscaler, self.warn = upscaler, warn
        self.input = main_video(container)
        self.input.thread_type = "AUTO"
        self.format = working_format(self.input.codec_context.format)
        self.items = self._demuxed()
        self.early: list[Any] = []
        self.traits = self._find_traits()
        self.times = Times(self.traits.step)
        scale = upscaler.scale
        self.width, self.height = self.traits.width * scale, self.traits.height * scale
        self.stream = self._video_stream(options)
        self.copies = add_copies(av, container, output)
        start(av, container, output)
        self.stages = Stages()
        self.frames, self.results = Stages.line(), Stages.line()

    def run(self, report: Callable[[int, int], None]) -> VideoDone:
        """Process everything; the first failure of any stage ends the others and is raised."""
        done = self.stages.run(lambda: self._upscale(report), self._read, self._write)
        stated, shown = self.input.frames, self._shown()
        length = length_of(self.container, self.input)
        if done < stated:
            self.warn(f"{done} of {stated} frames could be decoded")
        elif not stated and shown < ENOUGH * length:
            self.warn(f"frames could be decoded for {shown:.2f} of {length:.2f} seconds")
        return VideoDone(done, self.width, self.height)

    def _shown(self) -> float:
        """Seconds from the video's beginning until its last frame ends."""
        last = self.times.last + self.traits.step - (self.input.start_time or 0)
        return float(last * self.traits.time_base)

    def _demuxed(self) -> Iterator[Any]:
        """Frames of the video and packets of what is copied, in the order of the file."""
        wanted = [self.input, *copied_streams(self.container)]
        for packet in self.container.demux(wanted):
            if packet.stream.index == self.input.index:
                yield from packet.decode()
            elif packet.dts is not None:
                yield packet

    def _find_traits(self) -> Traits:
        """The traits of the video, which its first frame knows; what is read until then is kept."""
        for item in self.items:
            self.early.append(item)
            if isinstance(item, self.av.VideoFrame):
                if item.interlaced_frame:
                    self.warn("the video is interlaced; it is upscaled as if it were not")
                return file_traits(self.container, self.input, item)
        raise InputError("the video has no frames that can be decoded")

    def _upscale(self, report: Callable[[int, int], None]) -> int:
        done = 0
        for item in self.stages.items(self.frames):
            if isinstance(item, self.av.VideoFrame):
                item = self._upscaled(item)
                done += 1
                report(done, self.traits.frames)
            self.stages.put(self.results, item)
        self.stages.put(self.results, None)
        return done

    def _read(self) -> None:
        for item in itertools.chain(self.early, self.items):
            if self.stages.stopped:
                return
            self.stages.put(self.frames, item)
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
        traits = self.traits
        stream = self.output.add_stream("libx264", rate=traits.rate)
        stream.width, stream.height, stream.pix_fmt = self.width, self.height, self.format
        stream.time_base = stream.codec_context.time_base = traits.time_base
        settings = {"crf": f"{options.crf:g}", "preset": options.preset}
        stream.options = settings | steady_x264()
        if traits.aspect:
            stream.codec_context.sample_aspect_ratio = traits.aspect
        for name, value in traits.colours.items():
            setattr(stream.codec_context, name, value)
        carry_tags(self.container, self.input, self.output, stream)
        if traits.matrix:
            stream.set_display_matrix(traits.matrix)
        return stream

    def _upscaled(self, frame: Any) -> Any:
        if (frame.width, frame.height) != (self.traits.width, self.traits.height):
            raise UnsupportedError("the video changes its size on the way")
        pts = self.times.of(frame.pts)
        frame = formatted(frame, self.format)
        planes = self.upscaler.planes([plane_view(p).astype(np.int16) << 4 for p in frame.planes])
        result = self.av.VideoFrame(self.width, self.height, self.format)
        for plane, values in zip(result.planes, planes, strict=True):
            view = plane_view(plane)
            view[:] = (values[: view.shape[0], : view.shape[1]] + np.int16(8)) >> 4
        result.pts, result.time_base = pts, self.traits.time_base
        return result
