"""The standard's own form: neural-network post-filter SEI of H.274 in H.265 (spec/video.md, 5).

Payload type 210 (characteristics) describes a filter, once as a base and then as updates of it; 211
(activation) says from which picture on it is applied.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass

from pauca.video.message import Mode, Scene

CHARACTERISTICS, ACTIVATION = 210, 211
ID = 1  # of our filter among those of a stream; 0..255 are free to use
FORMAT = "tag:pauca.video,2026:filter/1"
_QUALITY, _RESOLUTION = 1, 4  # nnpfc_purpose: bits of what a filter does


@dataclass(frozen=True)
class StandardForm:
    """A filter as players that know nothing of us would need it.

    `graph` is its pack as one file; `overlap` in samples around a patch of input.
    """

    graph: bytes
    scale: int
    overlap: int


class Bits:
    """Writes syntax elements; `done` ends with the stop bit where the last byte is not full."""

    def __init__(self) -> None:
        self._bits: list[str] = []

    def u(self, value: int, size: int) -> Bits:
        """Write `size` bits."""
        self._bits.append(format(value, f"0{size}b"))
        return self

    def ue(self, value: int) -> Bits:
        """Write an Exp-Golomb code of order 0."""
        code = format(value + 1, "b")
        self._bits.append("0" * (len(code) - 1) + code)
        return self

    def text(self, value: str) -> Bits:
        """Write a string that ends in a zero byte; the position is aligned."""
        for byte in value.encode() + b"\0":
            self.u(byte, 8)
        return self

    def align(self) -> Bits:
        """Write zeros up to the next byte."""
        return self.u(0, -self._size % 8) if self._size % 8 else self

    def done(self) -> bytes:
        """Return the bytes of the payload."""
        if self._size % 8:
            self.u(1, 1).align()
        text = "".join(self._bits)
        return int(text, 2).to_bytes(len(text) // 8, "big")

    @property
    def _size(self) -> int:
        return sum(map(len, self._bits))


def scene_payloads(form: StandardForm, scene: Scene, is_first: bool) -> list[tuple[int, bytes]]:
    """Return (payload type, payload) of the messages that a scene's key frame carries."""
    if scene.mode is Mode.OFF:
        return [] if is_first else [(ACTIVATION, activation(cancel=True))]
    found = []
    if is_first:  # a player that starts later needs the base, too: it has to look for it
        found.append((CHARACTERISTICS, characteristics(form.graph, form)))
    if scene.update:
        found.append((CHARACTERISTICS, characteristics(scene.update, None)))
    return [*found, (ACTIVATION, activation(is_base=not scene.update))]


def characteristics(data: bytes, form: StandardForm | None) -> bytes:
    """Return a payload of type 210: a base filter of `form`, or an update of it.

    Mode 1 names the network by a URI; a data URI holds it. Mode 0 would be a bitstream of ISO/IEC
    15938-17, which ours is not.
    """
    purpose = _QUALITY | (_RESOLUTION if form is not None and form.scale == 2 else 0)
    bits = Bits().u(purpose, 16).ue(ID).u(form is not None, 1).ue(1).align()
    uri = "data:application/octet-stream;base64," + base64.b64encode(data).decode()
    bits.text(FORMAT).text(uri)
    bits.u(form is not None, 1)  # nnpfc_property_present_flag
    if form is not None:
        _properties(bits, form)
    return bits.done()


def activation(is_base: bool = True, cancel: bool = False) -> bytes:
    """Return a payload of type 211: from this picture on, until another one says otherwise."""
    bits = Bits().ue(ID).u(cancel, 1)
    if not cancel:
        bits.u(1, 1)  # nnpfa_persistence_flag
        bits.u(is_base, 1)  # nnpfa_target_base_flag
        bits.u(0, 1)  # nnpfa_no_prev_clvs_flag
        bits.u(0, 1)  # nnpfa_no_foll_clvs_flag
        bits.ue(1).u(1, 1)  # one output picture, which is shown
    return bits.done()


def _properties(bits: Bits, form: StandardForm) -> None:
    bits.ue(0)  # one input picture
    if form.scale == 2:
        bits.ue(1).ue(0).ue(1).ue(0)  # width and height times 2 / 1
    bits.u(0, 1)  # components come first
    bits.ue(1).ue(0).ue(2)  # input: unsigned integers, nothing beside, luma and both chroma
    bits.ue(0).ue(0)  # of 8 bits
    bits.ue(1).ue(2).ue(0).ue(0)  # output: the same
    bits.u(0, 1)  # colours are those of the stream
    bits.u(0, 1)  # and so is the place of chroma samples
    bits.ue(form.overlap)
    bits.u(0, 1).ue(1).ue(1)  # patches of any even width and height
    bits.ue(1)  # outside, the border is repeated
    bits.u(0, 1)  # nothing is said of complexity
    bits.ue(0)  # no extension
