"""Names in lists, logs and captures."""

import gzip
import json
import struct
import sys
from pathlib import Path

import pytest

from pauca.apps.dga import lines
from pauca.apps.dga.packets import question
from pauca.apps.dga.sources import names_in, sniff
from pauca.errors import InputError

ZEEK = (
    b"#separator \\x09\n#set_separator\t,\n#unset_field\t-\n#path\tdns\n"
    b"#fields\tts\tuid\tquery\tqtype_name\n#types\ttime\tstring\tstring\tstring\n"
    b"1.0\tCa\texample.com\tA\n1.1\tCb\t-\tA\n1.2\tCc\tb\\xc3\\xbc.de\tAAAA\n1.3\tshort\n"
    b"#close\t2026\n"
)
ZEEK_JSON = (
    b'{"ts":1.0,"query":"example.com"}\n{"ts":1.1}\n{"query":7}\n{broken\n[1]\n'
    b'{"ts":1.2,"query":"b\\u00fc.de"}\n' + b'{"a":' * 50_000 + b"\n"
)
DNSMASQ = (
    b"Nov 24 20:00:00 dnsmasq[77]: query[A] example.com from 192.0.2.1\n"
    b"Nov 24 20:00:00 dnsmasq[77]: forwarded example.com to 192.0.2.53\n"
    b"Nov 24 20:00:01 dnsmasq[77]: 5 192.0.2.1/99 query[AAAA] qx from z.org from fe80::1%eth0\n"
    b"Nov 24 20:00:02 dnsmasq[77]: reply query[A] is 192.0.2.9\n"
)


def read(path: Path, format: str = "auto") -> list[bytes]:
    return [name for batch in names_in(str(path), format) for name in batch]


@pytest.mark.parametrize(
    ("data", "names"),
    [
        (b"a.com\nb.com", [b"a.com", b"b.com"]),
        (b"a.com\r\n\n\nb.com\n", [b"a.com\r", b"", b"", b"b.com"]),
        (b"", []),
        (ZEEK, [b"example.com", "bü.de".encode()]),
        (ZEEK_JSON, [b"example.com", "bü.de".encode()]),
        (DNSMASQ, [b"example.com", b"qx from z.org"]),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_formats_are_recognised(
    tmp_path: Path, data: bytes, names: list[bytes], packed: bool
) -> None:
    path = tmp_path / "log"
    path.write_bytes(gzip.compress(data) if packed else data)
    assert read(path) == names


def test_batches_do_not_depend_on_where_blocks_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = b"".join(b"name%d.example\n" % i for i in range(3000))
    path = tmp_path / "names"
    path.write_bytes(data)
    expected = data.split()
    for block in (1, 7, 100, 1 << 18):
        monkeypatch.setattr(lines, "BLOCK", block)
        assert read(path) == expected


def test_endless_lines_are_cut(tmp_path: Path) -> None:
    path = tmp_path / "names"
    path.write_bytes(b"a.com\n" + b"x" * (3 << 20) + b"\nb.com\n" + b"y" * (2 << 20))
    first, cut, third, last = read(path)
    assert (first, third) == (b"a.com", b"b.com")
    assert lines.MAX_LINE <= len(cut) <= lines.MAX_LINE + lines.BLOCK
    assert len(last) <= lines.MAX_LINE + lines.BLOCK


def test_damaged_gzip_is_named_after_what_came_before(tmp_path: Path) -> None:
    path = tmp_path / "log.gz"
    path.write_bytes(gzip.compress(b"".join(b"%d.com\n" % i for i in range(200_000)))[:-20])
    found = 0
    with pytest.raises(InputError, match="cannot read"):
        for batch in names_in(str(path)):
            found += len(batch)
    assert found > 1000


def test_missing_files_and_folders_are_named(tmp_path: Path) -> None:
    for path in (tmp_path / "none", tmp_path):
        with pytest.raises(InputError, match="cannot read"):
            read(path)


def message(name: bytes, flags: int = 0x0100) -> bytes:
    labels = b"".join(bytes([len(part)]) + part for part in name.split(b"."))
    return struct.pack(">6H", 7, flags, 1, 0, 0, 0) + labels + b"\0\0\1\0\1"


def udp(name: bytes, port: int = 53, flags: int = 0x0100, six: bool = False) -> bytes:
    body = message(name, flags)
    body = struct.pack(">4H", 4000, port, 8 + len(body), 0) + body
    if six:
        return struct.pack(">IHBB", 6 << 28, len(body), 17, 64) + bytes(32) + body
    head = struct.pack(">BBHHHBBH8s", 0x45, 0, 20 + len(body), 1, 0, 64, 17, 0, bytes(8))
    return head + body


def tcp(name: bytes) -> bytes:
    body = message(name)
    body = struct.pack(">H", len(body)) + body
    body = struct.pack(">HHIIBBHHH", 4000, 53, 1, 1, 0x50, 0x18, 99, 0, 0) + body
    return struct.pack(">BBHHHBBH8s", 0x45, 0, 20 + len(body), 1, 0, 64, 6, 0, bytes(8)) + body


def capture(packets: list[bytes], link: int) -> bytes:
    head = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, link)
    return head + b"".join(struct.pack("<IIII", 1, 0, len(p), len(p)) + p for p in packets)


PACKETS = [
    udp(b"example.com"),
    udp(b"qx\xff\x07.org"),
    udp(b"answer.com", flags=0x8180),
    udp(b"other.com", port=80),
    udp(b"six.com", six=True),
    tcp(b"tcp.com"),
    udp(b"cut.com")[:45],
    b"\x45\0",
    b"",
]
QUERIES = [b"example.com", b"qx\xff\x07.org", b"six.com", b"tcp.com"]


@pytest.mark.parametrize(
    ("link", "head"),
    [(1, bytes(12)), (101, b""), (113, bytes(16)), (276, bytes(20)), (0, bytes(4))],
)
def test_queries_of_a_capture(tmp_path: Path, link: int, head: bytes) -> None:
    pytest.importorskip("dpkt")
    packets = []
    for packet in PACKETS:
        kind = b"\x86\xdd" if packet[:1] == b"\x60" else b"\x08\0"
        packets.append(head + (kind if link == 1 else b"") + packet)
    path = tmp_path / "capture"
    path.write_bytes(capture(packets, link))
    assert read(path) == QUERIES


def test_queries_of_a_pcapng(tmp_path: Path) -> None:
    dpkt = pytest.importorskip("dpkt")
    path = tmp_path / "capture"
    little = sys.byteorder == "little"
    name = "InterfaceDescriptionBlock" + ("LE" if little else "")
    block = getattr(dpkt.pcapng, name)(linktype=101)
    with path.open("wb") as file:
        writer = dpkt.pcapng.Writer(file, idb=block)
        for packet in PACKETS[:-1]:
            writer.writepkt(packet, ts=1)
    assert read(path) == QUERIES


@pytest.mark.parametrize(
    "data",
    [
        b"\xd4\xc3\xb2\xa1",
        capture(PACKETS[:1], 101) + struct.pack("<IIII", 1, 0, 1 << 31, 5),
        capture(PACKETS[:1], 101) + b"\1\2\3",
        b"\x0a\x0d\x0d\x0a" + b"\xff" * 40,
        b"\x0a\x0d\x0d\x0a" + struct.pack("<II", 7, 0x1A2B3C4D) + bytes(30),
    ],
)
def test_damaged_captures_are_named(tmp_path: Path, data: bytes) -> None:
    pytest.importorskip("dpkt")
    path = tmp_path / "capture"
    path.write_bytes(data)
    with pytest.raises(InputError, match="damaged capture"):
        read(path)


def test_no_damage_to_a_packet_raises(tmp_path: Path) -> None:
    pytest.importorskip("dpkt")
    packets = []
    for packet in (PACKETS[0], PACKETS[4], PACKETS[5]):
        for at in range(len(packet)):
            changed = bytearray(packet)
            changed[at] ^= 0xC1
            packets += [bytes(changed), packet[:at]]
    for link in (1, 101, 113, 999):
        path = tmp_path / f"capture{link}"
        path.write_bytes(capture(packets, link))
        read(path)


def test_questions() -> None:
    whole = message(b"a.example.com")
    assert question(whole) == b"a.example.com"
    assert question(whole[:20]) is None
    assert question(whole[:12] + b"\xc0\x0c\0\1\0\1") is None  # a pointer is no first question
    assert question(bytes(12)) is None


def test_the_beginning_tells_the_format() -> None:
    assert sniff(json.dumps({"a": 1}).encode()) == "zeek"
    assert sniff(b"dnsmasq.org\n") == sniff(b"") == "names"
    assert sniff(capture([], 1)[:24]) == "pcap"
