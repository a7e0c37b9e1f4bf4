"""`pauca encode` and `pauca decode` of neural networks."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pauca.cli import files
from pauca.container.identify import identify
from pauca.errors import InputError

if TYPE_CHECKING:
    from pauca.nn.compress import CompressOptions
    from pauca.nn.model import Network


@dataclass(frozen=True)
class NetworkOptions:
    """Options of `encode` for networks; None where the user has given none."""

    bits: int | None
    step: float | None
    max_error: float | None
    lossless: bool
    vector_bits: int | None
    base: Path | None


@dataclass(frozen=True)
class EncodedNetwork:
    """What `encode --json` reports of a network; `ratio` is file bytes before by after."""

    input: str
    output: str
    bytes: int
    source: str
    tensors: int
    elements: int
    ratio: float
    bits_per_weight: float
    seconds: float


@dataclass(frozen=True)
class DecodedNetwork:
    """What `decode --json` reports of a network; `bytes` of its file."""

    input: str
    output: str
    bytes: int
    format: str
    tensors: int
    elements: int
    seconds: float


def may_be_network(head: bytes) -> bool:
    """Return whether a file that starts with `head` (16 bytes) is worth reading as a network."""
    zipped, pickled = head.startswith(b"PK\x03\x04"), head.startswith(b"\x80\x02\x8a\x0a")
    # ONNX writers put the version, a small number in field 1, before the rest.
    return zipped or pickled or head[8:9] == b"{" or (head[:1] == b"\x08" and head[1:2] < b"\x40")


def is_network(data: bytes) -> bool:
    """Return whether the file `data` is a network."""
    if not may_be_network(data[:16]):
        return False
    from pauca.nn.formats import sniff

    return sniff(data) is not None


def encode_network_file(
    data: bytes,
    input: str,
    output: str,
    options: NetworkOptions,
    jobs: int,
    force: bool,
    json: bool,
) -> None:
    """Code the network file `data`, read from `input`, under which it is reported."""
    from pauca.nn.compress import compress_network, compress_update
    from pauca.nn.model import read_network
    from pauca.pack.runtime import threads_of

    start = time.perf_counter()
    with files.progress(f"encoding {input}"):
        folder = None if input == files.STANDARD else Path(input).resolve().parent
        network = read_network(data, folder=folder)
        threads = threads_of(jobs)
        if options.base:
            base = _read_base(options.base, threads)
            coded = compress_update(network, base, _compress_options(options), threads)
        else:
            coded = compress_network(network, _compress_options(options), threads)
    seconds = time.perf_counter() - start
    files.write_output(output, coded, force)
    done = EncodedNetwork(
        input=input,
        output=output,
        bytes=len(coded),
        source=network.kind,
        tensors=len(network.tensors),
        elements=network.elements,
        ratio=len(data) / len(coded),
        bits_per_weight=8 * len(coded) / max(1, network.elements),
        seconds=seconds,
    )
    line = (
        f"{output}: {done.bytes} bytes, {done.ratio:.2f} times smaller, "
        f"{done.bits_per_weight:.3f} bits per weight, {seconds:.2f} s"
    )
    files.report(line, vars(done) if json else None)


def decode_network_file(
    data: bytes,
    input: str,
    output: str,
    base: Path | None,
    names: tuple[str, ...],
    levels: bool,
    jobs: int,
    force: bool,
    json: bool,
) -> None:
    """Decode the network stream `data`, read from `input`, under which it is reported."""
    from pauca.nn.codec import decode_network
    from pauca.nn.model import kind_of_path, network_bytes
    from pauca.pack.runtime import threads_of

    kind = None if output == files.STANDARD else kind_of_path(output)
    start = time.perf_counter()
    with files.progress(f"decoding {input}"):
        threads = threads_of(jobs)
        if levels:
            network = _levels(data, names, threads)
        else:
            old = None if base is None else _read_base(base, threads)
            network = decode_network(data, names=names or None, threads=threads, base=old)
        file = network_bytes(network, kind)
    seconds = time.perf_counter() - start
    files.write_output(output, file, force)
    done = DecodedNetwork(
        input=input,
        output=output,
        bytes=len(file),
        format=kind or network.kind,
        tensors=len(network.tensors),
        elements=network.elements,
        seconds=seconds,
    )
    line = f"{output}: {done.tensors} tensors, {done.elements} elements, {seconds:.2f} s"
    files.report(line, vars(done) if json else None)


def _compress_options(options: NetworkOptions) -> CompressOptions:
    from pauca.nn.compress import options_of

    return options_of(
        options.bits, options.step, options.max_error, options.lossless, options.vector_bits
    )


def _levels(data: bytes, names: tuple[str, ...], threads: int) -> Network:
    """Return the network with integers and steps in place of quantized tensors."""
    from pauca.nn.codec import decode_levels_network

    return decode_levels_network(data, names=names or None, threads=threads)


def _read_base(path: Path, threads: int) -> Network:
    from pauca.nn.codec import decode_network
    from pauca.nn.model import read_network

    data = files.read_input(os.fspath(path))
    if identify(data) is not None:
        return decode_network(data, threads=threads)
    try:
        return read_network(data, folder=path.resolve().parent)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
