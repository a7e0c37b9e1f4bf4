"""Measures networks: every quantizer with every coder, whole files, and the accuracy that is left.

Three questions, kept apart. `CoderRow`: the same integers under many coders. `FileRow`: complete
files, ours and the peer's, with what decoding them does to the accuracy. `FloatRow`: the network
as it is, without loss.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import numpy as np
from numpy.typing import NDArray

from pauca.bench.nn_baselines import Coder, Packer, entropy_bytes
from pauca.bench.nn_huffman import Levels
from pauca.bench.nn_peer import Nncodec
from pauca.errors import PaucaError
from pauca.nn.calibration import Calibration
from pauca.nn.model import Network
from pauca.nn.quantizers import Quantizer, quantize_all, round_scales
from pauca.nn.search import Evaluate

P = ParamSpec("P")
T = TypeVar("T")

ENTROPY = "entropy"  # the bound, in the place of a coder
PEER_CODER = "nncodec"


@dataclass(frozen=True)
class Subject:
    """A network to measure, and what quantizers may know of it beside its weights."""

    name: str
    path: Path
    network: Network
    calibration: Calibration | None = None

    @property
    def fp32_bytes(self) -> int:
        """Bytes of all its elements as float32: what ratios refer to."""
        return 4 * self.network.elements


@dataclass(frozen=True)
class Facts:
    """What a network is: sizes in bytes, `nonzero` share of its matrices, accuracy if known."""

    model: str
    file_bytes: int
    parameters: int
    tensors: int
    fp32_bytes: int
    nonzero: float
    accuracy: float | None


@dataclass(frozen=True)
class CoderRow:
    """The integers of one quantization under one coder; bytes and seconds, one thread."""

    model: str
    quantizer: str
    setting: float
    coder: str
    bytes: float
    encode_s: float | None = None
    decode_s: float | None = None


@dataclass(frozen=True)
class FileRow:
    """A complete file; `error` is the root of squared errors over squares, of all matrices."""

    model: str
    method: str
    setting: float
    bytes: int
    error: float
    zeros: float
    accuracy: float | None
    encode_s: float
    decode_s: float


@dataclass(frozen=True)
class FloatRow:
    """All tensors of a network without loss; bytes, seconds."""

    model: str
    coder: str
    bytes: int
    encode_s: float
    decode_s: float


class RoundTripError(PaucaError):
    """A coder under measurement did not give back what it got."""


def describe(subject: Subject, evaluate: Evaluate | None) -> Facts:
    """Measure the network as it came."""
    tensors = subject.network.tensors
    matrices = _matrices(tensors)
    elements = sum(t.size for t in matrices.values()) or 1
    return Facts(
        subject.name,
        subject.path.stat().st_size,
        subject.network.elements,
        len(tensors),
        subject.fp32_bytes,
        sum(int(np.count_nonzero(t)) for t in matrices.values()) / elements,
        evaluate(subject.network) if evaluate else None,
    )


def measure_coders(
    subject: Subject,
    quantizer: Quantizer,
    setting: float,
    coders: Sequence[Coder],
    peer: Nncodec | None,
) -> Iterator[CoderRow]:
    """Yield one row per coder for the same integers, the entropy first; each is decoded again."""
    coded = quantize_all(quantizer, subject.network.tensors, setting, subject.calibration)
    levels = [item.levels for item in coded.values()]
    place = subject.name, quantizer.name, setting
    yield CoderRow(*place, ENTROPY, entropy_bytes(levels))
    for coder in coders:
        data, encode_s = _timed(coder.encode, levels)
        back, decode_s = _timed(coder.decode, data, [t.shape for t in levels])
        _check(back, levels, coder.name)
        yield CoderRow(*place, coder.name, len(data), encode_s, decode_s)
    if peer is not None:
        result = peer.code_levels(levels)
        _check(list(result.tensors.values()), levels, PEER_CODER)
        yield CoderRow(*place, PEER_CODER, result.bytes, result.encode_s, result.decode_s)


def measure_file(
    subject: Subject, quantizer: Quantizer, setting: float, evaluate: Evaluate | None
) -> FileRow:
    """Quantize, write a complete `.pauca` file in memory, decode it, and judge what came out."""
    from pauca.limits import Limits
    from pauca.nn.codec import decode_network, encode_network

    tensors = subject.network.tensors

    def encode() -> bytes:
        coded: Any = quantize_all(quantizer, tensors, setting, subject.calibration)
        return encode_network(subject.network.with_tensors(round_scales(tensors)), coded)

    data, encode_s = _timed(encode)
    network, decode_s = _timed(decode_network, data, Limits())
    seconds = encode_s, decode_s
    return _judged(
        subject, f"pauca/{quantizer.name}", setting, len(data), network.tensors, seconds, evaluate
    )


def measure_peer(
    subject: Subject, peer: Nncodec, variant: str, qp: int, evaluate: Evaluate | None
) -> FileRow:
    """The same by nncodec; what it cannot hold (integers, scalars) is charged at full size."""
    tensors = subject.network.tensors
    floats = {n: t for n, t in tensors.items() if t.dtype.kind == "f" and t.ndim and t.size}
    result = peer.code_network(floats, variant, qp)
    rest = sum(t.nbytes for name, t in tensors.items() if name not in floats)
    decoded = {name: t.astype(tensors[name].dtype) for name, t in result.tensors.items()}
    seconds = result.encode_s, result.decode_s
    return _judged(
        subject, variant, qp, result.bytes + rest, {**tensors, **decoded}, seconds, evaluate
    )


def measure_floats(subject: Subject, packers: Iterable[Packer]) -> Iterator[FloatRow]:
    """Yield what lossless coders make of the float tensors, ours first; each is decoded again."""
    from pauca.limits import Limits
    from pauca.nn.codec import decode_network, encode_network

    tensors = subject.network.tensors
    data, encode_s = _timed(encode_network, subject.network, {})
    back, decode_s = _timed(decode_network, data, Limits())
    if any(back.tensors[name].tobytes() != t.tobytes() for name, t in tensors.items()):
        raise RoundTripError("pauca did not give the network back")
    yield FloatRow(subject.name, "pauca", len(data), encode_s, decode_s)
    raw = b"".join(t.tobytes() for t in tensors.values())
    for packer in packers:
        data, encode_s = _timed(packer.encode, raw)
        unpacked, decode_s = _timed(packer.decode, data)
        if unpacked != raw:
            raise RoundTripError(f"{packer.name} did not give the network back")
        yield FloatRow(subject.name, packer.name, len(data), encode_s, decode_s)


def _judged(
    subject: Subject,
    method: str,
    setting: float,
    size: int,
    tensors: Mapping[str, NDArray[Any]],
    seconds: tuple[float, float],
    evaluate: Evaluate | None,
) -> FileRow:
    before, after = _matrices(subject.network.tensors), _matrices(tensors)
    power = sum(float(np.square(t, dtype=np.float64).sum()) for t in before.values())
    noise = sum(
        float(np.square(after[name].astype(np.float64) - t).sum()) for name, t in before.items()
    )
    elements = sum(t.size for t in after.values()) or 1
    zeros = 1 - sum(int(np.count_nonzero(t)) for t in after.values()) / elements
    accuracy = evaluate(subject.network.with_tensors(tensors)) if evaluate else None
    error = float(np.sqrt(noise / power)) if power else 0.0
    return FileRow(subject.name, method, setting, size, error, zeros, accuracy, *seconds)


def _matrices(tensors: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    return {name: t for name, t in tensors.items() if t.dtype.kind == "f" and t.ndim > 1}


def _check(back: Sequence[Levels], levels: Sequence[Levels], name: str) -> None:
    if not all(np.array_equal(a, b) for a, b in zip(back, levels, strict=True)):
        raise RoundTripError(f"{name} did not give the integers back")


def _timed(call: Callable[P, T], *args: P.args, **options: P.kwargs) -> tuple[T, float]:
    begun = time.perf_counter()
    result = call(*args, **options)
    return result, time.perf_counter() - begun
