"""The autoencoder family: transforms, training, and its commands as processes."""

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from process import Cli

torch = pytest.importorskip("torch")


from image.photos import photo  # noqa: E402
from image.vae_sizes import SMALL  # noqa: E402

from pauca.image.train import TrainConfig, train  # noqa: E402
from pauca.image.vae import layout  # noqa: E402
from pauca.image.vae.model import basis_of, gather, scattered  # noqa: E402
from pauca.metrics.psnr import psnr  # noqa: E402


@pytest.mark.parametrize("passes", [2, 4])
def test_every_block_is_coded_once(passes: int) -> None:
    y = np.arange(6 * 4 * 8).reshape(6, 4, 8)
    out = np.zeros_like(y)
    for places in layout.ORDERS[passes]:
        layout.scatter(layout.gather(y, places), out, places)
    assert np.array_equal(out, y)
    t = torch.from_numpy(y.transpose(2, 0, 1).copy())[None]
    for places in layout.ORDERS[passes]:
        part = gather(t, places)
        assert np.array_equal(part[0].permute(1, 2, 0).numpy(), layout.gather(y, places))
        assert torch.equal(gather(scattered(part, places), places), part)


def test_the_linear_transforms_begin_as_inverses() -> None:
    pixels = photo()
    basis = basis_of([pixels], 768, 0)
    assert np.allclose(basis @ basis.T, np.eye(768), atol=1e-4)
    planes = np.random.default_rng(0).integers(-900, 900, (3, 32, 48))
    y16 = np.rint(layout.blocks_of(planes) @ basis.T).astype(np.int64)
    matrix = np.rint(basis * (1 << layout.SCALE_BITS)).astype(np.float64)
    assert np.abs(layout.linear_synthesis(y16, matrix) - planes).max() <= 6


def test_training_learns_and_resumes(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    Image.fromarray(photo(280, 400)).save(photos / "a.png")
    config = TrainConfig(
        [photos], tmp_path / "run", hours=6 / 3600, batch=2, size=128, threads=1, sizes=SMALL
    )
    first = torch.load(train(config), weights_only=True)
    assert first["step"] >= 3
    start = torch.from_numpy(basis_of([photo(280, 400)], SMALL.latents, 0))
    learned: NDArray[np.float32] = first["model"]["analysis"][:, :, 0, 0]
    assert 0 < (torch.as_tensor(learned) - start).abs().max() < 0.2
    longer = TrainConfig(
        [photos], tmp_path / "run", hours=8 / 3600, batch=2, size=128, threads=1, sizes=SMALL
    )
    assert torch.load(train(longer), weights_only=True)["step"] > first["step"]


def test_train_export_encode_decode_as_processes(tmp_path: Path, cli: Cli) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    Image.fromarray(photo(256, 384)).save(photos / "a.png")
    sizes = json.dumps({k: v for k, v in vars(SMALL).items() if k != "lmbda"})
    common = ("--data", photos, "--out", tmp_path / "run", "--size", "128", "--threads", "1")
    done = cli("train", "image", "--family", "vae", "--hours", "0.001", *common, "--sizes", sizes)
    assert done.code == 0, done.err
    done = cli("export", "image", tmp_path / "run/checkpoint.pt", "-o", tmp_path / "pack")
    assert done.code == 0, done.err
    stream, out = tmp_path / "a.pauca", tmp_path / "b.png"
    done = cli("encode", photos / "a.png", "-o", stream, "-m", tmp_path / "pack")
    assert done.code == 0, done.err
    done = cli("decode", stream, "-o", out, "-m", tmp_path / "pack")
    assert done.code == 0, done.err
    with Image.open(out) as image:
        assert psnr(np.asarray(image), photo(256, 384)) > 15
    unknown = cli("train", "image", "--family", "cubism", *common)
    assert unknown.code != 0
    assert "cubism" in unknown.err and "Traceback" not in unknown.err
