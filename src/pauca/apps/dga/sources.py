"""Names in what networks log: lists, Zeek's dns.log, dnsmasq's log, captured packets."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator

from pauca.apps.dga import lines
from pauca.apps.dga.lines import Reader
from pauca.errors import InputError

FORMATS = ("auto", "names", "zeek", "dnsmasq", "pcap")
_PCAP = (b"\xa1\xb2\xc3\xd4", b"\xd4\xc3\xb2\xa1", b"\xa1\xb2\x3c\x4d", b"\x4d\x3c\xb2\xa1")
_PCAPNG = b"\x0a\x0d\x0d\x0a"
# "query[A] example.org from 192.0.2.1"; a name that dnsmasq cannot print has a space in it.
_DNSMASQ = re.compile(rb"query\[[^\]]*\] (.*) from [0-9a-fA-F.:%a-z]+\s*$")
_ESCAPE = re.compile(rb"\\x([0-9a-fA-F]{2})")

Batches = Iterator[list[bytes]]
Names = Callable[[list[bytes]], list[bytes]]  # lines to the names in them


def names_in(path: str, format: str = "auto") -> Batches:
    """Yield the names in a file, or in standard input for `-`, in their order.

    `auto` looks at how the input begins. Lines of a log that hold no query are passed over.
    """
    with lines.open_input(path) as file:
        head = lines_head(file, path)
        kind = format if format != "auto" else sniff(head)
        if kind == "pcap":
            from pauca.apps.dga.packets import queries

            yield from queries(file, path, pcapng=head[:4] == _PCAPNG)
            return
        known: dict[str, Names] = {"names": _plain, "zeek": Zeek(), "dnsmasq": _dnsmasq}
        names = known[kind]
        for batch in lines.batches(file, path):
            yield names(batch)


def lines_head(file: Reader, path: str) -> bytes:
    """Return how the input begins, without taking it."""
    try:
        return file.peek(64)
    except (OSError, EOFError) as error:
        raise InputError(f"cannot read {path}: {error}") from None


def sniff(head: bytes) -> str:
    """Return the format of an input that begins with `head`."""
    if head[:4] in (*_PCAP, _PCAPNG):
        return "pcap"
    if head.startswith((b"#separator", b"{")):
        return "zeek"
    if b" dnsmasq[" in head.partition(b"\n")[0]:
        return "dnsmasq"
    return "names"


def _plain(batch: list[bytes]) -> list[bytes]:
    return batch


def _dnsmasq(batch: list[bytes]) -> list[bytes]:
    return [found[1] for line in batch if (found := _DNSMASQ.search(line))]


class Zeek:
    """Queries of dns.log, as tab-separated values with their header or as JSON lines."""

    def __init__(self) -> None:
        self._separator = b"\t"
        self._column = -1
        self._unset = b"-"

    def __call__(self, batch: list[bytes]) -> list[bytes]:
        """Return the queries in a batch of lines."""
        found = []
        for line in batch:
            if line.startswith(b"#"):
                self._header(line)
                continue
            name = _json_query(line) if line.startswith(b"{") else self._value(line)
            if name is not None:
                found.append(name)
        return found

    def _header(self, line: bytes) -> None:
        if line.startswith(b"#separator "):
            self._separator = _unescaped(line[len(b"#separator ") :].strip()) or b"\t"
            return
        key, *values = line.rstrip(b"\r").split(self._separator)
        if key == b"#fields":
            self._column = values.index(b"query") if b"query" in values else -1
        elif key == b"#unset_field" and values:
            self._unset = values[0]

    def _value(self, line: bytes) -> bytes | None:
        values = line.rstrip(b"\r").split(self._separator)
        if not 0 <= self._column < len(values) or values[self._column] == self._unset:
            return None
        return _unescaped(values[self._column])


def _unescaped(value: bytes) -> bytes:
    return _ESCAPE.sub(lambda found: bytes([int(found[1], 16)]), value)


def _json_query(line: bytes) -> bytes | None:
    try:
        query = json.loads(line).get("query")
    except (ValueError, AttributeError, RecursionError):
        return None
    return query.encode("utf-8", "surrogatepass") if isinstance(query, str) else None
