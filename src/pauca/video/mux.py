"""Finished scenes and what the source carries, joined in one MP4, MOV, Matroska or WebM file."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from pauca.container.files import atomic_path
from pauca.errors import UnsupportedError
from pauca.streams.carried import (
    Copies,
    add_copies,
    carry_tags,
    copied_streams,
    left_out,
    main_video,
    start,
)
from pauca.streams.library import local, named
from pauca.video.coders import Coding, Shape, configure, display_order
from pauca.video.work import StoredScene

TARGETS = (".mp4", ".m4v", ".mov", ".mkv", ".webm")


@dataclass(frozen=True)
class Output:
    """A file to write: its path, whether it may replace one, and the file that streams are copied
    from (None: nothing is carried).
    """

    path: str | os.PathLike[str]
    force: bool = False
    source: str | None = None


def check_target(path: str | os.PathLike[str], codec: str) -> None:
    """Raise `UnsupportedError` if no file of this name can hold this codec."""
    suffix = Path(path).suffix.lower()
    if suffix not in TARGETS:
        raise UnsupportedError(f"cannot write video as {suffix!r}; use one of {' '.join(TARGETS)}")
    if suffix == ".webm" and codec != "av1":
        raise UnsupportedError(f"WebM cannot hold {codec}; use --codec av1 or .mkv")


def write_file(
    av: Any,
    output: Output,
    coding: Coding,
    shape: Shape,
    scenes: Callable[[], Iterable[StoredScene]],
    warn: Callable[[str], None] = lambda text: None,
) -> None:
    """Write `scenes`, which are read twice, and copies of the source's other streams."""
    with contextlib.ExitStack() as stack:
        source = None
        if output.source is not None:
            stack.enter_context(named(av, "read", output.source))
            source = stack.enter_context(av.open(local(output.source)))
        path = stack.enter_context(atomic_path(output.path, output.force))
        stack.enter_context(named(av, "write", output.path))
        container = stack.enter_context(av.open(local(path), "w"))
        stream = _video_stream(container, coding, shape)
        copies = Copies(av)
        if source is not None:
            copies = add_copies(av, source, container)
            carry_tags(source, main_video(source), container, stream)
            for name in left_out(source, container):
                warn(f"{name} does not go along to {os.fspath(output.path)}")
            start(av, source, container)
        videos = _timed(av, scenes, stream, shape.traits.time_base)
        if copies:
            _interleave(container, source, copies, videos)
        for packet in videos:
            container.mux_one(packet)


def _video_stream(container: Any, coding: Coding, shape: Shape) -> Any:
    """Add a stream for the scenes' packets.

    Its encoder is set up as that of the scenes, so that the file has their parameter sets, colours,
    aspect; it is never given a frame.
    """
    stream = container.add_stream(coding.library, rate=shape.traits.rate)
    configure(stream.codec_context, coding, shape)
    stream.time_base = shape.traits.time_base
    if coding.codec == "hevc" and container.format.name in ("mp4", "mov"):
        stream.codec_context.codec_tag = "hvc1"  # what Apple's players ask for
    if shape.traits.matrix:
        stream.set_display_matrix(shape.traits.matrix)
    return stream


def _timed(
    av: Any, scenes: Callable[[], Iterable[StoredScene]], stream: Any, time_base: Fraction
) -> Iterator[Any]:
    """Yield the packets of all scenes with the times of decoding, in `time_base`.

    A frame is decoded when the one `delay` places before it is shown; before the first there are
    as many steps as the first `delay` frames take (the rule of x264).
    """
    delay = max((scene.delay for scene in scenes()), default=0)
    shown = _times_shown(scenes())
    ahead = [time for time, _ in zip(shown, range(delay + 1), strict=False)]
    lead = ahead[-1] - ahead[0] + max(0, delay + 1 - len(ahead))
    early = [time - lead for time in ahead[:delay]]
    decoded = _chained(early, _times_shown(scenes()))
    for scene in scenes():
        durations = _durations(scene)
        for coded in scene.packets:
            packet = av.Packet(coded.data)
            packet.pts, packet.dts = scene.start + coded.pts, next(decoded)
            packet.time_base, packet.duration = time_base, durations[coded.pts]
            packet.is_keyframe, packet.stream = coded.is_key, stream
            yield packet


def _times_shown(scenes: Iterable[StoredScene]) -> Iterator[int]:
    for scene in scenes:
        for coded in display_order(scene.packets):
            yield scene.start + coded.pts


def _durations(scene: StoredScene) -> dict[int, int]:
    """How long each frame is shown, by its time in the scene."""
    times = [coded.pts for coded in display_order(scene.packets)]
    ends = [*times[1:], scene.end - scene.start]
    return {time: max(1, end - time) for time, end in zip(times, ends, strict=True)}


def _chained(first: list[int], rest: Iterator[int]) -> Iterator[int]:
    yield from first
    yield from rest


def _interleave(container: Any, source: Any, copies: Copies, videos: Iterator[Any]) -> None:
    """Copy packets of `source` in their order, video packets before them up to the same time."""
    waiting = next(videos, None)
    for packet in source.demux(copied_streams(source)):
        if packet.dts is None:
            continue
        time = packet.dts * packet.time_base
        while waiting is not None and waiting.dts * waiting.time_base <= time:
            container.mux_one(waiting)
            waiting = next(videos, None)
        copy = copies.packet(packet)
        if copy is not None:
            container.mux_one(copy)
    if waiting is not None:
        container.mux_one(waiting)
