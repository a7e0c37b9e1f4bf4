"""The standard encoders and decoders: settings, one scene in, packets out, packets in, frames out.

Every scene has an encoder of its own, so that its packets depend on its frames alone: a long
encode goes on after a kill with the same bytes, and every scene starts with a key frame.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from pauca.errors import InputError
from pauca.streams.library import X26_PRESETS, steady_x264
from pauca.streams.source import FORMAT, Traits
from pauca.video.carry import without_encoder_info

LIBRARY = {"h264": "libx264", "hevc": "libx265", "av1": "libsvtav1"}
CRF = {"h264": 23.0, "hevc": 28.0, "av1": 35.0}  # the encoders' own defaults
MAX_CRF = {"h264": 51, "hevc": 51, "av1": 63}
PRESETS = {
    "h264": (*X26_PRESETS, "placebo"),
    "hevc": (*X26_PRESETS, "placebo"),
    "av1": tuple(str(preset) for preset in range(13, -1, -1)),
}
_EFFORTS = {
    "h264": (*X26_PRESETS[1:], "veryslow"),
    "hevc": (*X26_PRESETS[1:], "veryslow"),
    "av1": ("12", "11", "10", "9", "8", "6", "5", "4", "3"),
}
_LAMBDA_PER_QP = 118  # FF_QP2LAMBDA: packets state their QP times this


@dataclass(frozen=True)
class Coding:
    """How frames are coded: by quality (`crf`) or, if given, `bitrate` in bits a second."""

    codec: str = "h264"
    crf: float = 23.0
    bitrate: int | None = None
    preset: str = "medium"

    def check(self) -> None:
        """Raise `InputError` for settings that the encoder would not take."""
        if self.codec not in LIBRARY:
            raise InputError(f"codec: one of {', '.join(LIBRARY)}")
        if self.preset not in PRESETS[self.codec]:
            raise InputError(f"presets of {self.codec}: {' '.join(PRESETS[self.codec])}")
        if not 0 <= self.crf <= MAX_CRF[self.codec]:
            raise InputError(f"crf of {self.codec} is 0 to {MAX_CRF[self.codec]}")

    @property
    def library(self) -> str:
        """The encoder's name in FFmpeg."""
        return LIBRARY[self.codec]


@dataclass(frozen=True)
class CodedPacket:
    """One coded frame in order of decoding; `pts` counts from the scene's start."""

    data: bytes
    pts: int
    is_key: bool
    qp: int


def preset_of(codec: str, effort: int) -> str:
    """Return the preset of an effort 1..9; 5 is what the encoders take for medium."""
    return _EFFORTS[codec][effort - 1]


@dataclass(frozen=True)
class Shape:
    """What all scenes of a video share: coded width and height, frames of the longest scene."""

    traits: Traits
    width: int
    height: int
    longest: int


def configure(context: Any, coding: Coding, shape: Shape) -> None:
    """Set up `context`, an encoder that is not yet open."""
    traits = shape.traits
    context.width, context.height = shape.width, shape.height
    context.pix_fmt = FORMAT
    context.time_base, context.framerate = traits.time_base, traits.rate
    context.gop_size = shape.longest
    if traits.aspect:
        context.sample_aspect_ratio = traits.aspect
    for name, value in traits.colours.items():
        setattr(context, name, value)
    options = {"preset": coding.preset}
    if coding.bitrate:
        context.bit_rate = coding.bitrate
    else:
        options["crf"] = f"{coding.crf:g}"
    if coding.codec == "h264":
        options |= steady_x264()
    if coding.codec == "hevc":
        # Its own SEI with settings takes 2.3 kB; open groups would reach over the scene's start.
        options["x265-params"] = "log-level=none:info=0:open-gop=0"
    context.options = options


class SceneEncoder:
    """Codes the frames of one scene."""

    def __init__(self, av: Any, coding: Coding, shape: Shape) -> None:
        self._coding = coding
        self._context = av.CodecContext.create(coding.library, "w")
        configure(self._context, coding, shape)
        self._context.flags |= av.codec.context.Flags.global_header
        self._context.open()
        self._start: int | None = None

    @property
    def extradata(self) -> bytes:
        """Parameter sets as the encoder gives them."""
        return self._context.extradata or b""

    def encode(self, frame: Any | None) -> list[CodedPacket]:
        """Take the next frame, or None at the end; return what is ready."""
        if frame is not None:
            if self._start is None:
                self._start = frame.pts
            pts, frame.pts = frame.pts, frame.pts - self._start
            packets = self._context.encode(frame)
            frame.pts = pts
        else:
            packets = self._context.encode(None)
        return [self._coded(packet) for packet in packets]

    def _coded(self, packet: Any) -> CodedPacket:
        data = without_encoder_info(self._coding.codec, bytes(packet))
        return CodedPacket(data, packet.pts, packet.is_keyframe, _qp_of(packet, self._coding))


def decode_scene(
    av: Any, codec: str, extradata: bytes, packets: Sequence[CodedPacket], time_base: Fraction
) -> Iterator[Any]:
    """Yield the decoded frames of a scene in order of display."""
    context = av.CodecContext.create(codec if codec != "av1" else "libdav1d", "r")
    if extradata and codec != "av1":
        context.extradata = extradata
    context.thread_type = "AUTO"
    for coded in packets:
        packet = av.Packet(coded.data)
        packet.pts, packet.time_base = coded.pts, time_base
        yield from context.decode(packet)
    yield from context.decode(None)


def display_order(packets: Sequence[CodedPacket]) -> list[CodedPacket]:
    """Return packets by time of display."""
    return sorted(packets, key=lambda packet: packet.pts)


def reorder_delay(packets: Sequence[CodedPacket]) -> int:
    """How many frames are decoded, at most, before the one that is shown first of them."""
    rank = {packet.pts: place for place, packet in enumerate(display_order(packets))}
    return max(i - rank[packet.pts] for i, packet in enumerate(packets))


def setting(coding: Coding, packets: Sequence[CodedPacket]) -> int:
    """Return what filters know of the encoder: its CRF, or at a bitrate its mean QP, 0..63."""
    if not coding.bitrate:
        return round(coding.crf)
    return round(sum(packet.qp for packet in packets) / len(packets))


def _qp_of(packet: Any, coding: Coding) -> int:
    """The QP that the encoder states for a frame."""
    if not packet.has_sidedata("quality_stats"):
        return round(coding.crf)
    quality: int = struct.unpack_from("<i", bytes(packet.get_sidedata("quality_stats")))[0]
    return min(63, max(0, round(quality / _LAMBDA_PER_QP)))
