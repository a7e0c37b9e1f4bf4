"""A file with filters in, restored video out: reader, filters and writer work at the same time."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, BinaryIO

from pauca.errors import InputError, PackError, PaucaError, UnsupportedError
from pauca.streams.carried import copied_streams, main_video
from pauca.streams.library import load_av, local, named
from pauca.streams.pictures import formatted, frame_of, planes_of, resized, working_format
from pauca.streams.source import FORMAT, Traits, file_traits
from pauca.streams.stages import Stages
from pauca.video.message import Mode, Scene
from pauca.video.read import MessageReader, SceneClock, Warn
from pauca.video.restore import Filter
from pauca.video.write import Writer, check_output, open_writer

Finder = Callable[[bytes], Filter]  # from the first bytes of a pack id


@dataclass(frozen=True)
class DecodedVideo:
    """What came out; `restored` frames went through a filter."""

    frames: int
    restored: int
    width: int
    height: int


def decode_video(
    source: str,
    target: str | BinaryIO,
    find: Finder | None,
    threads: int = 1,
    force: bool = False,
    report: Callable[[int, int], None] = lambda done, total: None,
    warn: Warn = lambda text: None,
) -> DecodedVideo:
    """Decode `source` into `target` (.mkv, .mp4, .y4m, a folder, or an open file: y4m).

    `find` None leaves filters out; frames of half size are then interpolated. Raises `InputError`
    (unreadable, no video), `UnsupportedError` (more than 8 bits, alpha, a container that cannot
    hold a stream), `PackError` (a filter that is not installed).
    """
    if isinstance(target, str):
        check_output(target)
    av = load_av()
    with named(av, "decode", source), av.open(local(source)) as container:
        job = _Decode(av, container, source, Filters(find, warn))
        with open_writer(av, target, job.traits, job.format, container, force) as writer:
            for name in writer.left_out:
                warn(f"{name} does not go along to {target}")
            return job.run(writer, threads, report)


class Filters:
    """Filters of the stream's scenes, found once and updated once."""

    def __init__(self, find: Finder | None, warn: Warn) -> None:
        self._find, self.warn = find, warn
        self._packs: dict[bytes, Filter] = {}
        self._last: tuple[Scene, Filter | None] | None = None

    def of(self, scene: Scene | None) -> Filter | None:
        """Return the filter of a scene, None for frames that stay as they are."""
        if scene is None or scene.mode is Mode.OFF or self._find is None:
            return None
        if self._last is None or self._last[0] is not scene:
            self._last = scene, self._made(scene)
        return self._last[1]

    def _made(self, scene: Scene) -> Filter | None:
        assert self._find is not None
        if scene.pack not in self._packs:
            self._packs[scene.pack] = self._find(scene.pack)
        filter = self._packs[scene.pack]
        if filter.scale != scene.scale:
            self.warn(f"a scene asks for a filter of scale {scene.scale}; it is left out")
            return None
        try:
            return filter.updated(scene.update) if scene.update else filter
        except PackError:
            raise
        except PaucaError as error:
            self.warn(f"{error}; the filter is used as it comes")
            return filter


class _Decode:
    """One decode: frames with their scenes, and packets of other streams, in order."""

    def __init__(self, av: Any, container: Any, name: str, filters: Filters) -> None:
        self._av, self._container, self._filters = av, container, filters
        self._stream = main_video(container)
        if self._stream is None:
            raise InputError(f"{name} holds no video")
        self.format = working_format(self._stream.codec_context.format)
        self._stream.thread_type = "AUTO"
        self._reader = MessageReader(self._stream, filters.warn)
        # The output's size is known when the first frame is; packets before it wait.
        items = self._items()
        self._early: list[Any] = []
        for item in items:
            self._early.append(item)
            if isinstance(item, tuple):
                break
        else:
            raise InputError(f"{name} has no frames that can be decoded")
        self._later = items
        frame, scene = self._early[-1]
        self._coded = (frame.width, frame.height)
        self.traits = _restored(file_traits(container, self._stream, frame), scene)

    def run(self, writer: Writer, threads: int, report: Callable[[int, int], None]) -> DecodedVideo:
        """Process everything; the first failure of any stage ends the others and is raised."""
        stages, frames, results = Stages(), Stages.line(), Stages.line()
        counts = [0, 0]

        def read() -> None:
            for item in itertools.chain(self._early, self._later):
                if stages.stopped:
                    return
                if isinstance(item, tuple) or writer.takes_packets:
                    stages.put(frames, item)
            stages.put(frames, None)

        def write() -> None:
            for item in stages.items(results):
                if isinstance(item, self._av.VideoFrame):
                    writer.frame(item)
                    counts[0] += 1
                    report(counts[0], self.traits.frames)
                else:
                    writer.packet(item)
            if not stages.stopped:
                writer.finish()

        def restore() -> None:
            for item in stages.items(frames):
                if isinstance(item, tuple):
                    frame, scene = item
                    filter = self._filters.of(scene)
                    counts[1] += filter is not None
                    item = self._restored(frame, scene, filter, threads)
                stages.put(results, item)
            stages.put(results, None)

        stages.run(restore, read, write)
        return DecodedVideo(counts[0], counts[1], self.traits.width, self.traits.height)

    def _items(self) -> Iterator[Any]:
        """Yield (frame, its scene) and packets of copied streams."""
        clock = SceneClock()
        copied = copied_streams(self._container)
        for packet in self._container.demux([self._stream, *copied]):
            if packet.stream.index != self._stream.index:
                if packet.dts is not None:
                    yield packet
                continue
            if packet.size:
                scene = self._reader.scene_of(packet)
                if scene is not None:
                    clock.announce(packet.pts, scene)
            for frame in packet.decode():
                yield frame, clock.scene_of(frame)

    def _restored(
        self, frame: Any, scene: Scene | None, filter: Filter | None, threads: int
    ) -> Any:
        """Return the frame as it is shown: filtered, without added columns and rows."""
        if (frame.width, frame.height) != self._coded:
            raise UnsupportedError("the video changes its size on the way")
        pts, time_base = frame.pts, frame.time_base
        frame = formatted(frame, self.format)
        if filter is not None and scene is not None and self.format == FORMAT:
            y, u, v = planes_of(frame)
            planes = filter.apply(y, u, v, scene.qp, threads=threads, codec=self._reader.codec)
            frame = self._cut(list(planes))
        elif self._coded != (self.traits.width, self.traits.height):
            frame = self._plain(frame)
        frame.pts, frame.time_base, frame.pict_type = pts, time_base, 0
        return frame

    def _plain(self, frame: Any) -> Any:
        """Interpolate a frame that no filter restores, and cut it to the output's size."""
        scale = -(-self.traits.width // self._coded[0])
        if scale > 1:
            frame = resized(frame, scale * frame.width, scale * frame.height, self.format)
        return self._cut(planes_of(frame))

    def _cut(self, planes: list[Any]) -> Any:
        height, width = self.traits.height, self.traits.width
        if planes[0].shape[0] < height or planes[0].shape[1] < width:
            # A plain frame among frames of twice its size, or the other way round.
            return frame_of(self._av, planes, self.format).reformat(width, height, self.format)
        half = (-(-height // 2), -(-width // 2)) if self.format == FORMAT else (height, width)
        sizes = [(height, width), half, half]
        cut = [plane[:h, :w] for plane, (h, w) in zip(planes, sizes, strict=True)]
        return frame_of(self._av, cut, self.format)


def _restored(traits: Traits, scene: Scene | None) -> Traits:
    """Return the traits of the output."""
    if scene is None:
        return traits
    return replace(
        traits,
        width=max(1, traits.width * scene.scale - scene.crop[0]),
        height=max(1, traits.height * scene.scale - scene.crop[1]),
    )
