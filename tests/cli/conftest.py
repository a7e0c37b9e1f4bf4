from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
from numpy.typing import NDArray
from PIL import Image

import pauca
from pauca.container.chunks import Chunk, encode_stream
from pauca.container.headers import ImageHeader, encode_image_header


@pytest.fixture
def stream() -> bytes:
    """Return a well-formed stream whose pack nobody has."""
    header = encode_image_header(ImageHeader(24, 16, 3, bytes.fromhex("00112233aabbccdd"), 40))
    return encode_stream([Chunk("I", header), Chunk("x", b"note\0hi"), Chunk("D", b"payload")])


@pytest.fixture(scope="session")
def pixels() -> NDArray[np.uint8]:
    """Return a small smooth colour picture, uint8 (40, 56, 3)."""
    y, x = np.mgrid[0:40, 0:56]
    picture = np.stack([2 * x + y, 3 * y + 20, 250 - 2 * x - 2 * y], axis=-1)
    return picture.clip(0, 255).astype(np.uint8)


@pytest.fixture
def picture(tmp_path: Path, pixels: NDArray[np.uint8]) -> Path:
    """Return the path of a PNG of `pixels`."""
    Image.fromarray(pixels).save(tmp_path / "in.png")
    return tmp_path / "in.png"


@pytest.fixture(scope="session")
def arrays() -> dict[str, NDArray[np.generic]]:
    """Return two layers with statistics: 10,350 elements."""
    rng = np.random.default_rng(0)
    return {
        "fc1.weight": rng.normal(0, 0.05, (100, 90)).astype(np.float32),
        "fc1.bias": rng.normal(0, 0.05, 100).astype(np.float32),
        "bn.running_var": np.exp(rng.normal(0, 5, 100)).astype(np.float32),
        "bn.steps": np.array(77, np.int64),
        "fc2.weight": rng.normal(0, 0.05, (10, 100)).astype(np.float16),
        "fc2.mask": rng.random(149) < 0.5,
    }


@pytest.fixture
def network(tmp_path: Path, arrays: dict[str, NDArray[np.generic]]) -> Path:
    """Return the path of a safetensors file of `arrays`."""
    (tmp_path / "in.safetensors").write_bytes(safetensors.numpy.save(arrays, {"by": "me"}))
    return tmp_path / "in.safetensors"


@pytest.fixture
def model() -> str:
    """Return the name of the default model; skip where none is shipped."""
    if not pauca.list_models("img-psnr"):
        pytest.skip("model pack img-psnr is not installed")
    return "img-psnr"
