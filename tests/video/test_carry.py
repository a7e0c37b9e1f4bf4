"""Messages in packets: framing, emulation prevention, foreign and broken data."""

import random

import pytest

from pauca.errors import PaucaError
from pauca.video import nal, obu
from pauca.video.carry import MAX_BYTES, UUID, extract, insert, without_encoder_info
from pauca.video.message import MAX_FRAMES, Mode, Scene, decode_message, encode_message

SLICES = {
    "h264": [b"\x09\xf0", b"\x67\x64\x00\x0b", b"\x68\xeb\xe3", b"\x65\x88\x84\x00\x33"],
    "hevc": [b"\x46\x01\x50", b"\x40\x01\x0c", b"\x42\x01\x01", b"\x44\x01\xc1", b"\x26\x01\xaf"],
}
MESSAGES = [
    b"",
    b"x",
    bytes(7),
    bytes(300),
    b"\x00\x00\x01" * 90,
    b"\xff" * 255,
    bytes(range(4)) * 99,
]


def packet_of(codec: str) -> bytes:
    if codec == "av1":
        return b"\x12\x00" + b"\x0a\x03\x00\x00\x01" + b"\x32\x04abcd"
    return nal.join_units(SLICES[codec])


def prefixed(packet: bytes, size: int = 4) -> bytes:
    return b"".join(len(u).to_bytes(size, "big") + u for u in nal.split_units(packet))


@pytest.mark.parametrize("codec", ["h264", "hevc", "av1"])
@pytest.mark.parametrize("message", MESSAGES)
def test_a_message_comes_back(codec: str, message: bytes) -> None:
    packet = packet_of(codec)
    carrying = insert(codec, packet, message)
    assert extract(codec, carrying) == [message]
    assert extract(codec, packet) == []
    if codec == "av1":
        units = [(kind, body) for kind, _, body in obu.split_obus(carrying)]
        assert [kind for kind, _ in units] == [2, 1, 5, 6]
        assert [u for u in units if u[0] != 5] == [(k, b) for k, _, b in obu.split_obus(packet)]
        return
    units = list(nal.split_units(carrying))
    assert [u for u in units if u in SLICES[codec]] == SLICES[codec]  # all, in order
    assert units.index(SLICES[codec][-1]) == len(units) - 1
    assert b"\x00\x00\x01" not in units[-2] and b"\x00\x00\x00" not in units[-2]
    for size in (1, 2, 4):
        if len(units[-2]) < 256**size:
            assert extract(codec, prefixed(carrying, size), size) == [message]


def test_emulation_prevention_is_the_standards() -> None:
    assert nal.escape(b"\x00\x00\x00\x00\x00") == b"\x00\x00\x03\x00\x00\x03\x00"
    assert nal.escape(b"\x00\x00\x04\x00\x00\x03") == b"\x00\x00\x04\x00\x00\x03\x03"
    rng = random.Random(5)
    for _ in range(300):
        data = (
            bytes(rng.choice((0, 0, 0, 1, 2, 3, 4, 255)) for _ in range(rng.randrange(40)))
            + b"\x80"
        )
        escaped = nal.escape(data)
        assert nal.unescape(escaped) == data
        assert not any(escaped[i : i + 2] == b"\0\0" and escaped[i + 2] < 3
                       for i in range(len(escaped) - 2))  # fmt: skip


def test_foreign_messages_are_none_of_ours() -> None:
    syntax = nal.SYNTAX["h264"]
    foreign = nal.sei_unit(syntax, 5, bytes(range(16)) + b"settings")
    other = nal.sei_unit(syntax, 4, UUID + b"caption")
    packet = nal.join_units([foreign, other, *SLICES["h264"]])
    assert extract("h264", packet) == []
    assert extract("h264", insert("h264", packet, b"ours")) == [b"ours"]
    huge = nal.join_units([nal.sei_unit(syntax, 5, UUID + bytes(MAX_BYTES + 1)), *SLICES["h264"]])
    assert extract("h264", huge) == []
    both = nal.sei_unit(syntax, 5, UUID + b"1")[1:-1]  # two messages in one unit
    joined = b"\x06" + both + both + b"\x80"
    assert extract("h264", nal.join_units([joined, b"\x65\x88"])) == [b"1", b"1"]


@pytest.mark.parametrize("codec", ["h264", "hevc", "av1"])
def test_broken_packets_are_read_without_an_error(codec: str) -> None:
    rng = random.Random(9)
    good = insert(codec, packet_of(codec), bytes(40))
    for _ in range(2000):
        data = bytearray(good)
        for _ in range(rng.randrange(1, 5)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        cut = bytes(data[: rng.randrange(len(data) + 1)])
        for size in (0, 4) if codec != "av1" else (0,):
            for message in extract(codec, cut, size):
                assert len(message) <= len(cut)


def test_what_x264_says_about_itself_is_left_out() -> None:
    syntax = nal.SYNTAX["h264"]
    uuid = bytes.fromhex("dc45e9bde6d948b7962cd820d923eeef")
    info = nal.sei_unit(syntax, 5, uuid + b"x264 - core 165")
    packet = nal.join_units([*SLICES["h264"][:3], info, SLICES["h264"][3]])
    assert without_encoder_info("h264", packet) == packet_of("h264")
    assert without_encoder_info("h264", packet_of("h264")) == packet_of("h264")


SCENES = [
    Scene(Mode.OFF, 1),
    Scene(Mode.OFF, MAX_FRAMES, 2, (3, 2)),
    Scene(Mode.GENERIC, 48, 1, (0, 1), b"abcd", 33),
    Scene(Mode.UPDATED, 250, 2, (1, 0), b"\0\0\1\2", 63, bytes(range(256)) * 9),
]


@pytest.mark.parametrize("scene", SCENES)
def test_a_scene_comes_back(scene: Scene) -> None:
    assert decode_message(encode_message(scene)) == scene


def test_a_message_is_small() -> None:
    assert len(encode_message(SCENES[2])) == 2 + 1 + 4 + 1 + 4


def test_damaged_messages_are_refused() -> None:
    good = encode_message(SCENES[3])
    for i in range(len(good)):
        for bit in (1, 128):
            bad = bytearray(good)
            bad[i] ^= bit
            with pytest.raises(PaucaError):
                decode_message(bytes(bad))
    for size in (*range(20), len(good) - 1):
        with pytest.raises(PaucaError):
            decode_message(good[:size])
