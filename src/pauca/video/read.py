"""Our messages in the packets of a stream: found, checked, matched with frames; shown by `info`."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pauca.errors import InputError, PaucaError
from pauca.streams.carried import main_video
from pauca.streams.library import load_av, local, named
from pauca.video.carry import CODECS, UUID, extract
from pauca.video.message import Mode, Scene, decode_message
from pauca.video.nal import length_size_of

Warn = Callable[[str], None]


class MessageReader:
    """Reads the scene that starts with a packet; what is damaged is warned of and ignored."""

    def __init__(self, stream: Any, warn: Warn) -> None:
        context = stream.codec_context
        self.codec = _CODEC_NAMES.get(context.name, context.name)
        self._ours = self.codec in CODECS
        self.length_size = 0
        if self._ours and self.codec != "av1":
            self.length_size = length_size_of(self.codec, context.extradata)
        self._warn, self._warned = warn, False

    def scene_of(self, packet: Any) -> Scene | None:
        """Return the scene that starts with `packet`, if it is a key frame with a message."""
        if not self._ours or not packet.is_keyframe:
            return None
        for message in extract(self.codec, bytes(packet), self.length_size):
            try:
                return decode_message(message)
            except PaucaError as error:
                if not self._warned:  # once is enough for a file
                    self._warn(f"{error}; it is ignored")
                    self._warned = True
        return None


_CODEC_NAMES = {"libdav1d": "av1", "libaom-av1": "av1"}


class SceneClock:
    """Says which scene a decoded frame belongs to."""

    def __init__(self) -> None:
        self._coming: list[tuple[int | None, Scene]] = []
        self._scene: Scene | None = None
        self._left = 0

    def announce(self, pts: int | None, scene: Scene) -> None:
        """Take a scene whose first frame is shown at `pts`."""
        self._coming.append((pts, scene))

    def scene_of(self, frame: Any) -> Scene | None:
        """Return the scene of the next frame in order of display, None for a plain frame."""
        while self._coming and self._is_due(frame):
            self._scene = self._coming.pop(0)[1]
            self._left = self._scene.frames
        # A scene has an end: what another tool has appended is none of ours.
        self._left -= 1
        return self._scene if self._left >= 0 else None

    def _is_due(self, frame: Any) -> bool:
        pts = self._coming[0][0]
        if pts is None or frame.pts is None:  # raw streams have no times
            return self._left <= 0 or bool(frame.key_frame)
        return bool(frame.pts >= pts)


@dataclass(frozen=True)
class VideoInfo:
    """What a video file is and what it carries of ours; sizes in bytes."""

    codec: str
    width: int
    height: int
    frames: int
    seconds: float
    bytes: int
    scenes: int
    treatments: dict[str, int]
    scale: int
    restored_width: int
    restored_height: int
    packs: tuple[str, ...]
    message_bytes: int
    update_bytes: int


def video_info(source: str, warn: Warn = lambda text: None) -> VideoInfo:
    """Look at the packets of a video file; nothing is decoded. Raises `InputError`."""
    av = load_av()
    with named(av, "read", source), av.open(local(source)) as container:
        stream = main_video(container)
        if stream is None:
            raise InputError(f"{source} holds no video")
        reader = MessageReader(stream, warn)
        frames = size = messages = 0
        scenes: list[Scene] = []
        first = last = None
        for packet in container.demux(stream):
            if not packet.size:
                continue
            frames += 1
            if packet.pts is not None:
                first = packet.pts if first is None else min(first, packet.pts)
                last = max(last or 0, packet.pts + (packet.duration or 0))
            scene = reader.scene_of(packet)
            if scene is not None:
                scenes.append(scene)
                data = extract(reader.codec, bytes(packet), reader.length_size)
                messages += len(UUID) + len(data[0])
        size = os.path.getsize(source)
        seconds = float((last - first) * stream.time_base) if last is not None else 0.0
        return _info(reader.codec, stream, frames, seconds, size, scenes, messages)


def _info(
    codec: str, stream: Any, frames: int, seconds: float, size: int, scenes: list[Scene],
    messages: int,
) -> VideoInfo:  # fmt: skip
    counts = {mode.name.lower(): sum(s.mode is mode for s in scenes) for mode in Mode}
    scale = scenes[0].scale if scenes else 1
    crop = scenes[0].crop if scenes else (0, 0)
    return VideoInfo(
        codec=codec,
        width=stream.width,
        height=stream.height,
        frames=frames,
        seconds=round(seconds, 3),
        bytes=size,
        scenes=len(scenes),
        treatments={name: count for name, count in counts.items() if count},
        scale=scale,
        restored_width=stream.width * scale - crop[0],
        restored_height=stream.height * scale - crop[1],
        packs=tuple(sorted({scene.pack.hex() for scene in scenes if scene.pack})),
        message_bytes=messages,
        update_bytes=sum(len(scene.update) for scene in scenes),
    )
