"""Bytes of ours in packets of standard streams: put in after encoding, found on reading."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

from pauca.video import nal, obu

CODECS = ("h264", "hevc", "av1")
# Version 5 of the name "pauca.video" under DNS, so that everybody can make it again.
UUID = uuid.uuid5(uuid.NAMESPACE_DNS, "pauca.video").bytes
MAX_BYTES = 1 << 17  # of one message
_X264 = bytes.fromhex("dc45e9bde6d948b7962cd820d923eeef")  # what x264 says about itself
_OUTSIDE = (obu.TEMPORAL_DELIMITER, obu.SEQUENCE_HEADER)


def insert(codec: str, packet: bytes, message: bytes) -> bytes:
    """Return `packet` (Annex B, or a temporal unit) with `message` before its first slice."""
    if codec == "av1":
        unit = obu.metadata_obu(obu.PRIVATE, UUID + message)
        units = list(obu.split_obus(packet))
        first = next(i for i, (kind, _, _) in enumerate(units) if kind not in _OUTSIDE)
        whole = [data for _, data, _ in units]
        return b"".join([*whole[:first], unit, *whole[first:]])
    return insert_sei(codec, packet, nal.UNREGISTERED, UUID + message)


def insert_sei(codec: str, packet: bytes, kind: int, payload: bytes) -> bytes:
    """Return `packet` (Annex B) with an SEI message before its first slice."""
    syntax = nal.SYNTAX[codec]
    units = list(nal.split_units(packet))
    first = next(i for i, unit in enumerate(units) if syntax.is_slice(unit))
    return nal.join_units([*units[:first], nal.sei_unit(syntax, kind, payload), *units[first:]])


def extract(codec: str, packet: bytes, length_size: int = 0) -> list[bytes]:
    """Return our messages in `packet`, without the UUID; foreign and broken ones are no messages.

    `length_size` as of `nal.length_size_of`.
    """
    found = [
        data[len(UUID) :]
        for kind, data in _user_data(codec, packet, length_size)
        if kind == _kind(codec) and data.startswith(UUID)
    ]
    return [message for message in found if len(message) <= MAX_BYTES]


def without_encoder_info(codec: str, packet: bytes) -> bytes:
    """Return `packet` (Annex B) without the 700 bytes that x264 writes about itself."""
    if codec != "h264" or _X264 not in packet:
        return packet
    syntax = nal.SYNTAX[codec]
    kept = [
        unit
        for unit in nal.split_units(packet)
        if not (
            syntax.type_of(unit) == syntax.sei
            and [data[:16] for _, data in nal.sei_messages(syntax, unit)] == [_X264]
        )
    ]
    return nal.join_units(kept)


def _kind(codec: str) -> int:
    return obu.PRIVATE if codec == "av1" else nal.UNREGISTERED


def _user_data(codec: str, packet: bytes, length_size: int) -> Iterator[tuple[int, bytes]]:
    if codec == "av1":
        for kind, _, payload in obu.split_obus(packet):
            if kind == obu.METADATA:
                yield obu.metadata_of(payload)
        return
    syntax = nal.SYNTAX[codec]
    for unit in nal.split_units(packet, length_size):
        if len(unit) > len(syntax.header) and syntax.type_of(unit) == syntax.sei:
            yield from nal.sei_messages(syntax, unit)
        elif syntax.is_slice(unit):
            return  # prefix SEI comes before; spares the search in slices
