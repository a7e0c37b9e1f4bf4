"""The scene that is being coded: frames in, packets and their message out."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from pauca.errors import InputError
from pauca.streams.library import named
from pauca.streams.pictures import resized
from pauca.video.carry import insert, insert_sei
from pauca.video.coders import (
    CodedPacket,
    Coding,
    SceneEncoder,
    Shape,
    decode_scene,
    reorder_delay,
    setting,
)
from pauca.video.message import Scene, encode_message
from pauca.video.nnpf import StandardForm, scene_payloads
from pauca.video.treat import Samples, Treatment, sample_limit
from pauca.video.work import StoredScene


class OpenScene:
    """The scene that is being coded."""

    def __init__(
        self, av: Any, coding: Coding, shape: Shape, treatment: Treatment, padded: tuple[int, int]
    ) -> None:
        self._av, self._coding, self._shape, self._treatment = av, coding, shape, treatment
        self._encoder: SceneEncoder | None = None
        self._packets: list[CodedPacket] = []
        self._samples = Samples(sample_limit(*padded))
        self._start = self._last = 0
        self.count = 0
        self.standard: StandardForm | None = None
        self.is_first = False

    def add(self, frame: Any) -> None:
        """Code the next frame."""
        if self._encoder is None:
            with self._errors():
                self._encoder = SceneEncoder(self._av, self._coding, self._shape)
            self._start = frame.pts
        if self._treatment.looks:
            self._samples.offer(frame)
        if self._treatment.scale == 2:
            frame = resized(frame, self._shape.width, self._shape.height)
        with self._errors():
            self._packets += self._encoder.encode(frame)
        self._last = frame.pts
        self.count += 1

    def finish(self, end: int | None) -> StoredScene:
        """Return the scene with its message; `end` is when the next frame is shown, if one is."""
        assert self._encoder is not None
        with self._errors():
            self._packets += self._encoder.encode(None)
        packets, codec = self._packets, self._coding.codec
        if len(packets) != self.count:
            raise InputError(f"the encoder gave {len(packets)} frames for {self.count}")
        decoded: Iterator[Any] = iter(())
        if self._treatment.looks:
            decoded = decode_scene(
                self._av, codec, self._encoder.extradata, packets, self._shape.traits.time_base
            )
        scene = self._treatment.scene(
            self._samples.kept, decoded, packets, setting(self._coding, packets)
        )
        before = len(packets[0].data)
        packets[0] = replace(packets[0], data=self._carrying(packets[0].data, scene))
        return StoredScene(
            start=self._start,
            end=end if end is not None else self._last + self._shape.traits.step,
            delay=reorder_delay(packets),
            treatment=scene.mode.name.lower(),
            message_bytes=len(packets[0].data) - before,
            packets=tuple(packets),
        )

    def _carrying(self, data: bytes, scene: Scene) -> bytes:
        """Return the first packet with what it is to say."""
        codec = self._coding.codec
        if not scene.plain:
            data = insert(codec, data, encode_message(scene))
        if self.standard is not None:
            for kind, payload in scene_payloads(self.standard, scene, self.is_first):
                data = insert_sei(codec, data, kind, payload)
        return data

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        shape = self._shape
        with named(self._av, "code", f"{shape.width} x {shape.height} by {self._coding.library}"):
            yield
