"""Network files in and out: everything that is not quantized survives."""

import io
import json
import zipfile
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
from nn.networks import assert_same, every_type, small

from pauca.errors import InputError, LimitError, PaucaError, UnsupportedError
from pauca.limits import Limits
from pauca.nn.codec import decode_network, encode_network
from pauca.nn.formats import sniff
from pauca.nn.model import Network, kind_of_path, network_bytes, read_network, write_network


def through_a_stream(file: bytes) -> bytes:
    return network_bytes(decode_network(encode_network(read_network(file))))


def safetensors_file(header: object, body: bytes = b"", pad: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    text += pad
    return len(text).to_bytes(8, "little") + text + body


def test_safetensors_survives_byte_for_byte() -> None:
    tensors = {name: a for name, a in small().tensors.items()}
    for metadata in (None, {"format": "pt", "note": "é"}):
        file = safetensors.numpy.save(tensors, metadata)
        network = read_network(file)
        assert sorted(network.tensors) == sorted(tensors)
        assert len(network.rest) < 40  # the header is made anew, not carried
        assert through_a_stream(file) == file


def test_safetensors_of_another_writer_survives_byte_for_byte() -> None:
    header = {
        "b": {"shape": [2], "dtype": "BF16", "data_offsets": [8, 12]},
        "__metadata__": {"a": "b"},
        "a": {"dtype": "F32", "data_offsets": [0, 8], "shape": [1, 2]},
        "e": {"dtype": "I64", "data_offsets": [12, 12], "shape": [3, 0]},
    }
    file = safetensors_file(header, bytes(range(12)), b"   ")
    assert list(read_network(file).tensors) == ["a", "b", "e"]
    assert through_a_stream(file) == file


def test_safetensors_with_other_tensors_than_it_came_with() -> None:
    file = safetensors.numpy.save({"a": np.ones(3, np.float32)}, {"note": "x"})
    changed = Network({"a": np.zeros((2, 2), np.int8)}, "safetensors", read_network(file).rest)
    again = read_network(network_bytes(changed))
    assert_same(again, changed)
    assert b'"note":"x"' in network_bytes(changed)


@pytest.mark.parametrize(
    ("header", "body"),
    [
        ({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}, b"123"),
        ({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}, b"12345"),
        ({"a": {"dtype": "F32", "shape": [1], "data_offsets": [1, 5]}}, b"12345"),
        ({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 4]}}, b"1234"),
        ({"a": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]}}, b"1234"),
        ({"a": {"dtype": "F32", "shape": [True], "data_offsets": [0, 4]}}, b"1234"),
        ({"a": {"dtype": "F32", "shape": [1], "data_offsets": [4, 0]}}, b"1234"),
        ({"a": {"dtype": "F32", "shape": [1]}}, b"1234"),
        ({"a": []}, b""),
        ({"__metadata__": {"a": 1}}, b""),
        ([1], b""),
        (b"{not json", b""),
        (b'{"\\ud800":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}', b"1"),
        (b'{"__metadata__":{"a":"\\ud800"}}', b""),
        (b'{"a":' * 90_000, b""),
    ],
)
def test_malformed_safetensors_are_named(header: object, body: bytes) -> None:
    with pytest.raises(InputError):
        read_network(safetensors_file(header, body))


def test_unknown_safetensors_type_is_named() -> None:
    header = {"a": {"dtype": "F4", "shape": [2], "data_offsets": [0, 1]}}
    with pytest.raises(UnsupportedError, match="F4"):
        read_network(safetensors_file(header, b"1"))


def test_npz_survives() -> None:
    buffer = io.BytesIO()
    arrays = small().tensors
    np.savez(buffer, **arrays, label=np.array(["cat", "dog"]), fortran=np.ones((2, 3)).T.copy("F"))
    network = read_network(buffer.getvalue())
    assert set(network.tensors) == set(arrays)  # what is no numeric array in C order is carried
    file = through_a_stream(buffer.getvalue())
    loaded = np.load(io.BytesIO(file))
    assert loaded["label"].tolist() == ["cat", "dog"]
    assert loaded["fortran"].flags.f_contiguous
    for name, array in arrays.items():
        assert loaded[name].tobytes() == array.tobytes()
        assert loaded[name].dtype == array.dtype


def test_npz_keeps_compression_and_opens_no_pickle() -> None:
    buffer = io.BytesIO()
    zeros = np.zeros(5000, np.float32)
    np.savez_compressed(buffer, zeros=zeros, objects=np.array([{"a": 1}], object))
    assert list(read_network(buffer.getvalue()).tensors) == ["zeros"]
    file = through_a_stream(buffer.getvalue())
    assert len(file) < 2000
    assert np.load(io.BytesIO(file), allow_pickle=True)["objects"][0] == {"a": 1}


def test_npz_bomb_is_refused_before_it_expands() -> None:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, a=np.zeros(10**6))
    with pytest.raises(LimitError, match="npz"):
        read_network(buffer.getvalue(), Limits(max_memory=10**6))


def test_every_type_survives_as_safetensors_and_npz() -> None:
    network = every_type()
    held = Network({k: v for k, v in network.tensors.items() if "complex128" not in k})
    assert_same(read_network(network_bytes(held)), held)
    assert_same(read_network(network_bytes(network, "npz")), network)
    with pytest.raises(UnsupportedError, match="complex128"):
        network_bytes(network)


def test_torch_checkpoint_survives() -> None:
    torch = pytest.importorskip("torch")
    tied = torch.arange(12.0).reshape(3, 4)
    value = {
        "epoch": 3,
        "state": OrderedDict(
            {
                "w": torch.randn(5, 6).to(torch.bfloat16),
                "t": torch.randn(4, 5).T,
                "p": torch.nn.Parameter(torch.ones(2)),
                "f": torch.randn(3).to(torch.float8_e4m3fn),
                "n": torch.tensor(7),
                "enc": tied,
                "dec": tied,
            }
        ),
        "list": [1.5, None, ("x", torch.ones(1, dtype=torch.bool)), {0: torch.zeros(2)}],
    }
    buffer = io.BytesIO()
    torch.save(value, buffer)
    loaded = torch.load(io.BytesIO(through_a_stream(buffer.getvalue())), weights_only=True)
    assert loaded["epoch"] == 3
    assert type(loaded["state"]) is OrderedDict
    for name, tensor in value["state"].items():
        assert loaded["state"][name].dtype == tensor.dtype
        assert torch.equal(loaded["state"][name].float(), tensor.float())
    assert type(loaded["state"]["p"]) is torch.nn.Parameter
    assert loaded["state"]["enc"].data_ptr() == loaded["state"]["dec"].data_ptr()
    assert loaded["list"][:2] == [1.5, None]
    assert loaded["list"][2][0] == "x"
    assert torch.equal(loaded["list"][3][0], torch.zeros(2))


def test_torch_state_dict_keeps_its_versions_and_costs_little() -> None:
    torch = pytest.importorskip("torch")
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4))
    buffer = io.BytesIO()
    torch.save(model.state_dict(), buffer)
    network = read_network(buffer.getvalue())
    assert list(network.tensors) == list(model.state_dict())
    assert len(encode_network(network)) < 500
    loaded = torch.load(io.BytesIO(through_a_stream(buffer.getvalue())), weights_only=True)
    assert loaded._metadata == model.state_dict()._metadata
    model.load_state_dict(loaded)
    assert network_bytes(Network(network.tensors), "torch")[:4] == b"PK\x03\x04"


def test_torch_files_that_hold_code_are_refused(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    buffer = io.BytesIO()
    torch.save(torch.nn.Linear(2, 2), buffer)
    with pytest.raises(InputError, match="weights_only"):
        read_network(buffer.getvalue())
    buffer = io.BytesIO()
    torch.save({"a": torch.ones(2).to_sparse()}, buffer)
    with pytest.raises(UnsupportedError, match="'a'"):
        read_network(buffer.getvalue())


@pytest.mark.parametrize("kind", ["safetensors", "npz", "torch"])
def test_damaged_files_raise_only_our_errors(kind: str) -> None:
    if kind == "torch":
        pytest.importorskip("torch")
    file = network_bytes(small(), kind)
    rng = np.random.default_rng(0)
    for _ in range(150 if kind != "torch" else 60):
        damaged = bytearray(file)
        for _ in range(rng.integers(1, 5)):
            near = len(file) if rng.random() < 0.5 else 900
            damaged[rng.integers(near)] = rng.integers(256)
        if rng.random() < 0.3:
            damaged = damaged[: rng.integers(len(damaged))]
        try:
            encode_network(read_network(bytes(damaged)))
        except PaucaError:
            continue


def test_content_says_what_a_file_is(tmp_path: Path) -> None:
    for kind in ("safetensors", "npz"):
        assert sniff(network_bytes(small(), kind)) == kind
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("readme.txt", "hello")
    for data in (
        b"",
        b"PK\x03\x04",
        buffer.getvalue(),
        b"\x89PNG\r\n\x1a\n" + bytes(50),
        b"\x08\x01",
    ):
        assert sniff(data) is None
        with pytest.raises(InputError, match="not a network"):
            read_network(data)
    write_network(small(), tmp_path / "a.bin", "npz")
    assert read_network(tmp_path / "a.bin").kind == "npz"
    with pytest.raises(InputError, match="force"):
        write_network(small(), tmp_path / "a.bin")
    with pytest.raises(LimitError):
        read_network(tmp_path / "a.bin", Limits(max_bytes=100))


def test_extension_says_what_to_write() -> None:
    assert kind_of_path("x/a.PTH") == "torch"
    with pytest.raises(InputError, match="'.png'"):
        kind_of_path("a.png")
    with pytest.raises(InputError, match="graph"):
        network_bytes(small(), "onnx")
