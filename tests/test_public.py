"""The package as a library: names, laziness, sources, errors."""

import io
import json
import subprocess
import sys
import time
import tomllib
import types
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import pauca
from pauca import errors
from pauca.container.chunks import Chunk, encode_stream
from pauca.container.headers import ImageHeader, encode_image_header

ROOT = Path(__file__).parents[1]
HEADER = encode_image_header(ImageHeader(24, 16, 3, bytes(8), 40))
STREAM = encode_stream([Chunk("I", HEADER), Chunk("D", b"")])


def test_all_is_the_public_names() -> None:
    names = {
        name
        for name, value in vars(pauca).items()
        if not name.startswith("_") and not isinstance(value, types.ModuleType)
    }
    assert names - {"Any", "TYPE_CHECKING", "read_info"} == set(pauca.__all__) - {"__version__"}
    assert sorted(pauca.__all__) == pauca.__all__


def test_every_error_is_public_and_a_pauca_error() -> None:
    for name, value in vars(errors).items():
        if isinstance(value, type):
            assert issubclass(value, pauca.PaucaError)
            assert getattr(pauca, name) is value


def test_version_is_the_one_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["version"] == pauca.__version__


def test_import_is_light() -> None:
    script = (
        "import sys, time\nstart = time.process_time()\nimport pauca\n"
        "seconds = time.process_time() - start\n"
        "import json\nprint(json.dumps([seconds, sorted(sys.modules)]))\n"
    )
    best = 9.0
    for _ in range(3):
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
        seconds, modules = json.loads(done.stdout)
        assert not {"numpy", "PIL", "torch", "onnxruntime", "typer", "rich"} & set(modules)
        best = min(best, seconds)
    assert best < 0.15


def test_info_reads_bytes_paths_and_files(tmp_path: Path) -> None:
    (tmp_path / "a.pauca").write_bytes(STREAM)
    expected = pauca.info(STREAM)
    assert expected.kind is pauca.Kind.IMAGE
    for source in (
        bytearray(STREAM),
        memoryview(STREAM),
        tmp_path / "a.pauca",
        str(tmp_path / "a.pauca"),
        io.BytesIO(STREAM),
    ):
        assert pauca.info(source) == expected


def test_decode_names_what_is_wrong() -> None:
    with pytest.raises(pauca.PackError, match="0000000000000000"):
        pauca.decode(STREAM)
    with pytest.raises(pauca.FormatError, match="not a pauca stream"):
        pauca.decode(b"something else")
    with pytest.raises(pauca.TruncatedError):
        pauca.decode(STREAM[:9])
    with pytest.raises(pauca.FormatError):
        pauca.decode(b"")
    with pytest.raises(pauca.UnsupportedError, match="weights"):
        pauca.decode(encode_stream([Chunk("W", b"")]))
    with pytest.raises(pauca.LimitError):
        pauca.decode(STREAM, limits=pauca.Limits(max_pixels=383))
    with pytest.raises(pauca.LimitError):
        pauca.decode(io.BytesIO(STREAM), limits=pauca.Limits(max_bytes=10))
    with pytest.raises(pauca.InputError):
        pauca.decode(42)


@pytest.mark.parametrize(
    "options", [{"quality": -1}, {"quality": 101}, {"effort": 0}, {"effort": 10}, {"model": "nope"}]
)
def test_encode_refuses_bad_options(options: dict[str, object]) -> None:
    with pytest.raises((pauca.InputError, pauca.PackError)):
        pauca.encode(np.zeros((8, 8), np.uint8), **options)  # type: ignore[arg-type]


def test_model_that_does_not_exist_is_named() -> None:
    with pytest.raises(pauca.PackError, match="img-nope"):
        pauca.create_model("img-nope")
    assert pauca.list_models("nope-*") == []


@pytest.fixture
def model() -> str:
    if not pauca.list_models("img-psnr"):
        pytest.skip("model pack img-psnr is not installed")
    return "img-psnr"


def test_encode_takes_every_source(model: str, tmp_path: Path) -> None:
    pixels = np.arange(24 * 32 * 3, dtype=np.uint8).reshape(24, 32, 3) // 2
    image = Image.fromarray(pixels)
    image.save(tmp_path / "a.png")
    expected = pauca.encode(pixels)
    file = io.BytesIO((tmp_path / "a.png").read_bytes())
    for source in (image, tmp_path / "a.png", str(tmp_path / "a.png"), file):
        assert pauca.encode(source) == expected
    assert pauca.encode(pixels, model=pauca.create_model(model)) == expected
    assert pauca.decode(expected).shape == pixels.shape


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 1), (1, 300), (33, 17, 3)])
def test_any_size_round_trips(shape: tuple[int, ...], model: str) -> None:
    pixels = np.full(shape, 90, np.uint8)
    decoded = pauca.decode(pauca.encode(pixels, quality=90))
    assert decoded.shape == shape
    assert np.abs(decoded.astype(int) - 90).max() < 24


def test_damaged_pictures_raise_only_our_errors_within_a_second(model: str) -> None:
    stream = pauca.encode(np.full((16, 16, 3), 90, np.uint8))
    pauca.decode(stream)
    for position in range(len(stream)):
        damaged = bytearray(stream)
        damaged[position] ^= 1 << position % 8
        start = time.perf_counter()
        with pytest.raises(pauca.PaucaError):
            pauca.decode(damaged)
        assert time.perf_counter() - start < 1
        with pytest.raises(pauca.FormatError):
            pauca.decode(stream[:position])


def test_forged_payloads_behind_a_right_checksum_raise_only_our_errors(model: str) -> None:
    stream = pauca.encode(np.arange(48 * 48, dtype=np.uint8).reshape(48, 48))
    header, data = pauca.info(stream).chunks
    head = stream[header.offset : header.offset + header.size]
    payload = stream[data.offset : data.offset + data.size]
    rng = np.random.default_rng(3)
    for _ in range(40):
        forged = bytearray(payload)
        forged[rng.integers(len(forged))] ^= 1 << int(rng.integers(8))
        forged = forged[: rng.integers(1, len(forged) + 1)] if rng.random() < 0.3 else forged
        try:
            picture = pauca.decode(encode_stream([Chunk("I", head), Chunk("D", bytes(forged))]))
        except pauca.PaucaError:
            continue
        assert picture.shape == (48, 48)


def test_decoding_never_imports_torch(model: str, tmp_path: Path) -> None:
    (tmp_path / "a.pauca").write_bytes(pauca.encode(np.full((16, 16, 3), 90, np.uint8)))
    script = (
        "import sys, pauca\npauca.decode(sys.argv[1])\n"
        "sys.exit('torch' in sys.modules or 'PIL' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path / "a.pauca")], timeout=60)
    assert done.returncode == 0
