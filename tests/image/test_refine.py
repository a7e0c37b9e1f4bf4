"""Efforts 7 to 9: the model of a pack is its decoder, and gradients through it pay."""

from pathlib import Path

import numpy as np
import pytest
from image.photos import photo
from numpy.typing import NDArray
from process import Cli

from pauca import create_model, decode, encode
from pauca.image.codec import PictureEncoder
from pauca.image.coded import EncodeOptions
from pauca.image.layout import ALIGN, base_step
from pauca.image.symbols import Encoder, Symbols
from pauca.metrics.psnr import psnr

torch = pytest.importorskip("torch")

from pauca.image.twin_torch import PackModel  # noqa: E402  (needs torch)

PACK = create_model("img-psnr")
CODE = 160


def cost(pixels: NDArray[np.uint8], stream: bytes) -> float:
    """Bits and squared error as the encoder weighs them, of a grey or RGB picture."""
    error = float(np.square(decode(stream).astype(np.float64) - pixels).sum())
    base = float(base_step(np.float64(CODE / 4)))  # type: ignore[arg-type]
    planes = 3 if pixels.ndim == 3 else 1
    return 8 * len(stream) + error / (planes * PACK.lmbda * base**2)


class Recording(PackModel):
    """Keeps what it rounds to."""

    def rounded(self, r: torch.Tensor) -> torch.Tensor:
        q = super().rounded(r)
        self.__dict__.setdefault("symbols", []).append(q[0].permute(1, 2, 0).numpy().ravel())
        return q


def test_model_of_a_pack_is_its_decoder(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[list[Symbols]] = []
    stream = Encoder._stream
    monkeypatch.setattr(Encoder, "_stream", lambda e, s: kept.append(list(s)) or stream(e, s))
    pixels = photo(2 * ALIGN, ALIGN)
    encoder = PictureEncoder(pixels, PACK, EncodeOptions(effort=1, threads=1))
    coded, seen = encoder.encode_and_decode(CODE)
    symbols = np.concatenate([part for part, _ in kept[0][1:]])
    analysis = encoder._analysed
    assert analysis is not None
    details = [torch.from_numpy(d)[None] for d in analysis._kept]
    model = Recording(PACK, CODE)
    with torch.no_grad():
        low = torch.from_numpy(analysis.low_band)[None]
        x_hat, bits = model.code(low, details, torch.tensor([CODE / 4]))
    found = np.concatenate(model.symbols)
    # Floats round apart from integers now and then, and what is coded later follows.
    where = np.flatnonzero((symbols != 0) | (found != 0))
    assert (symbols[where] == found[where]).mean() > 0.85 and np.abs(symbols - found).max() <= 2
    same = x_hat[0].permute(1, 2, 0).numpy().clip(0, 255)
    assert abs(psnr(pixels, same.round().astype(np.uint8)) - psnr(pixels, seen)) < 0.1
    payload = 8 * sum(len(chunk.payload) for chunk in coded.payload)
    assert 0.96 * payload < float(bits) < payload  # the lowest band is not counted


@pytest.mark.parametrize("grey", [False, True])
@pytest.mark.parametrize("tile", [None, 128])
def test_refined_streams_cost_less(grey: bool, tile: int | None) -> None:
    pixels = photo(150, 230, grey)
    plain, refined = (
        encode(pixels, quality=CODE / 4, effort=effort, threads=2, tile=tile) for effort in (3, 7)
    )
    assert cost(pixels, refined) < 0.985 * cost(pixels, plain)


def test_large_pictures_are_refined_in_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    from pauca.image import refine_torch as refine

    pixels = photo(256, 384)
    whole = encode(pixels, quality=CODE / 4, effort=7, threads=2)
    monkeypatch.setattr(refine, "TILE", 128)
    assert len(list(refine._tiles((256, 384)))) == 6
    tiled = encode(pixels, quality=CODE / 4, effort=7, threads=2)
    plain = encode(pixels, quality=CODE / 4, effort=3, threads=2)
    gain, share = cost(pixels, plain) - cost(pixels, whole), 0.8
    assert cost(pixels, plain) - cost(pixels, tiled) > share * gain > 0


def test_the_border_of_a_picture_counts_and_what_pads_it_does_not() -> None:
    from pauca.image.refine_torch import _target
    from pauca.image.window import Span, Window

    encoder = PictureEncoder(photo(100, 130), PACK, EncodeOptions(effort=1, threads=1))
    encoder.encode(CODE)
    assert encoder._analysed is not None
    target, weight = _target(encoder._analysed, Window(Span(0, 128), Span(128, 256)))
    assert target.shape == (3, 128, 128) and weight.shape == (128, 128)
    assert weight[:100, :2].all() and weight.sum() == 200
    assert np.array_equal(target[:, 99, 1], photo(100, 130)[99, 129])
    assert np.array_equal(target[:, 127, 127], photo(100, 130)[99, 129])


def test_without_torch_a_line_says_what_is_missing(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from PIL import Image

    Image.fromarray(photo(64, 64)).save(tmp_path / "a.png")
    (tmp_path / "torch.py").write_text("raise ModuleNotFoundError(\"No module named 'torch'\")")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    done = cli("encode", "a.png", "-o", "a.pauca", "-e", "9")
    assert done.code != 0 and "pip install pauca[train]" in done.err
    assert "Traceback" not in done.err and not (tmp_path / "a.pauca").exists()
