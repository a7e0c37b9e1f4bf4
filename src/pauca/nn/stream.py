"""Streams of kind weights and update: header, table, chunks of data (spec/weights.md)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from pauca.container.chunks import (
    Chunk,
    LocatedChunk,
    encode_stream,
    is_critical,
    locate_chunks,
    open_chunk,
)
from pauca.container.headers import (
    BASE_BYTES,
    WeightsHeader,
    decode_weights_header,
    encode_weights_header,
)
from pauca.container.identify import Kind
from pauca.errors import FormatError, InputError, UnsupportedError
from pauca.limits import Limits
from pauca.nn.dtypes import dtype_of
from pauca.nn.model import Network
from pauca.nn.squeeze import squeeze, unsqueeze
from pauca.nn.table import Entry, Method, Table, Unit, decode_table, encode_table
from pauca.nn.units import plan_units

TABLE, DATA = "T", "D"
CHUNK_BYTES = 1 << 16  # a chunk of data is closed once it holds this much
MAX_DATA_CHUNKS = 1 << 12
WORKING_BYTES = 24  # of memory for each element of the largest unit, measured and rounded up

EncodeUnit = Callable[[Method, Sequence[str]], bytes]
DecodeUnit = Callable[[Unit, Sequence[Entry], memoryview], None]


@dataclass(frozen=True)
class Stream:
    """A stream whose header and table are read; chunks of data are opened when they are needed."""

    data: memoryview
    header: WeightsHeader
    table: Table
    chunks: tuple[LocatedChunk, ...]


def network_id(network: Network) -> bytes:
    """Return the 8 bytes by which an update names its base: a digest of tensors and rest."""
    digest = hashlib.sha256(network.kind.encode())
    for name, array in network.tensors.items():
        digest.update(f"\0{name}\0{dtype_of(array).name}{array.shape}\0".encode())
        digest.update(array.reshape(-1).view(np.uint8).data)
    digest.update(network.rest)
    return digest.digest()[:BASE_BYTES]


def write_stream(
    network: Network,
    methods: Mapping[str, Method],
    encode: EncodeUnit,
    threads: int,
    base: Network | None = None,
) -> bytes:
    """Return the stream of `network`, every unit made by `encode`; with a `base` an update."""
    groups = plan_units(network.tensors, methods)
    with ThreadPoolExecutor(max(1, threads)) as pool:
        payloads = list(pool.map(lambda group: encode(*group), groups))
    unit_of = {name: k for k, (_, names) in enumerate(groups) for name in names}
    entries = tuple(
        Entry(name, dtype_of(array), array.shape, unit_of[name])
        for name, array in network.tensors.items()
    )
    made = tuple(Unit(group[0], len(data)) for group, data in zip(groups, payloads, strict=True))
    base_table = None if base is None else _base_table(base)
    table = encode_table(Table(entries, made, network.rest), base_table)
    base_id = b"" if base is None else network_id(base)
    header = WeightsHeader(
        network.kind, len(entries), network.elements, network.nbytes, len(table), base_id
    )
    kind = Kind.WEIGHTS if base is None else Kind.UPDATE
    head = [Chunk(kind.value, encode_weights_header(header)), Chunk(TABLE, squeeze(table))]
    return encode_stream(head + _pack(payloads))


def open_stream(data: bytes | memoryview, limits: Limits, base: Network | None) -> Stream:
    """Return the stream in `data`, its header and table held against `limits` and `base`.

    Raises `FormatError` and its children, `UnsupportedError`, `LimitError`, `InputError` (base).
    """
    view = memoryview(data)
    located = locate_chunks(view, limits)
    kind = Kind(located[0].type)
    if kind not in (Kind.WEIGHTS, Kind.UPDATE):
        raise UnsupportedError(f"stream of kind {kind} holds no network")
    unknown = [c.type for c in located[1:] if is_critical(c.type) and c.type not in (TABLE, DATA)]
    if unknown:
        raise UnsupportedError(f"stream needs chunk {unknown[0]!r}, unknown to this version")
    header = decode_weights_header(open_chunk(view, located[0]).payload, kind, limits)
    base = _checked_base(header, kind, base)
    if [chunk.type for chunk in located if chunk.type == TABLE] != [TABLE]:
        raise FormatError("a network has one table")
    squeezed = open_chunk(view, next(c for c in located if c.type == TABLE)).payload
    content = unsqueeze(squeezed, header.table_bytes)
    table = decode_table(content, header, None if base is None else _base_table(base))
    sizes = [0] * len(table.units)
    for entry in table.entries:
        sizes[entry.unit] += entry.size
    working = WORKING_BYTES * max(sizes, default=0)
    limits.check_memory(header.nbytes + header.table_bytes + working, "decoding")
    return Stream(view, header, table, tuple(c for c in located if c.type == DATA))


def read_units(
    stream: Stream, names: Collection[str] | None, threads: int, decode: DecodeUnit
) -> None:
    """Call `decode` for every unit that holds one of `names` (None: all), opening its chunk alone.

    Raises `InputError` for a name that the network lacks, `FormatError` and its children.
    """
    members: list[list[Entry]] = [[] for _ in stream.table.units]
    for entry in stream.table.entries:
        members[entry.unit].append(entry)
    wanted = None if names is None else set(names)
    if wanted is not None:
        unknown = wanted - {entry.name for entry in stream.table.entries}
        if unknown:
            raise InputError(f"the network has no tensor {min(unknown)!r}")
    jobs: list[tuple[Unit, Sequence[Entry], memoryview]] = []
    for located, places in _placed(stream):
        chosen = [
            (number, at)
            for number, at in places
            if wanted is None or any(entry.name in wanted for entry in members[number])
        ]
        if located is None or (not chosen and wanted is not None):
            payload = memoryview(b"")
        else:
            payload = memoryview(open_chunk(stream.data, located).payload)
        for number, at in chosen:
            unit = stream.table.units[number]
            jobs.append((unit, members[number], payload[at : at + unit.size]))
    with ThreadPoolExecutor(max(1, threads)) as pool:
        for _ in pool.map(lambda job: decode(*job), jobs):
            pass


def _pack(payloads: Sequence[bytes]) -> list[Chunk]:
    enough = max(CHUNK_BYTES, sum(map(len, payloads)) // MAX_DATA_CHUNKS)
    chunks: list[Chunk] = []
    pending: list[bytes] = []
    held = 0
    for payload in payloads:
        pending.append(payload)
        held += len(payload)
        if held >= enough:
            chunks.append(Chunk(DATA, b"".join(pending)))
            pending, held = [], 0
    if held:
        chunks.append(Chunk(DATA, b"".join(pending)))
    return chunks


def _placed(stream: Stream) -> list[tuple[LocatedChunk | None, list[tuple[int, int]]]]:
    """Return, for every chunk of data, its units and where in its payload they start.

    Units fill chunks in order, none across two. Empty units at the end may have no chunk.
    """
    placed: list[tuple[LocatedChunk | None, list[tuple[int, int]]]] = []
    number = 0
    sizes = [unit.size for unit in stream.table.units]
    for chunk in stream.chunks:
        at, inside = 0, []
        while number < len(sizes) and at < chunk.size:
            inside.append((number, at))
            at += sizes[number]
            number += 1
        if at != chunk.size:
            raise FormatError("units of the table do not fill a chunk of data")
        placed.append((chunk, inside))
    if any(sizes[number:]):
        raise FormatError("a chunk of data is missing")
    placed.append((None, [(k, 0) for k in range(number, len(sizes))]))
    return placed


def _base_table(base: Network) -> Table:
    entries = (Entry(n, dtype_of(a), a.shape, 0) for n, a in base.tensors.items())
    return Table(tuple(entries), (), base.rest)


def _checked_base(header: WeightsHeader, kind: Kind, base: Network | None) -> Network | None:
    if kind is Kind.WEIGHTS:
        return None
    if base is None:
        raise InputError(f"this update needs its base, the network {header.base.hex()}")
    found = network_id(base)
    if found != header.base:
        raise InputError(f"this update is for base {header.base.hex()}, not {found.hex()}")
    return base
