"""Peers and our own codec behind one face: round trips, settings, searches, clear refusals."""

import io
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, JpegImagePlugin

from pauca.bench.codecs import PEERS, Codec, encode_within, find_codec, parse_pauca
from pauca.errors import InputError, MissingExtraError
from pauca.metrics.psnr import psnr

Pixels = NDArray[np.uint8]


def waves(height: int, width: int) -> Pixels:
    y, x, c = np.mgrid[0:height, 0:width, 0:3]
    noise = (x * 2654435761 + y * 40503 + c * 97) % 1009 / 1009 * 20
    return np.asarray(110 + 60 * np.sin(x / 9 + c) + 40 * np.cos(y / 7) + noise, np.uint8)


def peer(name: str) -> Codec:
    try:
        return find_codec(name)
    except MissingExtraError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("name", PEERS)
def test_peer_returns_the_picture_and_more_bytes_look_better(name: str) -> None:
    codec, pixels = peer(name), waves(75, 101)
    low, high = (codec.encode(pixels, codec.qualities[i]) for i in (1, -1))
    assert len(low) < len(high)
    assert codec.decode(low).shape == pixels.shape
    assert psnr(pixels, codec.decode(low)) + 3 < psnr(pixels, codec.decode(high))
    assert psnr(pixels, codec.decode(high)) > 26


@pytest.mark.parametrize("name", PEERS)
def test_qualities_lie_on_the_scale(name: str) -> None:
    codec = peer(name)
    places = [codec.scale.index(quality) for quality in codec.qualities]
    assert places == sorted(places)


def test_jpeg_is_the_420_that_its_settings_say() -> None:
    data = peer("jpeg").encode(waves(64, 64), 50)
    with Image.open(io.BytesIO(data)) as image:
        assert image.format == "JPEG"
        assert JpegImagePlugin.get_sampling(image) == 2
        assert "progressive" not in image.info


@pytest.mark.parametrize(("half", "full"), [("avif", "avif444"), ("heic", "heic444")])
def test_444_keeps_the_colour_detail_that_420_loses(half: str, full: str) -> None:
    pixels = np.zeros((64, 64, 3), np.uint8)
    pixels[:, ::2] = (200, 40, 40)
    pixels[:, 1::2] = (40, 40, 200)
    results = []
    for codec in (peer(half), peer(full)):
        results.append(psnr(pixels, codec.decode(codec.encode(pixels, 90))))
    assert results[0] + 10 < results[1]


def test_search_takes_the_best_setting_that_fits() -> None:
    codec, pixels = peer("jpeg"), waves(96, 96)
    exact = len(codec.encode(pixels, 40))
    for size in (exact, exact + 1):
        quality, data = encode_within(codec, pixels, size)
        assert data == codec.encode(pixels, quality)
        assert exact <= len(data) <= size < len(codec.encode(pixels, quality + 1))


def test_search_below_the_smallest_file_returns_it() -> None:
    codec, pixels = peer("jpeg"), waves(96, 96)
    assert encode_within(codec, pixels, 10) == (1, codec.encode(pixels, 1))


def test_search_above_the_largest_file_returns_it() -> None:
    codec, pixels = peer("jpeg"), waves(16, 16)
    assert encode_within(codec, pixels, 10**9)[0] == codec.scale[-1]


@pytest.mark.parametrize(
    ("name", "library"),
    [("jxl", "imagecodecs"), ("heic", "pillow_heif"), ("heic444", "pillow_heif")],
)
def test_missing_library_names_the_extra(
    name: str, library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(MissingExtraError, match=r'pip install "pauca\[bench\]"'):
        PEERS[name](name)


@pytest.mark.parametrize("name", ["", "jpg", "JPEG", "paucax", "pauca2:a"])
def test_unknown_codec_lists_the_known(name: str) -> None:
    with pytest.raises(InputError, match="jpeg, webp"):
        find_codec(name)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("pauca", ("img-psnr", 3)),
        ("pauca:img-ssim", ("img-ssim", 3)),
        ("pauca:img-psnr@7", ("img-psnr", 7)),
        ("pauca:./a.b/pack@1", ("./a.b/pack", 1)),
    ],
)
def test_pauca_names(name: str, expected: tuple[str, int]) -> None:
    assert parse_pauca(name) == expected


@pytest.mark.parametrize("name", ["pauca:a@0", "pauca:a@10", "pauca:a@x", "pauca:@5", "pauca:a@"])
def test_bad_effort_is_named(name: str) -> None:
    with pytest.raises(InputError, match="effort"):
        parse_pauca(name)


@pytest.fixture
def fake_pack(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Stand-ins for the image codec that record how they are called."""
    calls: list[Any] = []
    pack = SimpleNamespace(info=SimpleNamespace(path=Path("some/folder")))

    def encode_image(pixels: Pixels, pack: object, options: SimpleNamespace) -> bytes:
        calls.append(("encode", pack, options.quality, options.effort))
        return bytes(pixels.shape[0])

    def decode_image(data: bytes, packs: tuple[Path, ...]) -> Pixels:
        calls.append(("decode", len(data), packs))
        return np.zeros((len(data), 1, 3), np.uint8)

    def create_model(name: str) -> object:
        calls.append(("create", name))
        return pack

    def module(name: str, **content: Callable[..., Any]) -> None:
        made = ModuleType(name)
        made.__dict__.update(content)
        monkeypatch.setitem(sys.modules, name, made)

    module(
        "pauca.image.codec",
        EncodeOptions=SimpleNamespace,
        encode_image=encode_image,
        decode_image=decode_image,
    )
    module("pauca.pack.registry", create_model=create_model)
    find_codec.cache_clear()
    yield calls
    find_codec.cache_clear()


def test_pauca_codec_loads_its_pack_once_and_passes_effort_on(fake_pack: list[Any]) -> None:
    codec = find_codec("pauca:mine@6")
    data = codec.encode(waves(5, 4), 33.0)
    codec.decode(data)
    find_codec("pauca:mine@6").encode(waves(5, 4), 44.0)
    names = [call[0] for call in fake_pack]
    assert names == ["create", "encode", "decode", "encode"]
    assert fake_pack[0] == ("create", "mine")
    assert fake_pack[1][2:] == (33.0, 6)
    assert fake_pack[2] == ("decode", 5, (Path("some/folder"),))


def test_shipped_pack_in_the_bench() -> None:
    registry = pytest.importorskip("pauca.pack.registry")
    if not registry.list_models("img-psnr"):
        pytest.skip("no img-psnr pack is shipped")
    codec, pixels = find_codec("pauca:img-psnr@1"), waves(70, 90)
    low, high = codec.encode(pixels, 10), codec.encode(pixels, 80)
    assert len(low) < len(high)
    assert psnr(pixels, codec.decode(low)) < psnr(pixels, codec.decode(high))
