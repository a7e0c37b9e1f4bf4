"""ONNX files: the graph byte for byte, and the outputs that the decoded weights must give."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from nn.networks import assert_same
from onnx import TensorProto, helper, numpy_helper

from pauca.errors import InputError, LimitError, PaucaError, UnsupportedError
from pauca.nn.codec import decode_network, encode_network
from pauca.nn.dtypes import dtype_of, from_floats
from pauca.nn.model import network_bytes, read_network
from pauca.nn.quantize.nearest import NearestOptions, quantize_nearest
from pauca.nn.units import dequantize

RNG = np.random.default_rng(0)
W = RNG.normal(size=(16, 12)).astype(np.float32)
HALF = RNG.normal(size=(12, 4)).astype(np.float16)
BIAS = RNG.normal(size=12).astype(np.float32)
BRANCH = RNG.normal(size=(4, 32)).astype(np.float32)


def model(weight: TensorProto | None = None) -> onnx.ModelProto:
    """Return x (n, 16) -> Gemm, MatMul in half, an If whose branch holds a constant."""
    branch = helper.make_graph(
        [
            helper.make_node(
                "Constant", [], ["deep"], value=numpy_helper.from_array(BRANCH, "any")
            ),
            helper.make_node("MatMul", ["m"], ["y1"]),
        ],
        "then",
        [],
        [helper.make_tensor_value_info("y1", TensorProto.FLOAT, ["n", "k"])],
    )
    branch.node[1].input[:] = ["m", "deep"]
    other = helper.make_graph(
        [helper.make_node("Identity", ["m"], ["y2"])],
        "else",
        [],
        [helper.make_tensor_value_info("y2", TensorProto.FLOAT, ["n", "k"])],
    )
    graph = helper.make_graph(
        [
            helper.make_node("Gemm", ["x", "w", "b"], ["h"]),
            helper.make_node("Cast", ["half"], ["full"], to=TensorProto.FLOAT),
            helper.make_node("MatMul", ["h", "full"], ["m"]),
            helper.make_node(
                "Constant", [], ["yes"], value=numpy_helper.from_array(np.array(True))
            ),
            helper.make_node("If", ["yes"], ["y"], then_branch=branch, else_branch=other),
        ],
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 16])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", "k"])],
        [
            weight or numpy_helper.from_array(W, "w"),
            helper.make_tensor("b", TensorProto.FLOAT, [12], BIAS),  # float_data, not raw_data
            numpy_helper.from_array(HALF, "half"),
        ],
        doc_string="a graph",
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    made.metadata_props.add(key="author", value="me")
    return made


FILE = model().SerializeToString()


def test_every_tensor_is_found_and_the_file_survives_byte_for_byte() -> None:
    network = read_network(FILE)
    assert {name: array.tobytes() for name, array in network.tensors.items()} == {
        "deep": BRANCH.tobytes(),
        "w": W.tobytes(),
        "b": BIAS.tobytes(),
        "half": HALF.tobytes(),
    }
    assert network.tensors["half"].dtype == np.float16
    assert network_bytes(decode_network(encode_network(network))) == FILE


def test_outputs_are_those_of_the_quantized_weights_bit_for_bit() -> None:
    network = read_network(FILE)
    quantized = quantize_nearest(network.tensors, NearestOptions(bits=5))
    file = network_bytes(decode_network(encode_network(network, quantized)))
    expected = onnx.load_from_string(FILE)
    branches = {attribute.name: attribute.g for attribute in expected.graph.node[4].attribute}
    deep = branches["then_branch"].node[0].attribute[0].t
    for tensor in [*expected.graph.initializer, deep]:
        name = "deep" if tensor.name == "any" else tensor.name
        values = from_floats(quantized[name].values(), dtype_of(network.tensors[name]))
        tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
    onnx.checker.check_model(onnx.load_from_string(file))
    x = RNG.normal(size=(9, 16)).astype(np.float32)
    outputs = [
        ort.InferenceSession(data, providers=["CPUExecutionProvider"]).run(None, {"x": x})[0]
        for data in (file, expected.SerializeToString(), FILE)
    ]
    assert outputs[0].tobytes() == outputs[1].tobytes()
    assert outputs[0].tobytes() != outputs[2].tobytes()


def test_dequantized_values_are_the_decoded_ones() -> None:
    network = read_network(FILE)
    quantized = quantize_nearest(network.tensors, NearestOptions(bits=5))
    decoded = decode_network(encode_network(network, quantized))
    for name, array in decoded.tensors.items():
        assert array.tobytes() == dequantize(quantized[name], dtype_of(array)).tobytes()


def test_bfloat16_in_integers_is_found() -> None:
    values = helper.make_tensor("w", TensorProto.BFLOAT16, [16, 12], W.ravel())
    packed = TensorProto(name="w", data_type=TensorProto.BFLOAT16, dims=[16, 12])
    bits = numpy_helper.to_array(values).view(np.uint16)
    packed.int32_data.extend(bits.ravel().tolist())
    network = read_network(model(packed).SerializeToString())
    assert network.tensors["w"].tobytes() == bits.tobytes()
    again = onnx.load_from_string(network_bytes(network))
    assert numpy_helper.to_array(again.graph.initializer[0]).tobytes() == bits.tobytes()


def test_external_tensors_are_taken_in(tmp_path: Path) -> None:
    onnx.save(model(), tmp_path / "m.onnx", save_as_external_data=True, size_threshold=0)
    assert (tmp_path / "m.onnx").stat().st_size < len(FILE)
    network = read_network(tmp_path / "m.onnx")
    assert network.tensors["w"].tobytes() == W.tobytes()
    file = network_bytes(decode_network(encode_network(network)))
    again = onnx.load_from_string(file)
    assert numpy_helper.to_array(again.graph.initializer[0]).tobytes() == W.tobytes()
    assert_same(read_network(file), network)
    with pytest.raises(UnsupportedError, match="other files"):
        read_network((tmp_path / "m.onnx").read_bytes())


@pytest.mark.parametrize("location", ["../secret", "/etc/passwd", "none"])
def test_external_tensors_stay_in_their_folder(location: str, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(bytes(W.nbytes))
    (tmp_path / "in").mkdir()
    weight = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[16, 12], data_location=1)
    weight.external_data.add(key="location", value=location)
    (tmp_path / "in/m.onnx").write_bytes(model(weight).SerializeToString())
    with pytest.raises(InputError, match="outside" if "/" in location else "cannot read"):
        read_network(tmp_path / "in/m.onnx")


@pytest.mark.parametrize("key", ["offset", "length"])
@pytest.mark.parametrize("value", ["-1", "10000000", "x"])
def test_external_places_are_checked(key: str, value: str, tmp_path: Path) -> None:
    (tmp_path / "data").write_bytes(bytes(W.nbytes))
    weight = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[16, 12], data_location=1)
    weight.external_data.add(key="location", value="data")
    weight.external_data.add(key=key, value=value)
    (tmp_path / "m.onnx").write_bytes(model(weight).SerializeToString())
    with pytest.raises(InputError):
        read_network(tmp_path / "m.onnx")


def test_a_graph_takes_its_own_tensors_only() -> None:
    network = read_network(FILE)
    with pytest.raises(InputError, match="bytes for 'w'"):
        network_bytes(network.with_tensors({"w": W[:3]}))
    with pytest.raises(InputError, match="takes 4 tensors"):
        network_bytes(type(network)({"w": W}, "onnx", network.rest))
    with pytest.raises(InputError, match="malformed"):
        network_bytes(type(network)(network.tensors, "onnx", network.rest[:20]))


def test_damaged_models_raise_only_our_errors() -> None:
    for _ in range(200):
        damaged = bytearray(FILE)
        for _ in range(RNG.integers(1, 4)):
            damaged[RNG.integers(len(damaged))] = RNG.integers(256)
        if RNG.random() < 0.2:
            damaged = damaged[: RNG.integers(len(damaged))]
        try:
            network = read_network(bytes(damaged))
        except PaucaError:
            continue
        assert network_bytes(decode_network(encode_network(network))) is not None


def test_graphs_nested_without_end_are_refused() -> None:
    data = b""
    for k in range(200):  # attribute 6 of a node in a graph in an attribute ...
        inner = b"\x32" + _length(data) + data
        node = b"\x2a" + _length(inner) + inner
        data = b"\x0a" + _length(node) + node
        if k == 199:
            data = b"\x08\x08\x3a" + _length(data) + data
    with pytest.raises((InputError, LimitError)):
        read_network(data)


def _length(data: bytes) -> bytes:
    from pauca.nn.protobuf import encode_varint

    return encode_varint(len(data))
