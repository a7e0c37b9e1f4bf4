"""A model with arbitrary weights, exported: stream size and picture follow the torch model."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from image.photos import photo

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")

from pauca.image.codec import PictureEncoder, decode_image, encode_image  # noqa: E402
from pauca.image.coded import EncodeOptions  # noqa: E402
from pauca.image.export import export, load_checkpoint  # noqa: E402
from pauca.image.model import ModelConfig, WaveletModel  # noqa: E402
from pauca.image.train import evaluate  # noqa: E402
from pauca.metrics.psnr import psnr  # noqa: E402
from pauca.nets.integer import IntConv, set_exact  # noqa: E402
from pauca.pack.registry import create_model  # noqa: E402
from pauca.pixels.lifting import BOX26, CDF97  # noqa: E402

PLAIN = ModelConfig(channels=(16, 24, 24, 16), trunk=(1, 1, 1, 1), post_channels=16, post_blocks=1)
FILTERED = replace(PLAIN, mend_channels=16, mend_blocks=1, pre_channels=16, pre_blocks=1)
MASKED = replace(PLAIN, masking=True, wavelets=(BOX26,) * 2 + (CDF97,) * 4)


@pytest.fixture(
    scope="module",
    params=[PLAIN, FILTERED, MASKED],
    ids=["plain", "filtered", "masked and boxed"],
)
def checkpoint(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(3)
    model = WaveletModel(request.param)
    for layer in model.modules():  # zero branches and heads would hide mistakes
        if isinstance(layer, IntConv):
            torch.nn.init.normal_(layer.weight, std=0.5 / layer.weight[0].numel() ** 0.5)
            torch.nn.init.normal_(layer.bias, std=0.1)
    for net in model.levels:
        for head in net.heads:
            torch.nn.init.constant_(head.bias[head.out_channels // 2 :], 4.0)
    sizes = {k: list(v) if isinstance(v, tuple) else v for k, v in vars(request.param).items()}
    path = tmp_path_factory.mktemp("run") / "checkpoint.pt"
    torch.save({"ema": model.state_dict(), "sizes": sizes}, path)
    return path


@pytest.mark.parametrize("quality", [10.0, 50.0, 90.0])
def test_stream_and_picture_follow_the_model(
    checkpoint: Path, tmp_path: Path, quality: float
) -> None:
    pixels = photo(256, 256)
    info = export(checkpoint, tmp_path / "pack", "img-test", "1", "noise")
    pack = create_model(tmp_path / "pack")
    stream = encode_image(pixels, pack, EncodeOptions(quality, 1))
    out = decode_image(stream, packs=[info.path])
    model = load_checkpoint(checkpoint)
    set_exact(model, True)
    point = evaluate(model, [pixels], [quality])[0]
    low_band = 3 * 4 * 4 * 16 / 256**2  # the estimate leaves the lowest band out
    assert len(stream) * 8 / 256**2 == pytest.approx(point["bpp"] + low_band, rel=0.03)
    assert psnr(out, pixels) == pytest.approx(point["psnr"], abs=0.15)


def test_one_encoder_serves_every_quality(checkpoint: Path, tmp_path: Path) -> None:
    pixels = photo(128, 128)
    export(checkpoint, tmp_path / "pack", "img-test", "1", "noise")
    pack = create_model(tmp_path / "pack")
    encoder = PictureEncoder(pixels, pack)
    for code in (320, 40, 320):
        coded, seen = encoder.encode_and_decode(code)
        assert coded.stream() == encode_image(pixels, pack, EncodeOptions(code / 4))
        out = decode_image(coded.stream(), packs=[pack.info.path])
        assert np.array_equal(out, seen)


def test_manifest_guards_every_file(checkpoint: Path, tmp_path: Path) -> None:
    from pauca.errors import PackError

    for name in ("arrays.safetensors", "model.json"):
        folder = tmp_path / name
        export(checkpoint, folder, "img-test", "1", "noise")
        data = bytearray((folder / name).read_bytes())
        data[len(data) // 2] ^= 1
        (folder / name).write_bytes(data[: len(data) // 2] if name == "model.json" else data)
        with pytest.raises(PackError):
            create_model(folder)


@pytest.mark.parametrize("wavelets", ["2/6", ["2/6"] * 5, ["2/6"] * 5 + ["5/3"]])
def test_wavelets_that_are_not_known_are_refused(
    checkpoint: Path, tmp_path: Path, wavelets: object
) -> None:
    from pauca.errors import PackError

    export(checkpoint, tmp_path / "pack", "img-test", "1", "noise")
    manifest = tmp_path / "pack" / "model.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"wavelets": wavelets}))
    with pytest.raises(PackError, match="wavelet"):
        create_model(tmp_path / "pack")


def test_integer_layers_prove_their_sums(checkpoint: Path, tmp_path: Path) -> None:
    export(checkpoint, tmp_path / "pack", "img-test", "1", "noise")
    pack = create_model(tmp_path / "pack")
    for layer in pack.layers.values():
        rows = layer.weight.reshape(len(layer.bias), -1).astype(np.int64)
        assert (np.abs(rows).sum(1) * 255 + np.abs(layer.bias)).max() < 2**24
