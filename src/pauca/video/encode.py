"""Video in, a standard file out: scenes are found, coded, judged, stored, and joined at the end.

source -> frames -> scenes -> packets -> decoded again -> filter and update -> message in the first
packet -> file. Memory holds a few frames, the samples of one scene and its packets.
"""

from __future__ import annotations

import os
import secrets
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO

from pauca import __version__
from pauca.container.files import check_target as check_free
from pauca.errors import InputError
from pauca.streams.library import check_x265, load_av
from pauca.streams.source import Source, open_source
from pauca.streams.stages import Stages
from pauca.video.coders import Coding, Shape
from pauca.video.mux import Output, check_target, write_file
from pauca.video.nnpf import StandardForm
from pauca.video.open_scene import OpenScene
from pauca.video.restore import Filter, Fit
from pauca.video.scenes import LONGEST, CutFinder
from pauca.video.treat import Treatment
from pauca.video.work import StoredScene, Work, identity

_BITRATE_WINDOW = 10  # seconds in which a wrong bitrate of finished scenes is made good


@dataclass(frozen=True)
class VideoOptions:
    """How a video is coded. `scale` 2 codes half the width and height, which the filter restores.

    `filter` None sends none; `fit` fits it to each scene in about `seconds`. `rate` is frames a
    second of a folder of pictures. `standard` adds the filter as H.274 has it, in H.265 alone.
    """

    coding: Coding = field(default_factory=Coding)
    scale: int = 1
    filter: Filter | None = None
    fit: Fit | None = None
    seconds: float = 0.0
    longest: int = LONGEST
    threads: int = 1
    rate: Fraction | None = None
    standard: StandardForm | None = None


@dataclass(frozen=True)
class VideoDone:
    """What came out: `treatments` counts scenes by what their filter does."""

    frames: int
    width: int
    height: int
    scenes: int
    bytes: int
    video_bytes: int
    message_bytes: int
    treatments: dict[str, int]
    resumed: int  # frames that an earlier run had coded


Report = Callable[[int, int], None]


def encode_video(
    source: str | BinaryIO,
    target: str | os.PathLike[str],
    options: VideoOptions = VideoOptions(),
    force: bool = False,
    report: Report = lambda done, total: None,
    warn: Callable[[str], None] = lambda text: None,
) -> VideoDone:
    """Code a video file, a folder of pictures or y4m from an open file into `target`, whole or not
    at all.

    `report` hears of frames done and in all (0 if unknown), `warn` of what cannot go along. After a
    kill or an interrupt the same call on a file goes on and gives the same bytes. Raises
    `InputError` (unreadable, no video, settings), `UnsupportedError` (more than 8 bits, alpha, a
    container that cannot hold a stream), `MissingExtraError` without PyAV.
    """
    options.coding.check()
    check_target(target, options.coding.codec)
    check_free(target, force)
    if options.filter is not None and options.filter.scale != options.scale:
        raise InputError(f"the filter restores scale {options.filter.scale}, not {options.scale}")
    if options.standard is not None and options.coding.codec != "hevc":
        raise InputError("post-filter SEI is a form of H.265; use --codec hevc")
    av = load_av()
    with open_source(av, source, options.rate) as opened:
        work = Work(Path(os.path.realpath(target)), _job(source, options))
        with work.opened():
            job = _Job(av, opened, options, work)
            job.run(report)
            carried = source if isinstance(source, str) and not Path(source).is_dir() else None
            output = Output(target, force, carried)
            write_file(av, output, options.coding, job.shape, job.stored, warn)
            return job.done(os.path.getsize(target))


def _job(source: str | BinaryIO, options: VideoOptions) -> dict[str, Any]:
    """Everything that the bytes of a scene depend on."""
    try:
        # A pipe cannot be read again: its job is never found.
        found = identity(source) if isinstance(source, str) else {"pipe": secrets.token_hex(8)}
    except OSError as error:
        raise InputError(f"cannot read {source}: {error.strerror}") from error
    return {
        "version": __version__,
        "source": found,
        "coding": asdict(options.coding),
        "scale": options.scale,
        "filter": options.filter.pack_id.hex() if options.filter else None,
        "fit": options.seconds if options.fit else None,
        "longest": options.longest,
        "rate": str(options.rate),
        "standard": options.standard is not None,
    }


class _Job:
    """One encode: scenes that are there, then the others."""

    def __init__(self, av: Any, source: Source, options: VideoOptions, work: Work) -> None:
        self._av, self._source, self._options, self._work = av, source, options, work
        traits = source.traits
        self._padded = traits.padded(2 * options.scale)
        width, height = (side // options.scale for side in self._padded)
        if options.coding.codec == "hevc":
            check_x265(width, height)
        self.shape = Shape(traits, width, height, options.longest)
        self._treatment = Treatment(
            codec=options.coding.codec,
            scale=options.scale,
            crop=(self._padded[0] - traits.width, self._padded[1] - traits.height),
            filter=options.filter,
            fit=options.fit,
            seconds=options.seconds,
            threads=options.threads,
        )
        self._scenes = work.count()
        self._bytes = self._message_bytes = self._frames = 0
        self._seconds = 0.0
        self._treatments: Counter[str] = Counter()
        for scene in self.stored():
            self._count(scene)
        self._resumed = self._frames

    def stored(self) -> Iterator[StoredScene]:
        """Yield the finished scenes."""
        return (self._work.load(index) for index in range(self._scenes))

    def run(self, report: Report) -> None:
        """Code the scenes that are missing: a thread reads, the calling one codes."""
        stages, frames = Stages(), Stages.line()

        def read() -> None:
            for frame in self._source.frames(2 * self._options.scale, skip=self._resumed):
                if stages.stopped:
                    return
                stages.put(frames, frame)
            stages.put(frames, None)

        stages.run(lambda: self._code(stages.items(frames), report), read)
        if not self._frames:
            raise InputError("the video has no frames that can be decoded")

    def done(self, size: int) -> VideoDone:
        """Return what came out, in a file of `size` bytes."""
        traits = self.shape.traits
        return VideoDone(
            self._frames, traits.width, traits.height, self._scenes, size, self._bytes,
            self._message_bytes, dict(self._treatments), self._resumed,
        )  # fmt: skip

    def _code(self, frames: Iterator[Any], report: Report) -> None:
        finder, scene = CutFinder(self._options.longest), self._new_scene()
        done = self._frames
        for frame in frames:
            if finder.starts(frame):
                self._finish(scene, frame.pts)
                scene = self._new_scene()
            scene.add(frame)
            done += 1
            report(done, self.shape.traits.frames)
        if scene.count:
            self._finish(scene, None)

    def _new_scene(self) -> OpenScene:
        coding = self._options.coding
        if coding.bitrate:
            surplus = coding.bitrate * self._seconds - 8 * self._bytes
            wanted = coding.bitrate + surplus / _BITRATE_WINDOW
            kept = min(max(wanted, coding.bitrate / 2), coding.bitrate * 1.5)
            coding = Coding(coding.codec, coding.crf, round(kept), coding.preset)
        scene = OpenScene(self._av, coding, self.shape, self._treatment, self._padded)
        scene.standard, scene.is_first = self._options.standard, self._scenes == 0
        return scene

    def _finish(self, scene: OpenScene, end: int | None) -> None:
        stored = scene.finish(end)
        self._work.save(self._scenes, stored)
        self._scenes += 1
        self._count(stored)

    def _count(self, scene: StoredScene) -> None:
        self._frames += len(scene.packets)
        self._bytes += scene.size
        self._message_bytes += scene.message_bytes
        self._treatments[scene.treatment] += 1
        self._seconds += float((scene.end - scene.start) * self.shape.traits.time_base)
