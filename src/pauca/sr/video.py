"""Videos at twice their size: decoder, network and encoder work at the same time.

Audio and subtitles are copied, and every frame keeps its timestamp. Video goes through PyAV
(FFmpeg); frames of 8 bits are taken as they are, 4:2:0 or 4:4:4, without a conversion to RGB.
"""

from __future__ import annotations

import contextlib
import os
import queue
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pauca.container.files import atomic_path
from pauca.errors import InputError, MissingExtraError, UnsupportedError
from pauca.pixels.frames import plane_view
from pauca.sr.upscale import Upscaler

SUFFIXES = (".mp4", ".m4v", ".mkv", ".mov", ".webm", ".avi", ".y4m", ".ts", ".mpg", ".mpeg")
TARGETS = (".mp4", ".m4v", ".mkv", ".mov")
AHEAD = 4  # frames that wait between two stages
COPIED = ("audio", "subtitle")
COLOURS = ("color_range", "color_primaries", "color_trc", "colorspace")


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
    av = _load_av()
    with _named(av, source), av.open(os.fspath(source)) as container:
        if not container.streams.video:
            raise InputError(f"{os.fspath(source)} holds no video")
        with atomic_path(target, force) as path, av.open(os.fspath(path), "w") as output:
            return _Pipeline(av, container, output, upscaler, options).run(report)


def _load_av() -> Any:
    try:
        import av
    except ImportError as error:
        raise MissingExtraError('video needs PyAV: pip install "pauca[video]"') from error
    av.logging.set_level(av.logging.PANIC)
    return av


@contextlib.contextmanager
def _named(av: Any, source: str | os.PathLike[str]) -> Iterator[None]:
    try:
        yield
    except (av.error.FFmpegError, EOFError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"cannot upscale {os.fspath(source)}: {reason}") from error


class _Pipeline:
    """Reader thread -> network (the calling thread) -> encoder thread."""

    def __init__(
        self, av: Any, container: Any, output: Any, upscaler: Upscaler, options: VideoOptions
    ) -> None:
        self.av, self.container, self.output = av, container, output
        self.upscaler = upscaler
        self.input = container.streams.video[0]
        self.input.thread_type = "AUTO"
        self.format = _working_format(self.input.codec_context.format)
        scale = upscaler.pack.scale
        self.width, self.height = self.input.width * scale, self.input.height * scale
        self.stream = self._video_stream(options)
        self.copies = {
            stream.index: self._copy_of(stream)
            for stream in container.streams
            if stream.type in COPIED
        }
        self.frames: queue.Queue[Any] = queue.Queue(AHEAD)
        self.results: queue.Queue[Any] = queue.Queue(AHEAD)
        self.failure: BaseException | None = None
        self.stopped = threading.Event()

    def run(self, report: Callable[[int, int], None]) -> VideoDone:
        """Process everything; the first failure of any stage ends the others and is raised."""
        threads = [
            threading.Thread(target=self._guard, args=(stage,))
            for stage in (self._read, self._write)
        ]
        for thread in threads:
            thread.start()
        done = 0
        try:
            for item in self._items(self.frames):
                if isinstance(item, self.av.VideoFrame):
                    item = self._upscaled(item)
                    done += 1
                    report(done, self.input.frames)
                self._put(self.results, item)
            self._put(self.results, None)
        except BaseException:
            self.stopped.set()
            raise
        finally:
            for thread in threads:
                thread.join()
        if self.failure is not None:
            raise self.failure
        if not done:
            raise InputError("the video has no frames that can be decoded")
        return VideoDone(done, self.width, self.height)

    def _guard(self, stage: Callable[[], None]) -> None:
        try:
            stage()
        except BaseException as error:
            self.failure = self.failure or error
            self.stopped.set()

    def _put(self, to: queue.Queue[Any], item: Any) -> None:
        while not self.stopped.is_set():
            with contextlib.suppress(queue.Full):
                to.put(item, timeout=0.2)
                return

    def _items(self, source: queue.Queue[Any]) -> Iterator[Any]:
        while not self.stopped.is_set():
            with contextlib.suppress(queue.Empty):
                item = source.get(timeout=0.2)
                if item is None:
                    return
                yield item

    def _read(self) -> None:
        wanted = [self.input, *(self.container.streams[index] for index in self.copies)]
        for packet in self.container.demux(wanted):
            if self.stopped.is_set():
                return
            if packet.stream.index == self.input.index:
                for frame in packet.decode():
                    self._put(self.frames, frame)
            elif packet.dts is not None:
                self._put(self.frames, packet)
        self._put(self.frames, None)

    def _write(self) -> None:
        for item in self._items(self.results):
            if isinstance(item, self.av.VideoFrame):
                self.output.mux(self.stream.encode(item))
            else:
                item.stream = self.copies[item.stream.index]
                self.output.mux(item)
        if not self.stopped.is_set():
            self.output.mux(self.stream.encode(None))

    def _video_stream(self, options: VideoOptions) -> Any:
        source = self.input.codec_context
        rate = self.input.average_rate or self.input.guessed_rate or 25
        stream = self.output.add_stream("libx264", rate=rate)
        stream.width, stream.height, stream.pix_fmt = self.width, self.height, self.format
        stream.time_base = stream.codec_context.time_base = self.input.time_base
        stream.options = {"crf": f"{options.crf:g}", "preset": options.preset}
        if source.sample_aspect_ratio:
            stream.codec_context.sample_aspect_ratio = source.sample_aspect_ratio
        for name in COLOURS:
            setattr(stream.codec_context, name, getattr(source, name))
        stream.metadata.update(self.input.metadata)
        self.output.metadata.update(self.container.metadata)
        return stream

    def _copy_of(self, stream: Any) -> Any:
        try:
            copy = self.output.add_stream_from_template(stream)
        except (self.av.error.FFmpegError, ValueError) as error:
            name = stream.codec_context.name if stream.codec_context else stream.type
            raise UnsupportedError(
                f"this container cannot hold the {stream.type} ({name}); write .mkv"
            ) from error
        copy.metadata.update(stream.metadata)
        return copy

    def _upscaled(self, frame: Any) -> Any:
        if (frame.width, frame.height) != (self.input.width, self.input.height):
            raise UnsupportedError("the video changes its size on the way")
        pts, time_base = frame.pts, frame.time_base
        if frame.format.name != self.format:
            frame = frame.reformat(format=self.format)
        planes = self.upscaler.planes([plane_view(p).astype(np.int16) << 4 for p in frame.planes])
        result = self.av.VideoFrame(self.width, self.height, self.format)
        for plane, values in zip(result.planes, planes, strict=True):
            view = plane_view(plane)
            view[:] = (values[: view.shape[0], : view.shape[1]] + np.int16(8)) >> 4
        result.pts, result.time_base = pts, time_base
        return result


def _working_format(format: Any) -> str:
    """The pixel format that frames are processed in; UnsupportedError if there is none."""
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
