"""Weights streams that lie: named errors, at once, and without memory."""

import time
import tracemalloc

import numpy as np
import pytest
from nn.networks import small

from pauca.container.chunks import Chunk, encode_stream, scan_stream
from pauca.container.cursor import encode_varint
from pauca.container.headers import WeightsHeader, encode_weights_header
from pauca.errors import FormatError, LimitError, PaucaError, TruncatedError
from pauca.limits import Limits
from pauca.nn.codec import decode_network, encode_network
from pauca.nn.model import Network, Quantized, network_bytes
from pauca.nn.quantize.nearest import NearestOptions, quantize_nearest
from pauca.nn.squeeze import squeeze
from pauca.nn.update import encode_update

RNG = np.random.default_rng(7)


def streams() -> dict[str, tuple[bytes, Network | None]]:
    """Return streams that hold every method, and the bases of those that need one."""
    network = small()
    weights = {n: a for n, a in network.tensors.items() if a.ndim == 2}
    book = np.array([-1.0, 0.0, 1.0], np.float32)
    shared = Quantized(RNG.integers(0, 3, (7, 100)).astype(np.int32), codebook=book)
    lossy = quantize_nearest(weights, NearestOptions(bits=4))
    pruned = np.where(np.arange(12000).reshape(100, 120) % 9, 0, network.tensors["fc1.weight"])
    sparse = network.with_tensors({"fc1.weight": pruned.astype(np.float32)})
    return {
        "lossless": (encode_network(network), None),
        "sparse": (encode_network(sparse), None),
        "levels": (encode_network(network, lossy), None),
        "codebook": (encode_network(network, {"fc2.weight": shared}), None),
        "update": (encode_update(sparse, network, {"fc2.weight": lossy["fc2.weight"]}), network),
    }


STREAMS = streams()


def parts(data: bytes) -> list[Chunk]:
    return [Chunk(c.type, bytes(c.payload)) for c in scan_stream(data, Limits())]


@pytest.mark.parametrize("name", sorted(STREAMS))
def test_every_truncation_and_flip_is_named(name: str) -> None:
    data, base = STREAMS[name]
    step = max(1, len(data) // 150)
    for position in [*range(120), *range(120, len(data), step)]:
        with pytest.raises(FormatError):
            decode_network(data[:position], base=base)
        damaged = bytearray(data)
        damaged[position] ^= 1 << position % 8
        with pytest.raises(PaucaError):
            decode_network(bytes(damaged), base=base)


@pytest.mark.parametrize("name", sorted(STREAMS))
def test_forged_chunks_behind_right_checksums_raise_only_our_errors(name: str) -> None:
    data, base = STREAMS[name]
    chunks = parts(data)
    size = small().nbytes
    for _ in range(250):
        which = int(RNG.integers(len(chunks)))
        payload = bytearray(chunks[which].payload)
        for _ in range(RNG.integers(1, 4)):
            near = len(payload) if RNG.random() < 0.5 else min(len(payload), 60)
            payload[RNG.integers(near)] = RNG.integers(256)
        if RNG.random() < 0.2:
            payload = payload[: RNG.integers(len(payload))]
        forged = [*chunks[:which], Chunk(chunks[which].type, bytes(payload)), *chunks[which + 1 :]]
        start = time.perf_counter()
        try:
            network = decode_network(encode_stream(forged), base=base)
        except PaucaError:
            pass
        else:
            assert network.nbytes < 2 * size
        assert time.perf_counter() - start < 5


@pytest.mark.parametrize("name", ["lossless", "update"])
def test_forged_tables_raise_only_our_errors(name: str) -> None:
    data, base = STREAMS[name]
    chunks = parts(data)
    from pauca.container.headers import decode_weights_header
    from pauca.container.identify import Kind
    from pauca.nn.squeeze import unsqueeze

    header = decode_weights_header(chunks[0].payload, Kind(chunks[0].type))
    table = unsqueeze(chunks[1].payload, header.table_bytes)
    for _ in range(600):
        forged = bytearray(table)
        for _ in range(RNG.integers(1, 3)):
            forged[RNG.integers(len(forged))] = RNG.integers(256)
        stream = encode_stream([chunks[0], Chunk("T", squeeze(bytes(forged))), *chunks[2:]])
        try:
            network_bytes(decode_network(stream, base=base), "npz")
        except PaucaError:
            continue


def forged_stream(table: bytes, elements: int, size: int, tensors: int = 1) -> bytes:
    header = WeightsHeader("safetensors", tensors, elements, size, len(table))
    return encode_stream(
        [
            Chunk("W", encode_weights_header(header)),
            Chunk("T", squeeze(table)),
            Chunk("D", b"\1" * 9),
        ]
    )


def one_tensor(shape: list[int], dtype: int = 0, method: int = 0, size: int = 9) -> bytes:
    return b"".join(
        [b"\0a\0", bytes([dtype, len(shape)]), *map(encode_varint, shape), b"\0\1"]
        + [bytes([method]), encode_varint(size)]
    )


def test_the_forger_of_this_file_can_also_tell_the_truth() -> None:
    data = forged_stream(one_tensor([4, 5], size=9), 20, 80)
    with pytest.raises(FormatError, match="left over"):
        decode_network(data)
    data = encode_stream([*parts(data)[:2], Chunk("D", b"\1\0\0\x80\x3f" + bytes(4))])
    table = one_tensor([4, 5], size=5)
    data = forged_stream(table, 20, 80)
    data = encode_stream([*parts(data)[:2], Chunk("D", b"\1\0\0\x80\x3f")])
    assert decode_network(data).tensors["a"].tolist() == [[1.0] * 5] * 4


@pytest.mark.parametrize(
    ("shape", "elements"),
    [([2**40], 2**40), ([2**20, 2**20], 2**40), ([2**31], 2**31), ([2**62, 2**62], 2**62)],
)
def test_absurd_shapes_are_refused_at_once_and_without_memory(
    shape: list[int], elements: int
) -> None:
    data = forged_stream(one_tensor(shape), elements, min(4 * elements, 2**63 - 1))
    tracemalloc.start()
    start = time.perf_counter()
    with pytest.raises((LimitError, FormatError)):
        decode_network(data)
    assert time.perf_counter() - start < 1
    assert tracemalloc.get_traced_memory()[1] < 2**20
    tracemalloc.stop()


def test_a_table_that_expands_beyond_its_word_is_stopped() -> None:
    header = WeightsHeader("safetensors", 1, 1, 4, 100)
    bomb = squeeze(bytes(10**8))
    tracemalloc.start()
    with pytest.raises(FormatError):
        decode_network(encode_stream([Chunk("W", encode_weights_header(header)), Chunk("T", bomb)]))
    assert tracemalloc.get_traced_memory()[1] < 2**21
    tracemalloc.stop()


@pytest.mark.parametrize(
    ("table", "error"),
    [
        (b"", TruncatedError),
        (b"\4" + one_tensor([4])[1:], FormatError),  # unknown flag
        (b"\1" + one_tensor([4])[1:], FormatError),  # layout of a base that is not there
        (one_tensor([4], dtype=17), FormatError),
        (one_tensor([4], method=7), FormatError),
        (one_tensor([4], method=4), FormatError),  # of updates only
        (one_tensor([5]), FormatError),  # not what the header declares
        (one_tensor([4], size=8), FormatError),  # does not fill the chunk
        (one_tensor([4], size=10), FormatError),
        (one_tensor([1] * 33), FormatError),
        (one_tensor([4], size=9)[:-1], TruncatedError),
        (b"\0\xff\0" + one_tensor([4])[3:], FormatError),  # name is not UTF-8
        (b"\0a" + one_tensor([4])[3:4], FormatError),  # name without end
        (one_tensor([4])[:-3] + b"\0", FormatError),  # no unit
        (one_tensor([4])[:-4] + b"\1" + one_tensor([4])[-3:], FormatError),  # unit before the first
    ],
)
def test_tables_that_break_a_rule(table: bytes, error: type[Exception]) -> None:
    with pytest.raises(error):
        decode_network(forged_stream(table, 4, 16))


def test_two_tensors_of_one_name_are_refused() -> None:
    table = b"\0a\0a\0\0\0\1\1\4\4\0\1\1\0\x09"
    with pytest.raises(FormatError, match="one name"):
        decode_network(forged_stream(table, 8, 32, tensors=2))


@pytest.mark.parametrize("kind", ["safetensors", "onnx", "torch", "npz"])
def test_a_rest_that_is_forged_raises_only_our_errors(kind: str) -> None:
    if kind == "torch":
        pytest.importorskip("torch")
    tensors = {"a": np.ones((2, 2), np.float32)}
    rests = [b"\0", b"\1", b"{}", b"[]", b"\0{}", b"\1{}", b'\1{"a":1}', b'\0{"a":1}', b"\xff" * 20]
    rests += [b'{"tree":["t","b"]}', b'{"tree":["t",[]]}', b'{"tree":[]}', b'{"tree":["o",[[1]]]}']
    rests += [b'{"flat":"o","metadata":3}', b'{"flat":"d","metadata":[]}', b'{"tree":' * 99999]
    rests += [
        b'{"deflated":1,"opaque":[["x"]]}',
        b'{"deflated":1,"opaque":[["x","!"]]}',
        b"\1\0\x10",
    ]
    for rest in rests:
        network = decode_network(encode_network(Network(tensors, kind, rest)))
        try:
            network_bytes(network)
        except PaucaError as error:
            assert "\n" not in str(error)
