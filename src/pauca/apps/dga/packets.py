"""DNS queries in captured packets (pcap and pcapng), by dpkt."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from pauca.apps.dga.lines import Reader
from pauca.errors import InputError, MissingExtraError

DNS_PORTS = (53, 5353)
MAX_BLOCK = 1 << 20  # of a capture file; packets have at most 2**18 bytes
BATCH = 4096
# Numbers of link types: https://www.tcpdump.org/linktypes.html
_NULL, _ETHERNET, _RAW, _LOOP, _SLL, _SLL2 = {0}, {1}, {12, 14, 101, 228, 229}, {108}, {113}, {276}


class _Bounded:
    """A file whose reads are bounded: lengths in a capture file may be anything."""

    def __init__(self, file: Reader) -> None:
        self._file = file
        self.name = "capture"

    def read(self, size: int) -> bytes:
        if not 0 <= size <= MAX_BLOCK:
            raise ValueError("a block has an impossible length")
        return self._file.read(size)


def queries(file: Reader, path: str, pcapng: bool) -> Iterator[list[bytes]]:
    """Yield the names of DNS queries over UDP and TCP; packets that hold none are passed over.

    Raises `InputError` on a file that is not or no longer a capture, after what came before it.
    """
    try:
        import dpkt
    except ModuleNotFoundError:
        raise MissingExtraError("captures need dpkt; pip install 'pauca[dga]'") from None
    kind = dpkt.pcapng.Reader if pcapng else dpkt.pcap.Reader
    found: list[bytes] = []
    try:
        reader = kind(_Bounded(file))
        link = reader.datalink()
        for _, packet in reader:
            name = query_in(packet, link)
            if name is not None:
                found.append(name)
            if len(found) == BATCH:
                yield found
                found = []
    except (dpkt.Error, ValueError, struct.error) as error:
        if found:
            yield found
        detail = str(error) or type(error).__name__
        raise InputError(f"{path}: damaged capture: {detail}") from None
    if found:
        yield found


def query_in(packet: bytes, link: int) -> bytes | None:
    """Return the name that a packet asks for, None where it asks for none."""
    import dpkt

    try:
        ip = _network_layer(packet, link)
        segment = getattr(ip, "data", None)
        if getattr(segment, "dport", None) not in DNS_PORTS:
            return None
        assert segment is not None
        if isinstance(segment, dpkt.udp.UDP):
            return question(bytes(segment.data))
        if isinstance(segment, dpkt.tcp.TCP):
            return question(bytes(segment.data)[2:])  # after the length of the message
    except (dpkt.Error, ValueError, IndexError, struct.error, AttributeError, TypeError):
        return None  # dpkt meets malformed packets with all of these
    return None


def _network_layer(packet: bytes, link: int) -> object:
    import dpkt

    if link in _ETHERNET:
        return dpkt.ethernet.Ethernet(packet).data
    skip = 16 if link in _SLL else 20 if link in _SLL2 else 4 if link in _NULL | _LOOP else 0
    if link not in _RAW and not skip:
        raise ValueError(f"link type {link}")
    body = packet[skip:]
    return dpkt.ip6.IP6(body) if body[0] >> 4 == 6 else dpkt.ip.IP(body)


def question(message: bytes) -> bytes | None:
    """Return the name in the first question of a DNS query, None where the message is no query.

    By hand: dpkt wants the whole message well-formed and its names in UTF-8, which what malware
    sends need not be.
    """
    if len(message) < 17 or message[2] & 0x80 or message[4:6] == b"\0\0":
        return None
    labels = []
    at = 12
    while at < len(message) and message[at]:
        size = message[at]
        if size > 63 or at + size >= len(message):
            return None
        labels.append(message[at + 1 : at + 1 + size])
        at += 1 + size
    return b".".join(labels) if at < len(message) else None
