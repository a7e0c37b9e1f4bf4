"""What the stream says of one scene: which filter, the encoder's setting, the filter's update.

The layout is section 2 of spec/video.md. A message is small on purpose: at low rates a scene of
some seconds takes a few thousand bytes in all.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from enum import IntEnum

from pauca.container.cursor import Cursor, encode_varint
from pauca.errors import FormatError, UnsupportedError

VERSION = 1
PACK_BYTES = 4  # of a pack id: enough to tell installed packs apart
MAX_FRAMES = 1 << 14  # of one scene
MAX_UPDATE = 1 << 16
MAX_QP = 63
_CHECK = 4


class Mode(IntEnum):
    """What happens to the frames of a scene."""

    OFF = 0  # nothing; at half size, a plain interpolation
    GENERIC = 1  # the filter as it is shipped
    UPDATED = 2  # the filter with the update that the message holds


@dataclass(frozen=True)
class Scene:
    """One scene: `frames` that follow its key frame in order of display, and how they are treated.

    `scale` is 2 where the coded size is half. `crop` counts columns and rows that the restored
    picture has too many. `qp`, 0..63, is what the encoder was set to (`spec/filter.md`, section 2).
    """

    mode: Mode
    frames: int
    scale: int = 1
    crop: tuple[int, int] = (0, 0)
    pack: bytes = b""
    qp: int = 0
    update: bytes = b""

    @property
    def plain(self) -> bool:
        """Whether a decoder shows the same without this message."""
        return self.mode is Mode.OFF and self.scale == 1 and self.crop == (0, 0)


def encode_message(scene: Scene) -> bytes:
    """Return the bytes of `scene`."""
    flags = scene.mode | (scene.scale - 1) << 2 | scene.crop[0] << 3 | scene.crop[1] << 5
    body = bytes([VERSION, flags]) + encode_varint(scene.frames)
    if scene.mode is not Mode.OFF:
        body += scene.pack[:PACK_BYTES] + bytes([scene.qp]) + scene.update
    return body + zlib.crc32(body).to_bytes(_CHECK, "little")


def decode_message(data: bytes) -> Scene:
    """Return the scene of a message.

    Raises `FormatError` (damaged) or `UnsupportedError` (a newer version).
    """
    body, check = data[:-_CHECK], data[-_CHECK:]
    if len(body) < 3 or zlib.crc32(body).to_bytes(_CHECK, "little") != check:
        raise FormatError("a message about the filter is damaged")
    if body[0] != VERSION:
        raise UnsupportedError(f"a message about the filter has version {body[0]}; this reads 1")
    flags = body[1]
    if flags & 3 > 2 or flags & 128:
        raise FormatError("a message about the filter has unknown flags")
    mode, scale = Mode(flags & 3), (flags >> 2 & 1) + 1
    crop = (flags >> 3 & 3, flags >> 5 & 3)
    cursor = Cursor(body[2:], "message about the filter")
    frames = cursor.varint()
    if not 0 < frames <= MAX_FRAMES:
        raise FormatError(f"a scene of {frames} frames")
    if mode is Mode.OFF:
        cursor.finish()
        return Scene(mode, frames, scale, crop)
    pack = bytes(cursor.take(PACK_BYTES))
    qp = cursor.u8()
    if qp > MAX_QP:
        raise FormatError("a scene's QP is out of range")
    update = bytes(cursor.take(cursor.remaining))
    if len(update) > MAX_UPDATE or bool(update) != (mode is Mode.UPDATED):
        raise FormatError("a scene's update has a wrong size")
    return Scene(mode, frames, scale, crop, pack, qp, update)
