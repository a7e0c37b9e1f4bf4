"""Networks as streams: what comes back, what it costs, and what is read."""

import sys
import tracemalloc

import numpy as np
import pytest
from nn.networks import assert_same, every_type, small

from pauca.container.headers import WeightsHeader, read_info
from pauca.errors import ChecksumError, InputError, LimitError, PaucaError, UnsupportedError
from pauca.limits import Limits
from pauca.nn.codec import (
    decode_levels_network,
    decode_network,
    decode_quantized,
    encode_network,
)
from pauca.nn.compress import CompressOptions, compress_network
from pauca.nn.dtypes import dtype_of, from_floats, is_real, to_float32
from pauca.nn.model import Network, Quantized
from pauca.nn.quantize.nearest import NearestOptions, quantize_nearest
from pauca.nn.quantize.trellis import Dependent, dependent_multiples
from pauca.nn.table import Method
from pauca.nn.units import plan_units

BITS8 = NearestOptions(bits=8)


def big(count: int = 12) -> Network:
    """Return `count` matrices of 40,000 elements each."""
    rng = np.random.default_rng(3)
    return Network({f"w{k}": rng.normal(size=(200, 200)).astype(np.float32) for k in range(count)})


def test_every_type_and_shape_comes_back() -> None:
    network = every_type()
    data = encode_network(network)
    assert_same(decode_network(data), network)
    header = read_info(data).header
    assert isinstance(header, WeightsHeader)
    assert (header.tensors, header.elements, header.nbytes) == (
        len(network.tensors), network.elements, network.nbytes,
    )  # fmt: skip


def test_kind_rest_and_order_come_back() -> None:
    network = Network({"b": np.ones(2), "a": np.zeros((2, 2)), "": np.ones(1)}, "npz", b"rest \0")
    decoded = decode_network(encode_network(network))
    assert (decoded.kind, decoded.rest) == ("npz", b"rest \0")
    assert_same(decoded, network)
    empty = decode_network(encode_network(Network({}, "torch")))
    assert (empty.tensors, empty.kind) == ({}, "torch")


def test_levels_come_back_and_their_values_are_rounded_once() -> None:
    network = every_type()
    real = {name: a for name, a in network.tensors.items() if is_real(a)}
    quantized = quantize_nearest(real, NearestOptions(bits=6))
    data = encode_network(network, quantized)
    decoded, levels = decode_network(data), decode_quantized(data)
    for name, tensor in quantized.items():
        dtype = dtype_of(network.tensors[name])
        assert decoded.tensors[name].tobytes() == from_floats(tensor.values(), dtype).tobytes()
        if tensor.levels.size:
            np.testing.assert_array_equal(levels[name].levels, tensor.levels)
            assert levels[name].step == tensor.step
    others = {name: a for name, a in decoded.tensors.items() if name not in real}
    assert_same(Network(others), Network({name: network.tensors[name] for name in others}))


def test_codebook_comes_back_in_any_order_of_its_values() -> None:
    rng = np.random.default_rng(0)
    book = np.array([0.5, -1.0, 0.0, 2.5, 0.0], np.float32)
    levels = rng.integers(0, 5, (30, 20)).astype(np.int32)
    network = Network({"w": book[levels], "v": np.ones(3, np.float32)})
    data = encode_network(network, {"w": Quantized(levels, codebook=book)})
    assert_same(decode_network(data), network)
    found = decode_quantized(data)["w"]
    np.testing.assert_array_equal(found.values(), book[levels])


def test_dependent_levels_come_back_as_multiples() -> None:
    levels = np.random.default_rng(0).integers(-4, 5, (40, 30)).astype(np.int32)
    network = Network({"w": np.zeros((40, 30), np.float32)})
    for states in (0, 4, 8):
        data = encode_network(network, {"w": Dependent(levels, 0.25, states)})
        expected = dependent_multiples(levels, states)
        np.testing.assert_array_equal(decode_network(data).tensors["w"], 0.25 * expected)
        np.testing.assert_array_equal(decode_quantized(data)["w"].levels, expected)


def test_levels_as_a_network_for_integer_runtimes() -> None:
    network = small()
    quantized = quantize_nearest({"fc1.weight": network.tensors["fc1.weight"]}, BITS8)
    wide = quantize_nearest({"fc2.weight": network.tensors["fc2.weight"]}, NearestOptions(bits=12))
    found = decode_levels_network(encode_network(network, quantized | wide)).tensors
    assert found["fc1.weight"].dtype == np.int8
    assert found["fc2.weight"].dtype == np.int16
    assert found["fc1.weight.step"].shape == ()
    values = found["fc1.weight"] * found["fc1.weight.step"].astype(np.float64)
    assert np.abs(values - network.tensors["fc1.weight"]).max() < quantized["fc1.weight"].step
    assert found["bn.running_var"].tobytes() == network.tensors["bn.running_var"].tobytes()


@pytest.mark.parametrize("threads", [2, 5])
def test_threads_change_nothing(threads: int) -> None:
    network = big()
    quantized = quantize_nearest({"w1": network.tensors["w1"]}, BITS8)
    data = encode_network(network, quantized)
    assert encode_network(network, quantized, threads) == data
    assert_same(decode_network(data, threads=threads), decode_network(data))


def test_one_tensor_is_read_without_the_others() -> None:
    network = big()
    data = bytearray(encode_network(network))
    chunks = [chunk for chunk in read_info(data).chunks if chunk.type == "D"]
    assert len(chunks) == len(network.tensors)
    data[chunks[4].offset + 100] ^= 1  # damage elsewhere does not matter
    found = decode_network(bytes(data), names=["w7", "w2"])
    assert list(found.tensors) == ["w2", "w7"]
    assert found.tensors["w7"].tobytes() == network.tensors["w7"].tobytes()
    with pytest.raises(ChecksumError):
        decode_network(bytes(data), names=["w4"])
    with pytest.raises(ChecksumError):
        decode_network(bytes(data))
    with pytest.raises(InputError, match="'nope'"):
        decode_network(bytes(data), names=["nope"])
    assert decode_network(bytes(data), names=[]).tensors == {}


def test_vectors_are_grouped_by_their_role() -> None:
    tensors = {
        f"layer{k}.{role}": np.ones(99, np.float32)
        for k in range(5)
        for role in ("bias", "running_var")
    }
    tensors["layer0.weight"] = np.ones((99, 99), np.float32)
    tensors["odd"] = np.ones(3, np.float32)
    groups = plan_units(tensors, dict.fromkeys(tensors, Method.LOSSLESS))
    assert [len(names) for _, names in groups] == [5, 5, 1, 1]
    assert {name.split(".")[1] for name in groups[1][1]} == {"running_var"}


def test_many_small_vectors_cost_little_more_than_their_entropy() -> None:
    rng = np.random.default_rng(0)
    vectors = {f"block{k}.bn.bias": rng.normal(0, 0.1, 64).astype(np.float32) for k in range(200)}
    size = len(encode_network(Network(vectors)))
    assert size < 12800 * 27 / 8 + 200 * 5


def test_a_small_network_has_a_small_frame() -> None:
    network = small()
    data = encode_network(network)
    payload = sum(chunk.size for chunk in read_info(data).chunks if chunk.type == "D")
    assert len(data) - payload < 135  # names, shapes, types and all framing of nine tensors


def test_compress_keeps_vectors_to_a_relative_error() -> None:
    network = small()
    data = compress_network(network, CompressOptions(NearestOptions(bits=5), vector_bits=7))
    decoded = decode_network(data)
    for name, array in network.tensors.items():
        error = np.abs(decoded.tensors[name].astype(float) - array)
        if array.ndim == 1:
            assert (error <= np.abs(array) * 2.0**-8).all()
            assert error.any()
        elif array.ndim == 2:
            assert error.max() <= np.abs(array).max() / 15 * 0.5001
    assert decoded.tensors["bn.num_batches_tracked"] == 1234
    assert_same(decode_network(compress_network(network, CompressOptions(None))), network)


def test_compress_leaves_what_is_not_finite() -> None:
    array = np.ones((5, 5), np.float32)
    array[2, 3] = np.inf
    network = Network({"a": array, "d": np.full(3, 1e300)})
    assert_same(decode_network(compress_network(network)), network)


@pytest.mark.parametrize(
    "tensor",
    [
        Quantized(np.zeros((100, 121), np.int32), 1.0),
        Quantized(np.zeros((100, 120), np.int64), 1.0),  # type: ignore[arg-type]
        Quantized(np.full((100, 120), -(2**31), np.int32), 1.0),
        Quantized(np.zeros((100, 120), np.int32), 0.0),
        Quantized(np.zeros((100, 120), np.int32), float("nan")),
        Quantized(np.ones((100, 120), np.int32), 1.0, np.ones(1, np.float32)),
        Quantized(np.zeros((100, 120), np.int32), 1.0, np.array([np.inf], np.float32)),
        Quantized(np.zeros((100, 120), np.int32), 1.0, np.zeros(0, np.float32)),
    ],
)
def test_levels_that_fit_nothing_are_refused(tensor: Quantized) -> None:
    with pytest.raises(InputError):
        encode_network(small(), {"fc1.weight": tensor})


def test_tensors_that_are_not_real_are_not_quantized() -> None:
    levels = Quantized(np.zeros((), np.int32), 1.0)
    with pytest.raises(InputError, match="no real numbers"):
        encode_network(small(), {"bn.num_batches_tracked": levels})
    with pytest.raises(InputError, match="'nope'"):
        encode_network(small(), {"nope": levels})


def test_limits_are_checked_before_memory_is_taken() -> None:
    zeros = Network({"z": np.broadcast_to(np.float32(0), (4000, 4000))})
    data = encode_network(zeros)
    assert len(data) < 100
    tracemalloc.start()
    for limits in (Limits(max_memory=10**8), Limits(max_tensors=0), Limits(max_bytes=20)):
        with pytest.raises(LimitError):
            decode_network(data, limits)
    assert tracemalloc.get_traced_memory()[1] < 2**20
    tracemalloc.stop()
    assert not decode_network(data).tensors["z"].any()


def test_other_kinds_and_unknown_chunks_are_refused() -> None:
    from pauca.container.chunks import Chunk, encode_stream, scan_stream

    data = encode_network(small())
    chunks = [Chunk(c.type, bytes(c.payload)) for c in scan_stream(data, Limits())]
    with pytest.raises(UnsupportedError, match="kind video"):
        decode_network(encode_stream([Chunk("V", b"")]))
    with pytest.raises(UnsupportedError, match="'Q'"):
        decode_network(encode_stream([*chunks, Chunk("Q", b"")]))
    with_note = encode_stream([chunks[0], Chunk("x", b"note\0hi"), *chunks[1:]])
    assert_same(decode_network(with_note), small())
    with pytest.raises(PaucaError):
        decode_network(encode_stream([chunks[0], *chunks[2:]]))


def test_decoding_imports_neither_torch_nor_onnx() -> None:
    import subprocess

    script = (
        "import sys\nfrom pauca.nn.codec import decode_network\n"
        "from pauca.nn.model import network_bytes\n"
        "network_bytes(decode_network(sys.stdin.buffer.read()))\n"
        "heavy = {'torch', 'onnx', 'onnxruntime', 'ml_dtypes'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)\n"
    )
    data = encode_network(small())
    done = subprocess.run(
        [sys.executable, "-c", script], input=data, capture_output=True, timeout=60
    )
    assert done.returncode == 0, done.stderr


def test_float32_of_bfloat16_tensors() -> None:
    array = from_floats(np.linspace(-2, 2, 500, dtype=np.float32).reshape(20, 25), BF16)
    network = Network({"w": array})
    decoded = decode_network(compress_network(network)).tensors["w"]
    assert decoded.dtype == array.dtype
    assert np.abs(to_float32(decoded) - to_float32(array)).max() < 2 / 127


BF16 = dtype_of(every_type().tensors["bfloat16.(7,)"])
