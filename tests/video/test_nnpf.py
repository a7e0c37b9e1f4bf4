"""The standard's post-filter SEI: its syntax, read back, and pictures that do not change."""

import base64
from dataclasses import replace
from pathlib import Path

import pytest

from pauca.errors import InputError
from pauca.video import nal
from pauca.video.encode import encode_video
from pauca.video.nnpf import FORMAT, StandardForm, activation, characteristics

from .clips import Adder, planes_in, same, write_clip
from .test_encode import fit_to, quick

pytest.importorskip("av")


class Reader:
    def __init__(self, data: bytes) -> None:
        self.bits, self.at = "".join(format(byte, "08b") for byte in data), 0

    def u(self, size: int) -> int:
        self.at += size
        return int(self.bits[self.at - size : self.at], 2)

    def ue(self) -> int:
        zeros = self.bits.index("1", self.at) - self.at
        self.at += zeros
        return self.u(zeros + 1) - 1

    def text(self) -> str:
        self.at = -(-self.at // 8) * 8
        found = bytearray()
        while byte := self.u(8):
            found.append(byte)
        return found.decode()

    def ended(self) -> bool:
        rest = self.bits[self.at :]
        return rest == "" or (len(rest) < 8 and rest.strip("0") == "1" and rest[0] == "1")


@pytest.mark.parametrize("scale", [1, 2])
def test_characteristics(scale: int) -> None:
    graph = bytes(range(256)) * 3
    r = Reader(characteristics(graph, StandardForm(graph, scale, 10)))
    assert (r.u(16), r.ue(), r.u(1), r.ue()) == (1 if scale == 1 else 5, 1, 1, 1)
    assert r.text() == FORMAT
    assert base64.b64decode(r.text().split(",")[1]) == graph
    assert (r.u(1), r.ue()) == (1, 0)
    if scale == 2:
        assert [r.ue() for _ in range(4)] == [1, 0, 1, 0]
    assert r.u(1) == 0 and [r.ue() for _ in range(9)] == [1, 0, 2, 0, 0, 1, 2, 0, 0]
    assert (r.u(1), r.u(1), r.ue(), r.u(1)) == (0, 0, 10, 0)
    assert [r.ue() for _ in range(3)] == [1, 1, 1]
    assert (r.u(1), r.ue()) == (0, 0) and r.ended()


def test_updates_and_activation() -> None:
    r = Reader(characteristics(b"change", None))
    assert (r.u(16), r.ue(), r.u(1), r.ue()) == (1, 1, 0, 1)
    assert r.text() == FORMAT and base64.b64decode(r.text().split(",")[1]) == b"change"
    assert r.u(1) == 0 and r.ended()
    r = Reader(activation(is_base=False))
    assert (r.ue(), r.u(1), r.u(1), r.u(1), r.u(1), r.u(1), r.ue(), r.u(1)) == (
        1, 0, 1, 0, 0, 0, 1, 1,
    )  # fmt: skip
    assert r.ended()
    r = Reader(activation(cancel=True))
    assert (r.ue(), r.u(1)) == (1, 1) and r.ended()


def test_a_stream_with_both_forms_shows_the_same(tmp_path: Path) -> None:
    import av

    source = write_clip(tmp_path / "in.mkv", 24, cuts=(12,), codec="ffv1")
    graph = bytes(43_000)
    options = quick("hevc", filter=Adder(), fit=fit_to(b"up\x05"))
    encode_video(str(source), tmp_path / "ours.mp4", options)
    both = replace(options, standard=StandardForm(graph, 1, 10))
    encode_video(str(source), tmp_path / "both.mp4", both)
    assert same(planes_in(tmp_path / "ours.mp4"), planes_in(tmp_path / "both.mp4"))
    kinds = []
    with av.open(str(tmp_path / "both.mp4")) as file:
        for packet in file.demux(video=0):
            for unit in nal.split_units(bytes(packet), 4):
                if nal.SYNTAX["hevc"].type_of(unit) == 39:
                    kinds += [kind for kind, _ in nal.sei_messages(nal.SYNTAX["hevc"], unit)]
    ours = [kind for kind in kinds if kind in (5, 210, 211)]
    assert sorted(ours) == [5, 5, 210, 210, 210, 211, 211]
    with pytest.raises(InputError, match="hevc"):
        encode_video(str(source), tmp_path / "b.mp4", replace(both, coding=quick("h264").coding))
