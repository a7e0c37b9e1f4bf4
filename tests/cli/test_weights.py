"""`encode`, `decode` and `info` of neural networks, from outside."""

import io
import json
import os
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
from numpy.typing import NDArray
from process import Cli

import pauca

Arrays = dict[str, NDArray[np.generic]]


def test_file_to_file(cli: Cli, network: Path, arrays: Arrays) -> None:
    result = cli("encode", network, "-o", "a.pauca")
    assert (result.code, result.out) == (0, b""), result.err
    assert "times smaller" in result.err
    assert (network.parent / "a.pauca").stat().st_size < network.stat().st_size / 3
    assert cli("decode", "a.pauca", "-o", "out.safetensors").code == 0
    decoded = safetensors.numpy.load_file(network.parent / "out.safetensors")
    assert list(decoded) == list(safetensors.numpy.load_file(network))
    for name, array in arrays.items():
        assert (decoded[name].shape, decoded[name].dtype) == (array.shape, array.dtype)
    error = np.abs(decoded["fc1.weight"] - arrays["fc1.weight"]).max()
    assert 0 < error <= np.abs(arrays["fc1.weight"]).max() / 127 * 0.51
    ratio = decoded["bn.running_var"] / arrays["bn.running_var"]
    assert np.abs(ratio - 1).max() <= 2.0**-11
    for name in ("bn.steps", "fc2.mask"):
        assert decoded[name].tobytes() == arrays[name].tobytes()
    assert sorted(os.listdir(network.parent)) == ["a.pauca", "in.safetensors", "out.safetensors"]


def test_lossless_gives_the_very_file(cli: Cli, network: Path) -> None:
    assert cli("encode", network, "-o", "a.pauca", "--lossless", "-j", "2").code == 0
    assert cli("decode", "a.pauca", "-o", "out.safetensors", "-j", "0").code == 0
    assert (network.parent / "out.safetensors").read_bytes() == network.read_bytes()


def test_pipe_to_pipe_equals_file_to_file(cli: Cli, network: Path) -> None:
    encoded = cli("encode", "-", "-o", "-", input=network.read_bytes())
    assert encoded.code == 0
    assert cli("encode", network, "-o", "a.pauca").code == 0
    assert (network.parent / "a.pauca").read_bytes() == encoded.out
    decoded = cli("decode", "-", "-o", "-", input=encoded.out)
    assert cli("decode", "a.pauca", "-o", "b.safetensors").code == 0
    assert decoded.out == (network.parent / "b.safetensors").read_bytes()


@pytest.mark.parametrize(
    ("options", "bound"),
    [
        (["--bits", "4"], 0.5001 / 7),
        (["--step", "0.01"], None),
        (["--max-error", "0.002"], None),
    ],
)
def test_step_options_bound_the_error(
    cli: Cli, network: Path, arrays: Arrays, options: list[str], bound: float | None
) -> None:
    assert cli("encode", network, "-o", "a.pauca", *options).code == 0
    assert cli("decode", "a.pauca", "-o", "b.safetensors").code == 0
    decoded = safetensors.numpy.load_file(network.parent / "b.safetensors")
    weight = arrays["fc1.weight"]
    largest = np.abs(weight).max()
    allowed = bound * largest if bound else {"0.01": 0.005, "0.002": 0.002}[options[1]]
    error = np.abs(decoded["fc1.weight"] - weight).max()
    assert allowed / 2 < error <= allowed * 1.0001


def test_fewer_bits_are_smaller(cli: Cli, network: Path) -> None:
    sizes = [len(cli("encode", network, "-o", "-", "--bits", b).out) for b in ("3", "6", "10")]
    assert 0 < sizes[0] < sizes[1] < sizes[2]
    fine = len(cli("encode", network, "-o", "-", "--bits", "3", "--vector-bits", "23").out)
    assert fine > sizes[0]


def test_json_reports_what_is_on_disk(cli: Cli, network: Path) -> None:
    record = json.loads(cli("encode", network, "-o", "a.pauca", "--json").out)
    size = (network.parent / "a.pauca").stat().st_size
    assert (record["bytes"], record["source"]) == (size, "safetensors")
    assert (record["tensors"], record["elements"]) == (6, 10350)
    assert record["ratio"] == pytest.approx(network.stat().st_size / size)
    assert record["bits_per_weight"] == pytest.approx(8 * size / 10350)
    record = json.loads(cli("decode", "a.pauca", "-o", "b.npz", "--json").out)
    assert record["bytes"] == (network.parent / "b.npz").stat().st_size
    assert (record["format"], record["tensors"], record["elements"]) == ("npz", 6, 10350)


def test_info_needs_no_decoding(cli: Cli, network: Path) -> None:
    assert cli("encode", network, "-o", "a.pauca").code == 0
    record = json.loads(cli("info", "a.pauca", "--json").out)
    assert (record["kind"], record["source"]) == ("weights", "safetensors")
    assert (record["tensors"], record["elements"]) == (6, 10350)
    assert record["tensor_bytes"] == 9000 * 4 + 200 * 4 + 8 + 1000 * 2 + 149
    assert [chunk["type"] for chunk in record["chunks"]] == ["W", "T", "D"]
    lines = cli("info", "a.pauca").out.decode().splitlines()
    assert "tensors:         6" in lines
    assert "source:          safetensors" in lines


def test_other_formats_in_and_out(cli: Cli, network: Path, arrays: Arrays) -> None:
    np.savez(network.parent / "in.npz", **arrays)
    assert cli("encode", "in.npz", "-o", "a.pauca", "--lossless").code == 0
    assert json.loads(cli("info", "a.pauca", "--json").out)["source"] == "npz"
    for suffix in ("npz", "safetensors"):
        assert cli("decode", "a.pauca", "-o", f"out.{suffix}").code == 0
    loaded = np.load(network.parent / "out.npz")
    other = safetensors.numpy.load_file(network.parent / "out.safetensors")
    for name, array in arrays.items():
        assert loaded[name].tobytes() == other[name].tobytes() == array.tobytes()
    cli("decode", "a.pauca", "-o", "out.onnx").fails(1, "graph")
    cli("decode", "a.pauca", "-o", "out.png").fails(1, "weights", "'.png'", ".safetensors")


def test_torch_in_and_out(cli: Cli, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    value = {"state": torch.nn.Linear(30, 20).state_dict(), "epoch": 4}
    torch.save(value, tmp_path / "in.bin")
    assert cli("encode", "in.bin", "-o", "a.pauca", "--lossless").code == 0
    assert cli("decode", "a.pauca", "-o", "out.pt").code == 0
    loaded = torch.load(tmp_path / "out.pt", weights_only=True)
    assert loaded["epoch"] == 4
    assert torch.equal(loaded["state"]["weight"], value["state"]["weight"])


def test_onnx_graph_survives(cli: Cli, tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    from onnx import helper, numpy_helper

    weight = np.random.default_rng(0).normal(size=(40, 30)).astype(np.float32)
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "net",
        [helper.make_tensor_value_info("x", 1, ["n", 40])],
        [helper.make_tensor_value_info("y", 1, ["n", 30])],
        [numpy_helper.from_array(weight, "w")],
    )
    file = helper.make_model(graph).SerializeToString()
    (tmp_path / "in.onnx").write_bytes(file)
    assert cli("encode", "in.onnx", "-o", "a.pauca", "--lossless").code == 0
    assert cli("decode", "a.pauca", "-o", "out.onnx").code == 0
    assert (tmp_path / "out.onnx").read_bytes() == file
    assert cli("encode", "in.onnx", "-o", "b.pauca", "--bits", "4").code == 0
    assert cli("decode", "b.pauca", "-o", "b.onnx").code == 0
    model = onnx.load(tmp_path / "b.onnx")
    onnx.checker.check_model(model)
    coarse = numpy_helper.to_array(model.graph.initializer[0])
    assert len(np.unique(coarse)) <= 15


def test_single_tensors_and_levels(cli: Cli, network: Path, arrays: Arrays) -> None:
    assert cli("encode", network, "-o", "a.pauca", "--bits", "8").code == 0
    one = cli("decode", "a.pauca", "-o", "-", "--tensor", "fc2.weight", "--tensor", "bn.steps")
    assert set(safetensors.numpy.load(one.out)) == {"fc2.weight", "bn.steps"}
    cli("decode", "a.pauca", "-o", "-", "--tensor", "nope").fails(1, "'nope'")
    assert cli("decode", "a.pauca", "-o", "i.npz", "--levels").code == 0
    found = np.load(io.BytesIO((network.parent / "i.npz").read_bytes()))
    assert found["fc1.weight"].dtype == np.int8
    assert np.abs(found["fc1.weight"]).max() == 127
    values = found["fc1.weight"] * found["fc1.weight.step"]
    assert np.abs(values - arrays["fc1.weight"]).max() <= found["fc1.weight.step"] * 0.501


def test_update_from_a_base(cli: Cli, network: Path, arrays: Arrays) -> None:
    rng = np.random.default_rng(1)
    change = rng.normal(0, 1e-4, (100, 90)).astype(np.float32)
    new = {**arrays, "fc1.weight": arrays["fc1.weight"] + change}
    (network.parent / "new.safetensors").write_bytes(safetensors.numpy.save(new, {"by": "me"}))
    assert cli("encode", network, "-o", "old.pauca").code == 0
    cli("encode", "new.safetensors", "-o", "u.pauca", "--base", "gone").fails(1, "gone")
    for base in ("in.safetensors", "old.pauca"):
        args = ("new.safetensors", "-o", "u.pauca", "--base", base, "-f")
        assert cli("encode", *args, "--max-error", "0.00005").code == 0
        record = json.loads(cli("info", "u.pauca", "--json").out)
        assert record["kind"] == "update"
        assert len(bytes.fromhex(record["base"])) == 8
        cli("decode", "u.pauca", "-o", "out.safetensors", "-f").fails(1, record["base"])
        assert cli("decode", "u.pauca", "-o", "out.safetensors", "--base", base, "-f").code == 0
        decoded = safetensors.numpy.load_file(network.parent / "out.safetensors")
        assert np.abs(decoded["fc1.weight"] - new["fc1.weight"]).max() < 5.1e-5
    assert (
        cli("encode", "new.safetensors", "-o", "l.pauca", "--base", "old.pauca", "--lossless").code
        == 0
    )
    cli("decode", "l.pauca", "-o", "out.safetensors", "--base", "in.safetensors", "-f").fails(
        1, "base"
    )
    assert cli("decode", "l.pauca", "-o", "l.safetensors", "--base", "old.pauca").code == 0
    same = (network.parent / "l.safetensors").read_bytes()
    assert same == (network.parent / "new.safetensors").read_bytes()


def test_an_update_is_smaller_than_the_network(cli: Cli, network: Path) -> None:
    whole = cli("encode", network, "-o", "-", "--lossless").out
    update = cli("encode", network, "-o", "-", "--base", network, "--lossless").out
    assert len(update) < 100 < len(whole)


@pytest.mark.parametrize(
    "options",
    [
        ["--quality", "50"],
        ["--model", "img-psnr"],
        ["--bits", "1"],
        ["--bits", "17"],
        ["--vector-bits", "24"],
        ["--bits", "4", "--step", "0.1"],
        ["--lossless", "--max-error", "0.1"],
        ["--jobs", "-1"],
    ],
)
def test_options_that_make_no_sense_are_usage_errors(
    cli: Cli, network: Path, options: list[str]
) -> None:
    cli("encode", network, "-o", "a.pauca", *options).fails(2)
    assert os.listdir(network.parent) == ["in.safetensors"]


def test_options_of_networks_are_refused_for_pictures(cli: Cli, picture: Path) -> None:
    cli("encode", picture, "-o", "a.pauca", "--bits", "4").fails(2, "--bits is for networks")
    cli("encode", picture, "-o", "a.pauca", "--lossless").fails(2, "--lossless is for networks")


@pytest.mark.parametrize("step", ["0", "-1", "nan", "1e-30"])
def test_steps_that_cannot_be_are_named(cli: Cli, network: Path, step: str) -> None:
    cli("encode", network, "-o", "a.pauca", "--step", step).fails(1, "step")


def test_damage_is_refused_and_leaves_no_file(cli: Cli, network: Path) -> None:
    stream = cli("encode", network, "-o", "-").out
    flipped = bytearray(stream)
    flipped[-300] ^= 8
    for name, data in [("cut", stream[:-9]), ("flip", bytes(flipped)), ("tail", stream + b"\0")]:
        (network.parent / name).write_bytes(data)
        cli("decode", name, "-o", "out.safetensors").fails(1)
        cli("info", name).fails(1)
    cut = network.read_bytes()[:-1]
    cli("encode", "-", "-o", "a.pauca", input=cut).fails(1, "safetensors")
    assert sorted(os.listdir(network.parent)) == ["cut", "flip", "in.safetensors", "tail"]


def test_library_and_command_agree(cli: Cli, network: Path) -> None:
    from pauca.nn.codec import decode_network
    from pauca.nn.compress import compress_network
    from pauca.nn.model import network_bytes, read_network

    stream = cli("encode", network, "-o", "-").out
    assert stream == compress_network(read_network(network))
    assert cli("decode", "-", "-o", "-", input=stream).out == network_bytes(decode_network(stream))
    assert pauca.identify(stream) is pauca.Kind.WEIGHTS
