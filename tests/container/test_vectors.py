"""The published vectors, read by the package and by the specification's plain-Python twin."""

import importlib.util
import json
import zlib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from pauca import errors
from pauca.container.chunks import scan_stream
from pauca.container.headers import ImageHeader, read_info
from pauca.container.metadata import NAMES, decode_metadata
from pauca.limits import Limits

SPEC = Path(__file__).parents[2] / "spec"
OK = json.loads((SPEC / "vectors/ok/expected.json").read_text())
BAD = json.loads((SPEC / "vectors/bad/expected.json").read_text())


@pytest.fixture(scope="module")
def twin() -> ModuleType:
    spec = importlib.util.spec_from_file_location("spec_decoder", SPEC / "decoder.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(("folder", "expected"), [("ok", OK), ("bad", BAD)])
def test_every_vector_has_an_expectation(folder: str, expected: dict[str, Any]) -> None:
    assert {p.stem for p in (SPEC / "vectors" / folder).glob("*.bin")} == set(expected)


@pytest.mark.parametrize("name", sorted(OK))
def test_ok_vector(name: str, twin: ModuleType) -> None:
    data = (SPEC / "vectors/ok" / f"{name}.bin").read_bytes()
    info = read_info(data)
    payloads = [data[c.offset : c.offset + c.size] for c in info.chunks]
    assert str(info.kind) == OK[name]["kind"]
    assert [
        [c.type, c.size, zlib.crc32(p)] for c, p in zip(info.chunks, payloads, strict=True)
    ] == OK[name]["chunks"]
    assert twin.read_chunks(data) == [
        (c.type, p) for c, p in zip(info.chunks, payloads, strict=True)
    ]
    if "header" in OK[name]:
        assert isinstance(info.header, ImageHeader)
        fields = {**vars(info.header), "pack_id": info.header.pack_id.hex()}
        assert fields == OK[name]["header"] == twin.read_image_header(payloads[0])
        stated = info.fidelity and {**vars(info.fidelity), "tile": list(info.fidelity.tile)}
        assert stated == OK[name].get("fidelity")
        size = info.header.width, info.header.height
        assert twin.read_fidelity(twin.read_chunks(data), *size) == stated
    if "metadata" in OK[name]:
        metadata = decode_metadata(scan_stream(data, Limits()))
        read = {
            NAMES[c.type]: twin.read_metadata(p)
            for c, p in zip(info.chunks, payloads, strict=True)
            if c.type in NAMES
        }
        assert vars(metadata) == read
        assert {name: part.hex() for name, part in read.items()} == OK[name]["metadata"]


@pytest.mark.parametrize("name", sorted(BAD))
def test_bad_vector(name: str, twin: ModuleType) -> None:
    data = (SPEC / "vectors/bad" / f"{name}.bin").read_bytes()
    with pytest.raises(errors.PaucaError) as caught:
        read_info(data)
    assert type(caught.value).__name__ == BAD[name]
    assert "\n" not in str(caught.value)
    if BAD[name] != "LimitError":  # the twin has no limits: it reads what it is given
        with pytest.raises(twin.Bad) as refused:
            chunks = twin.read_chunks(data)
            header = twin.read_image_header(chunks[0][1])
            twin.read_fidelity(chunks, header["width"], header["height"])
        assert refused.value.args[0] == BAD[name]
